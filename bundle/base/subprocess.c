#include "base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/interrupt.h"
#include "base/slice.h"

/* Only the end of its messages is kept. */
#define MESSAGES_MAX 4096
/* A signal may reach another thread than the waiting one. */
#define POLL_MS 200

struct child {
	pid_t pid;
	int out; /* to read from; -1 after its end */
	int messages;
	char tail[MESSAGES_MAX]; /* text of standard error */
	size_t tail_len;
};

struct pipe {
	int read;
	int write;
};

static void pipe_close(struct pipe *p)
{
	cleanup_fd(&p->read);
	cleanup_fd(&p->write);
}

static int pipe_open(struct pipe *p, struct nf_err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return err_sys(err, "cannot create a pipe");
	*p = (struct pipe){ fds[0], fds[1] };
	return 0;
}

/* FILES may be NULL. */
static int spawn(pid_t *ret, const char *const *argv,
		 const posix_spawn_file_actions_t *files, struct nf_err *err)
{
	/* posix_spawnp does not write to the strings, although its declaration suggests
	 * it. */
	int code = posix_spawnp(ret, argv[0], files, NULL, (char *const *)(uintptr_t)argv,
				environ);

	if (code == 0)
		return 0;
	errno = code;
	if (code == ENOENT)
		return err_set(err, NF_E_MISSING, "'%s' is not on PATH", argv[0]);
	return err_sys(err, "cannot run '%s'", argv[0]);
}

static int spawn_piped(struct child *c, const char *const *argv, int out, int messages,
		       struct nf_err *err)
{
	posix_spawn_file_actions_t files;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, messages, STDERR_FILENO);
	rc = spawn(&c->pid, argv, &files, err);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

static int start_child(struct child *c, const char *const *argv, struct nf_err *err)
{
	AUTO(pipe_close) struct pipe out = { -1, -1 };
	AUTO(pipe_close) struct pipe messages = { -1, -1 };
	int rc;

	rc = pipe_open(&out, err);
	if (!rc)
		rc = pipe_open(&messages, err);
	if (!rc)
		rc = spawn_piped(c, argv, out.write, messages.write, err);
	if (rc)
		return rc;
	c->out = TAKE_FD(out.read);
	c->messages = TAKE_FD(messages.read);
	return 0;
}

static void keep_tail(struct child *c, const char *p, size_t len)
{
	size_t over =
		c->tail_len + len > MESSAGES_MAX ? c->tail_len + len - MESSAGES_MAX : 0;

	memmove(c->tail, c->tail + over, c->tail_len - over);
	c->tail_len -= over;
	memcpy(c->tail + c->tail_len, p, len);
	c->tail_len += len;
}

/* Reads once from *FD; closes it at its end. */
static int read_some(struct child *c, int *fd, struct buf *out, struct nf_err *err)
{
	char bytes[MESSAGES_MAX / 2];
	ssize_t len = read(*fd, bytes, sizeof(bytes));

	if (len < 0)
		return errno == EINTR ? 0
				      : err_sys(err, "cannot read the program's output");
	if (len == 0)
		close(TAKE_FD(*fd));
	else if (fd == &c->messages)
		keep_tail(c, bytes, (size_t)len);
	else
		buf_add(out, bytes, (size_t)len);
	if (buf_failed(out))
		return err_set(err, NF_E_LIMIT, "the program's output exceeds %zu bytes",
			       out->max);
	return 0;
}

