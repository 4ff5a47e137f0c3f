#include "store/gc_client.h"

#include <errno.h>
#include <fcntl.h>
#include <nixferry/storepath.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/owner.h"

#define SOCKET_DIR "gc-socket"
#define POLL_MS	   100

#define ACKNOWLEDGED '1'

void gc_client_init(struct gc_client *c, const struct target *t)
{
	*c = (struct gc_client){ .target = t, .fd = -1 };
}

void gc_client_close(struct gc_client *c)
{
	cleanup_fd(&c->fd);
	c->fd = -1;
}

/* Only those who may use the store can have made the socket. No collector has run yet if
 * the directory does not exist: *ret_fd stays -1. */
static int open_directory(int *ret_fd, const struct target *t, struct nf_err *err)
{
	AUTO_FREE char *path = mem_printf("%s/" SOCKET_DIR, t->state_dir);
	AUTO_FD int fd = openat(t->state_fd, SOCKET_DIR,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "cannot open '%s'", path);
	rc = owner_check_fd(fd, OWNER_DIR, t->owner, path, err);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

/* A collector that has just begun does not listen yet, one that has ended leaves its
 * socket, and a sandbox may allow no sockets: none of these is a failure. */
static int connect_client(struct gc_client *c, struct nf_err *err)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	AUTO_FD int dir_fd = -1;
	AUTO_FD int fd = -1;
	int rc = open_directory(&dir_fd, c->target, err);

	if (rc || dir_fd < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	/* A path may be longer than an address. */
	snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d/socket", dir_fd);
	if (!connect(fd, (const struct sockaddr *)&name, sizeof(name)))
		c->fd = TAKE_FD(fd);
	return 0;
}

/* Waits until the socket can be read or written. */
static int wait_for_socket(const struct gc_client *c, short events, struct nf_err *err)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int rc;

	do {
		rc = interrupt_check(err);
		if (rc)
			return rc;
	} while (poll(&p, 1, POLL_MS) <= 0);
	return 0;
}

static bool is_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* After a send or receive that returned N: 1 if it has to be repeated, 0 if not; closes
 * the connection if the collector has ended. */
static int look_at_transfer(struct gc_client *c, ssize_t n, short events,
			    struct nf_err *err)
{
	int rc;

	if (n > 0)
		return 0;
	if (n == 0 || !is_again()) {
		gc_client_close(c);
		return 0;
	}
	rc = wait_for_socket(c, events, err);
	return rc ? rc : 1;
}

static int send_line(struct gc_client *c, const char *line, struct nf_err *err)
{
	size_t len = strlen(line), done = 0;
	int rc = 0;

	while (rc >= 0 && c->fd >= 0 && done < len) {
		ssize_t n = send(c->fd, line + done, len - done, MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t)n;
		rc = look_at_transfer(c, n, POLLOUT, err);
	}
	return rc < 0 ? rc : 0;
}

static int receive_answer(struct gc_client *c, struct nf_err *err)
{
	char answer = ACKNOWLEDGED;
	int rc = 1;

	while (rc > 0)
		rc = look_at_transfer(c, recv(c->fd, &answer, 1, 0), POLLIN, err);
	if (rc || answer == ACKNOWLEDGED)
		return rc;
	return err_set(err, NF_E_SYS,
		       "'%s/" SOCKET_DIR
		       "/socket': not the answer of a garbage collector",
		       c->target->state_dir);
}

static int tell_one(struct gc_client *c, struct nf_slice base, struct nf_err *err)
{
	AUTO_FREE char *line = mem_printf(NF_STORE_DIR "/%.*s\n", NF_SLICE_ARG(base));
	int rc = send_line(c, line, err);

	return rc || c->fd < 0 ? rc : receive_answer(c, err);
}

int gc_client_tell(struct gc_client *c, const struct nf_slice *bases, size_t count,
		   bool *ret_told, struct nf_err *err)
{
	int rc = c->fd < 0 ? connect_client(c, err) : 0;

	for (size_t i = 0; !rc && c->fd >= 0 && i < count; i++)
		rc = tell_one(c, bases[i], err);
	*ret_told = !rc && c->fd >= 0;
	if (rc)
		gc_client_close(c);
	return rc;
}
