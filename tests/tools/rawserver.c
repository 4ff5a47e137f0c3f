/* rawserver: produces faults that a server with an HTTP library cannot produce, and
 * the tunnel of a proxy. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/mem.h"

#define HEAD_MAX 16384
#define BLOCK	 65536
#define FULL_OF	 4

static const char usage[] =
	"usage: rawserver MODE PORT-FILE [LOG]\n"
	"Listens on 127.0.0.1, until its parent ends. MODE is one of\n"
	"  silent    takes connections and says nothing\n"
	"  full      takes none: its queue of connections is full\n"
	"  reset     reads a request, then resets the connection\n"
	"  say:FILE  reads a request, says the bytes of FILE, and closes\n"
	"  cut:FILE  the same, but resets the connection behind them\n"
	"  tunnel    a proxy for CONNECT: to that port, of this machine in any case\n"
	"LOG gets the first line of each request.\n";

struct server {
	const char *mode;
	const char *file; /* after the mode's colon, or NULL */
	int log_fd;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int connect_to(uint16_t port, int flags)
{
	struct sockaddr_in addr = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

/* Reads the head of a request up to its empty line. */
static bool read_head(const struct server *s, int fd, char head[HEAD_MAX])
{
	size_t len = 0;

	while (len < HEAD_MAX - 1) {
		ssize_t n = read(fd, head + len, 1);

		if (n <= 0)
			return false;
		head[++len] = '\0';
		if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) {
			if (s->log_fd >= 0)
				write_all(s->log_fd, head, strcspn(head, "\r") + 2);
			return true;
		}
	}
	return false;
}

/* Closing it resets the connection. */
static void set_reset(int fd)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

static void say(const struct server *s, int fd)
{
	int file = open(s->file, O_RDONLY);
	char block[BLOCK];
	ssize_t n;

	if (file < 0)
		die(s->file);
	while ((n = read(file, block, sizeof(block))) > 0)
		write_all(fd, block, (size_t)n);
	close(file);
}

static bool pass_on(int from, int to)
{
	char block[BLOCK];
	ssize_t n = read(from, block, sizeof(block));

	if (n > 0)
		write_all(to, block, (size_t)n);
	return n > 0;
}

static void tunnel(int fd, const char *head)
{
	static const char yes[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	static const char no[] = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
	const char *colon = strchr(head, ':');
	int other = -1;
	struct pollfd p[2];

	if (strncmp(head, "CONNECT ", 8) == 0 && colon)
		other = connect_to((uint16_t)strtol(colon + 1, NULL, 10), 0);
	if (other < 0) {
		write_all(fd, no, sizeof(no) - 1);
		return;
	}
	write_all(fd, yes, sizeof(yes) - 1);
	p[0] = (struct pollfd){ .fd = fd, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = other, .events = POLLIN };
	while (poll(p, 2, -1) > 0)
		if ((p[0].revents && !pass_on(fd, other)) ||
		    (p[1].revents && !pass_on(other, fd)))
			return;
}

static void serve(const struct server *s, int fd)
{
	char head[HEAD_MAX];

	if (!read_head(s, fd, head))
		return;
	if (strcmp(s->mode, "tunnel") == 0)
		tunnel(fd, head);
	if (s->file)
		say(s, fd);
	if (strcmp(s->mode, "reset") == 0 || strcmp(s->mode, "cut") == 0)
		set_reset(fd);
	close(fd);
}

/* Each connection has its own process, which ends with this one. */
static void accept_all(const struct server *s, int listener)
{
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(listener);
			serve(s, fd);
			_exit(0);
		}
		close(fd);
	}
}

static int listen_on(int backlog, uint16_t *ret_port)
{
	struct sockaddr_in addr = loopback(0);
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, backlog) || getsockname(fd, (struct sockaddr *)&addr, &len))
		die("listen");
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static void tell_port(const char *file, uint16_t port)
{
	char text[16];
	struct nf_err err;

	snprintf(text, sizeof(text), "%u\n", port);
	if (file_replace_at(AT_FDCWD, file, text, strlen(text), 0644, &err)) {
		fprintf(stderr, "rawserver: %s\n", err.text);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct server s = { .log_fd = -1 };
	bool is_full, is_silent;
	uint16_t port;
	char *colon;
	int listener;

	if (argc < 3 || argc > 4) {
		fputs(usage, stderr);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	s.mode = argv[1];
	colon = strchr(argv[1], ':');
	if (colon) {
		*colon = '\0';
		s.file = colon + 1;
	}
	if (argc == 4)
		s.log_fd = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0644);
	is_full = strcmp(s.mode, "full") == 0;
	is_silent = strcmp(s.mode, "silent") == 0;
	listener = listen_on(is_full ? 0 : SOMAXCONN, &port);
	for (int i = 0; is_full && i < FULL_OF; i++)
		if (connect_to(port, SOCK_NONBLOCK) < 0)
			die("connect");
	tell_port(argv[2], port);
	if (!is_full && !is_silent)
		accept_all(&s, listener);
	pause();
	return 0;
}