static int read_all(struct child *c, struct buf *out, struct nf_err *err)
{
	int rc = 0;

	while (!rc && (c->out >= 0 || c->messages >= 0)) {
		struct pollfd fds[] = { { .fd = c->out, .events = POLLIN },
					{ .fd = c->messages, .events = POLLIN } };

		if (poll(fds, ARRAY_SIZE(fds), POLL_MS) < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for the program");
		rc = interrupt_check(err);
		if (!rc && fds[0].revents)
			rc = read_some(c, &c->out, out, err);
		if (!rc && fds[1].revents)
			rc = read_some(c, &c->messages, out, err);
	}
	return rc;
}

static struct nf_slice last_message(const struct child *c)
{
	struct nf_slice rest = nf_slice(c->tail, c->tail_len);
	struct nf_slice last = { 0 };
	bool is_error = false;

	while (rest.len) {
		struct nf_slice line = slice_trim(slice_cut(&rest, '\n'));
		struct nf_slice after = line;
		bool says_error = slice_skip_prefix(&after, "error:") && after.len;

		if (line.len && (says_error || !is_error))
			last = line;
		is_error = is_error || says_error;
	}
	return last;
}

static int judge(const struct child *c, const char *name, int status, struct nf_err *err)
{
	struct nf_slice last = last_message(c);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (last.len)
		return err_set(err, NF_E_SYS, "%s: %.*s", name, NF_SLICE_ARG(last));
	if (WIFSIGNALED(status))
		return err_set(err, NF_E_SYS, "%s: killed by signal %d", name,
			       WTERMSIG(status));
	return err_set(err, NF_E_SYS, "%s: exit status %d", name, WEXITSTATUS(status));
}

static int wait_for_end(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int subprocess_run(const char *const *argv, struct buf *out, struct nf_err *err)
{
	struct child c = { .out = -1, .messages = -1 };
	int status = 0;
	int rc;

	rc = start_child(&c, argv, err);
	if (rc)
		return rc;
	rc = read_all(&c, out, err);
	if (rc)
		kill(c.pid, SIGTERM);
	cleanup_fd(&c.out);
	cleanup_fd(&c.messages);
	status = wait_for_end(c.pid);
	return rc ? rc : judge(&c, argv[0], status, err);
}

int subprocess_run_here(const char *const *argv, struct nf_err *err)
{
	struct child c = { .out = -1, .messages = -1 };
	int rc = spawn(&c.pid, argv, NULL, err);

	return rc ? rc : judge(&c, argv[0], wait_for_end(c.pid), err);
}

/* ---- watched ---- */

static int spawn_watched(struct child *c, const char *const *argv, int out_fd,
			 struct nf_err *err)
{
	AUTO(pipe_close) struct pipe messages = { -1, -1 };
	posix_spawn_file_actions_t files;
	int rc = pipe_open(&messages, err);

	if (rc)
		return rc;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, messages.write, STDERR_FILENO);
	rc = spawn(&c->pid, argv, &files, err);
	posix_spawn_file_actions_destroy(&files);
	if (!rc)
		c->messages = TAKE_FD(messages.read);
	return rc;
}

/* Another process may keep the pipe open after the program has ended. */
static bool has_ended(struct child *c, int *status)
{
	if (c->pid > 0 && waitpid(c->pid, status, WNOHANG) == c->pid)
		c->pid = 0;
	return c->pid == 0;
}

int subprocess_run_watched(const char *const *argv, int out_fd,
			   void (*saw)(void *ctx, struct nf_slice bytes), void *ctx,
			   struct nf_err *err)
{
	struct child c = { .out = -1, .messages = -1 };
	bool told = false;
	int status = 0, rc = spawn_watched(&c, argv, out_fd, err);

	if (rc)
		return rc;
	for (;;) {
		struct pollfd fd = { .fd = c.messages, .events = POLLIN };
		char bytes[MESSAGES_MAX];
		int ready = poll(&fd, 1, POLL_MS);
		ssize_t len = ready > 0 ? read(c.messages, bytes, sizeof(bytes)) : -1;

		if (len > 0)
			saw(ctx, nf_slice(bytes, (size_t)len));
		if (interrupt_pending() && !told && c.pid > 0) {
			kill(c.pid, SIGTERM);
			told = true;
		}
		if (len == 0 || (ready == 0 && has_ended(&c, &status)))
			break;
	}
	cleanup_fd(&c.messages);
	if (c.pid)
		status = wait_for_end(c.pid);
	rc = interrupt_check(err);
	return rc ? rc : judge(&c, argv[0], status, err);
}
