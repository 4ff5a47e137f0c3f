#include "store/daemon_conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"

#define DEFAULT_SOCKET "/nix/var/nix/daemon-socket/socket"
#define CLIENT_MAGIC   0x6e697863
#define DAEMON_MAGIC   0x6478696f
/* Spoken here; the oldest is that of Nix 2.4. */
#define VERSION_OURS   DAEMON_VERSION(35)
#define VERSION_OLDEST DAEMON_VERSION(32)
/* From these on the daemon tells its name, and whether it trusts us. */
#define VERSION_TELLS_NAME  33
#define VERSION_TELLS_TRUST 35

/* A signal may meet another thread than the one that waits. */
#define POLL_MS 100
/* After such a silence we say what we wait for. */
#define SILENCE_MS 10000
/* Smaller runs are collected up to this size before they are sent. */
#define COLLECT_MAX (256 * KIB)
#define COPY_MAX    (32 * KIB)
#define SEND_BUFFER (1 * MIB)

struct daemon_conn {
	int fd;
	char *name;
	struct progress *progress;
	struct buf out;
	struct daemon_in in;
	int64_t deadline; /* of the answer to hello; 0: none */
	bool said_silent;
	bool refused; /* the daemon has sent an error for the request that is going out */
	char error[DAEMON_ERROR_TEXT_MAX];
};

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- waiting ---- */

static int check_patience(struct daemon_conn *c, int64_t since, struct nf_err *err)
{
	int64_t now = monotonic_ms();

	if (c->deadline && now > c->deadline)
		return err_set(err, NF_E_SYS, "it does not answer");
	if (!c->said_silent && now - since >= SILENCE_MS) {
		c->said_silent = true;
		progress_note(c->progress,
			      "nix-daemon has been silent for %d s; waiting for it",
			      SILENCE_MS / 1000);
	}
	return 0;
}

