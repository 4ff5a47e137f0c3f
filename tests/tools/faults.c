/* faults.so: preloaded, it makes chosen system calls fail, or ends the process at one of
 * them. The environment controls it:
 *   FAULT_CALLS  names, separated by commas; "all" means each call on a file
 *   FAULT_BELOW  a directory: only calls on it or on files in it count
 *   FAULT_AT     the number of the call that fails, from 1; 0: none fails
 *   FAULT_HOW    fail (EIO), broken (EIO from then on), full (ENOSPC from then on),
 *                EMLINK, EINVAL (from then on, too),
 *                short (a write ends half-way), kill (the process ends, status 137),
 *                or the name of an error that this one call gets: see hows
 *   FAULT_NO_SLEEP  if set, usleep returns at once
 *   FAULT_COUNT  a file to which the number of counted calls is written
 *   FAULT_LOG    a file with a line for each counted call, "CALL PATH"; with "!" before
 *                it if the call fails, and " *" after it if it writes FAULT_MARK
 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The exit status that a shell reports after SIGKILL. */
#define KILLED 137

enum what {
	WHAT_ERROR,
	WHAT_SHORT,
	WHAT_KILL,
};

static const struct how {
	const char *name;
	enum what what;
	int error;
	bool lasts;
} hows[] = {
	{ "fail", WHAT_ERROR, EIO, false },	 { "broken", WHAT_ERROR, EIO, true },
	{ "full", WHAT_ERROR, ENOSPC, true },	 { "short", WHAT_SHORT, EIO, false },
	{ "kill", WHAT_KILL, EIO, false },	 { "EIO", WHAT_ERROR, EIO, false },
	{ "ENOSPC", WHAT_ERROR, ENOSPC, false }, { "EDQUOT", WHAT_ERROR, EDQUOT, false },
	{ "EMFILE", WHAT_ERROR, EMFILE, false }, { "ENOMEM", WHAT_ERROR, ENOMEM, false },
	{ "EAGAIN", WHAT_ERROR, EAGAIN, false }, { "EINTR", WHAT_ERROR, EINTR, false },
	{ "EMLINK", WHAT_ERROR, EMLINK, true },	 { "EINVAL", WHAT_ERROR, EINVAL, true },
};

static struct {
	const char *calls;
	const char *below;
	const char *mark;
	int count_fd, log_fd; /* opened at the start: a sandbox would refuse it later */
	long at;
	const struct how *how;
	atomic_long count;
} faults = { .count_fd = -1, .log_fd = -1, .how = hows };

static int open_output(const char *variable, int flags)
{
	const char *path = getenv(variable);

	return path ? (int)syscall(SYS_openat, AT_FDCWD, path,
				   O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600)
		    : -1;
}

__attribute__((constructor)) static void read_environment(void)
{
	const char *at = getenv("FAULT_AT");
	const char *how = getenv("FAULT_HOW");

	faults.calls = getenv("FAULT_CALLS");
	faults.below = getenv("FAULT_BELOW");
	faults.mark = getenv("FAULT_MARK");
	faults.at = at ? strtol(at, NULL, 10) : 0;
	for (size_t i = 0; how && i < sizeof(hows) / sizeof(hows[0]); i++)
		if (!strcmp(how, hows[i].name))
			faults.how = &hows[i];
	faults.count_fd = open_output("FAULT_COUNT", O_TRUNC);
	faults.log_fd = open_output("FAULT_LOG", O_APPEND);
}

__attribute__((destructor)) static void write_count(void)
{
	char text[32];
	int len;

	if (faults.count_fd < 0)
		return;
	len = snprintf(text, sizeof(text), "%ld\n", (long)faults.count);
	syscall(SYS_write, faults.count_fd, text, len);
}

static bool is_chosen(const char *call, bool by_all)
{
	const char *at = faults.calls;

	for (; at && *at; at += *at == ',') {
		size_t len = strcspn(at, ",");

		if ((len == strlen(call) && !strncmp(at, call, len)) ||
		    (by_all && len == strlen("all") && !strncmp(at, "all", len)))
			return true;
		at += len;
	}
	return false;
}

static bool starts_below(const char *path)
{
	return !strncmp(path, faults.below, strlen(faults.below));
}

/* The name of the file that FD has open, followed by PATH. */
static void write_name(char out[PATH_MAX], int fd, const char *path)
{
	char link[64];
	ssize_t len;

	if (path && (path[0] == '/' || fd == AT_FDCWD)) {
		snprintf(out, PATH_MAX, "%s", path);
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = syscall(SYS_readlink, link, out, PATH_MAX - 1);
	len = len < 0 ? 0 : len;
	snprintf(out + len, (size_t)(PATH_MAX - len), "%s%s", path ? "/" : "",
		 path ? path : "");
}

static void log_call(const char *call, const char *name, bool met, bool marked)
{
	char line[PATH_MAX + 64];
	int len;

	if (faults.log_fd < 0)
		return;
	len = snprintf(line, sizeof(line), "%s%s %s%s\n", met ? "!" : "", call, name,
		       marked ? " *" : "");
	syscall(SYS_write, faults.log_fd, line, len);
}

static bool count(const char *call, const char *name, bool marked)
{
	long number = atomic_fetch_add(&faults.count, 1) + 1;
	bool met = faults.at &&
		   (number == faults.at || (number > faults.at && faults.how->lasts));

	log_call(call, name, met, marked);
	/* As SIGKILL would end it; a sandbox would not let us send that. */
	if (met && faults.how->what == WHAT_KILL)
		syscall(SYS_exit_group, KILLED);
	return met;
}

static bool meets(const char *call, int fd, const char *path, bool marked)
{
	char name[PATH_MAX];
	int saved = errno;
	bool met = false;

	if (faults.below && is_chosen(call, true)) {
		write_name(name, fd, path);
		met = starts_below(name) && count(call, name, marked);
	}
	errno = saved;
	return met;
}

bool faults_meets(const char *call, int fd, const char *path)
{
	return meets(call, fd, path, false);
}

bool faults_meets_write(const char *call, int fd, const void *p, size_t len)
{
	return meets(call, fd, NULL,
		     faults.mark && memmem(p, len, faults.mark, strlen(faults.mark)));
}

bool faults_meets_fileless(const char *call)
{
	int saved = errno;
	bool met = is_chosen(call, false) && count(call, "-", false);

	errno = saved;
	return met;
}

int faults_errno(void)
{
	return faults.how->error;
}

bool faults_are_short(void)
{
	return faults.how->what == WHAT_SHORT;
}