/* Until one of EVENTS is there; *RET says which. */
static int wait_for(struct daemon_conn *c, short events, short *ret, struct nf_err *err)
{
	struct pollfd pfd = { .fd = c->fd, .events = events };
	int64_t since = monotonic_ms();

	for (;;) {
		int n, rc = interrupt_check(err);

		if (!rc)
			rc = check_patience(c, since, err);
		if (rc)
			return rc;
		n = poll(&pfd, 1, POLL_MS);
		if (n < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for it");
		if (n > 0) {
			*ret = pfd.revents;
			return 0;
		}
	}
}

static int receive_some(void *ctx, void *bytes, size_t size, size_t *ret_len,
			struct nf_err *err)
{
	struct daemon_conn *c = ctx;
	short events;

	for (;;) {
		ssize_t n = recv(c->fd, bytes, size, MSG_DONTWAIT);
		int rc;

		if (n > 0) {
			*ret_len = (size_t)n;
			return 0;
		}
		if (!n)
			return err_set(err, NF_E_SYS, "it has closed the connection");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys(err, "cannot read from it");
		rc = wait_for(c, POLLIN, &events, err);
		if (rc)
			return rc;
	}
}

int daemon_conn_fault(struct daemon_conn *c, int rc, struct nf_err *err)
{
	if (!rc || rc == -NF_E_INTR)
		return rc;
	return err_prefix(err, rc, "nix-daemon at '%s'", c->name);
}

/* ---- sending ---- */

/* A message that comes while a request still goes out. */
static int take_message(struct daemon_conn *c, struct nf_err *err)
{
	enum daemon_message kind;
	int rc = daemon_get_message(&c->in, &kind, c->error, err);

	if (!rc && kind == DAEMON_LAST)
		rc = err_set(err, NF_E_FORMAT, "a reply before the request was sent");
	c->refused = c->refused || (!rc && kind == DAEMON_ERROR);
	return rc;
}

/* Nobody reads on while the other does not: messages are taken while we wait. */
static int wait_to_send(struct daemon_conn *c, struct nf_err *err)
{
	short events = 0;
	int rc = wait_for(c, POLLOUT | (c->refused ? 0 : POLLIN), &events, err);

	return !rc && !c->refused && (events & POLLIN) ? take_message(c, err) : rc;
}

static void skip_sent(struct iovec *iov, size_t count, size_t sent)
{
	for (size_t i = 0; i < count; i++) {
		size_t n = sent < iov[i].iov_len ? sent : iov[i].iov_len;

		iov[i].iov_base = (char *)iov[i].iov_base + n;
		iov[i].iov_len -= n;
		sent -= n;
	}
}

/* The collected bytes and then REST. */
static int send_all(struct daemon_conn *c, struct nf_slice rest, struct nf_err *err)
{
	struct iovec iov[] = {
		{ c->out.ptr, c->out.len },
		{ (void *)(uintptr_t)rest.ptr, rest.len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };

	if (buf_failed(&c->out))
		return err_set(err, NF_E_LIMIT, "a request over the limit of %llu bytes",
			       DAEMON_REQUEST_MAX);
	while (iov[0].iov_len + iov[1].iov_len) {
		ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc = 0;

		if (n >= 0)
			skip_sent(iov, ARRAY_SIZE(iov), (size_t)n);
		else if (errno == EAGAIN)
			rc = wait_to_send(c, err);
		else if (errno != EINTR)
			rc = err_sys(err, "cannot write to it");
		if (rc)
			return rc;
	}
	buf_clear(&c->out);
	return 0;
}

static int send_frame(struct daemon_conn *c, struct nf_slice run, struct nf_err *err)
{
	daemon_put_number(&c->out, run.len);
	if (run.len > COPY_MAX || c->out.len + run.len > COLLECT_MAX)
		return send_all(c, run, err);
	buf_add_slice(&c->out, run);
	return 0;
}

/* The daemon may have refused while nothing made us wait. */
static int look_for_refusal(struct daemon_conn *c, struct nf_err *err)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	int rc = 0;

	while (!rc && !c->refused &&
	       (c->in.pos < c->in.len || (poll(&pfd, 1, 0) > 0 && pfd.revents & POLLIN)))
		rc = take_message(c, err);
	return rc;
}

static int send_frames(struct daemon_conn *c, struct nf_source *nar, struct nf_err *err)
{
	struct nf_slice run;
	int rc;

	do {
		rc = source_next(nar, &run, err);
		if (rc)
			return rc;
		rc = run.len ? send_frame(c, run, err) : 0;
		if (!rc)
			rc = look_for_refusal(c, err);
		if (rc)
			return daemon_conn_fault(c, rc, err);
	} while (run.len && !c->refused);
	daemon_put_number(&c->out, 0);
	return 0;
}

int daemon_conn_send_nar(struct daemon_conn *c, struct nf_source *nar, struct nf_err *err)
{
	int rc = send_frames(c, nar, err);

	if (rc)
		daemon_conn_abort(c);
	return rc;
}

int daemon_conn_send(struct daemon_conn *c, struct nf_err *err)
{
	return daemon_conn_fault(c, send_all(c, nf_slice(NULL, 0), err), err);
}

struct buf *daemon_conn_request(struct daemon_conn *c, enum daemon_op op)
{
	daemon_put_number(&c->out, op);
	return &c->out;
}

/* ---- answers ---- */

static int refusal(struct daemon_conn *c, struct nf_err *err)
{
	enum nf_error code = NF_E_SYS;

	c->refused = false;
	if (strstr(c->error, "lacks a valid signature") ||
	    strstr(c->error, "lacks a signature by a trusted key"))
		code = NF_E_TRUST;
	else if (strstr(c->error, strerror(ENOSPC)) || strstr(c->error, strerror(EDQUOT)))
		code = NF_E_NOSPACE;
	return err_set(err, code, "nix-daemon refuses: %s", c->error);
}

int daemon_conn_finish(struct daemon_conn *c, struct nf_err *err)
{
	enum daemon_message kind = c->refused ? DAEMON_ERROR : DAEMON_LOG;
	int rc = c->out.len || buf_failed(&c->out) ? daemon_conn_send(c, err) : 0;

	if (c->refused)
		kind = DAEMON_ERROR;
	while (!rc && kind == DAEMON_LOG)
		rc = daemon_conn_fault(
			c, daemon_get_message(&c->in, &kind, c->error, err), err);
	return !rc && kind == DAEMON_ERROR ? refusal(c, err) : rc;
}

struct daemon_in *daemon_conn_reply(struct daemon_conn *c)
{
	return &c->in;
}

/* ---- opening ---- */

static int check_version(uint64_t version, struct nf_err *err)
{
	if (DAEMON_MAJOR(version) == DAEMON_MAJOR(VERSION_OURS) &&
	    version >= VERSION_OLDEST)
		return 0;
	return err_set(
		err, NF_E_UNSUPPORTED,
		"it speaks version %llu.%llu of the protocol, but %d.%d or later is needed (Nix 2.4)",
		(unsigned long long)DAEMON_MAJOR(version),
		(unsigned long long)DAEMON_MINOR(version), DAEMON_MAJOR(VERSION_OLDEST),
		DAEMON_MINOR(VERSION_OLDEST));
}

/* What nobody needs: the daemon's name, and whether it trusts us, which it tells again by
 * what it refuses. */
static int skip_greeting(struct daemon_conn *c, uint64_t version, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	uint64_t trust;
	int rc = 0;

	buf_init(&text, DAEMON_PATH_MAX);
	if (DAEMON_MINOR(version) >= VERSION_TELLS_NAME)
		rc = daemon_get_string(&c->in, &text, err);
	if (!rc && DAEMON_MINOR(version) >= VERSION_TELLS_TRUST)
		rc = daemon_get_number(&c->in, &trust, err);
	return rc;
}

static int exchange_versions(struct daemon_conn *c, uint64_t *ret, struct nf_err *err)
{
	uint64_t magic;
	int rc;

	daemon_put_number(&c->out, CLIENT_MAGIC);
	daemon_put_number(&c->out, VERSION_OURS);
	rc = send_all(c, nf_slice(NULL, 0), err);
	if (!rc)
		rc = daemon_get_number(&c->in, &magic, err);
	if (!rc && magic != DAEMON_MAGIC)
		rc = err_set(err, NF_E_FORMAT, "it is no nix-daemon");
	if (!rc)
		rc = daemon_get_number(&c->in, ret, err);
	return rc ? rc : check_version(*ret, err);
}

static int say_hello(struct daemon_conn *c, int hello_ms, struct nf_err *err)
{
	uint64_t version;
	int rc;

	c->deadline = monotonic_ms() + hello_ms;
	rc = exchange_versions(c, &version, err);
	if (rc)
		return daemon_conn_fault(c, rc, err);
	daemon_put_number(&c->out, 0); /* no processor is asked for */
	daemon_put_number(&c->out, 0); /* nor space reserved */
	rc = daemon_conn_send(c, err);
	if (!rc)
		rc = daemon_conn_fault(
			c,
			skip_greeting(c, version < VERSION_OURS ? version : VERSION_OURS,
				      err),
			err);
	if (!rc)
		rc = daemon_conn_finish(c, err);
	c->deadline = 0;
	return rc;
}

int daemon_conn_new(struct daemon_conn **ret, int fd, const char *name, int hello_ms,
		    struct progress *progress, struct nf_err *err)
{
	AUTO(daemon_conn_freep) struct daemon_conn *c = mem_calloc(1, sizeof(*c));
	int rc;

	c->fd = fd;
	c->name = mem_strdup(name);
	c->progress = progress;
	c->in.fill = receive_some;
	c->in.ctx = c;
	buf_init(&c->out, DAEMON_REQUEST_MAX);
	rc = say_hello(c, hello_ms, err);
	if (!rc)
		*ret = TAKE_PTR(c);
	return rc;
}

void daemon_conn_free(struct daemon_conn *c)
{
	if (!c)
		return;
	cleanup_fd(&c->fd);
	buf_release(&c->out);
	free(c->name);
	free(c);
}

void daemon_conn_abort(struct daemon_conn *c)
{
	shutdown(c->fd, SHUT_RDWR);
}

const char *daemon_socket_path(void)
{
	const char *path = getenv("NIX_DAEMON_SOCKET_PATH");

	return path && *path ? path : DEFAULT_SOCKET;
}

int daemon_conn_open(struct daemon_conn **ret, const char *socket_path,
		     struct progress *progress, struct nf_err *err)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int size = SEND_BUFFER;

	if (fd < 0)
		return err_sys(err, "cannot create a socket");
	if (strlen(socket_path) >= sizeof(addr.sun_path))
		return err_set(err, NF_E_USAGE, "the socket's path '%s' is too long",
			       socket_path);
	memcpy(addr.sun_path, socket_path, strlen(socket_path) + 1);
	/* The system may allow less. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return err_sys(err, "cannot connect to nix-daemon at '%s'", socket_path);
	return daemon_conn_new(ret, TAKE_FD(fd), socket_path, DAEMON_HELLO_MS, progress,
			       err);
}
