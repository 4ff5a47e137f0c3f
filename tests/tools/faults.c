/* faults.so: preloaded, it lets chosen system calls fail, or kills the process at one of
 * them. It is told by the environment:
 *   FAULT_CALLS  names, separated by commas; "all" is each that is known here
 *   FAULT_BELOW  a directory: only calls for what is in it, or is named so, count
 *   FAULT_AT     the number of the call that meets the fault, from 1; 0: none does
 *   FAULT_HOW    fail (EIO), broken (EIO from then on), full (ENOSPC from then on),
 *                short (a write ends half-way), kill (before the call)
 *   FAULT_COUNT  a file that gets the number of calls that counted when the process ends
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum how {
	HOW_FAIL,
	HOW_BROKEN,
	HOW_FULL,
	HOW_SHORT,
	HOW_KILL,
};

static const char *const how_names[] = { "fail", "broken", "full", "short", "kill" };

static struct {
	const char *calls;
	const char *below;
	FILE *count_file; /* opened at the start: a sandbox would refuse it later */
	long at;
	enum how how;
	atomic_long count;
} faults;

__attribute__((constructor)) static void read_environment(void)
{
	const char *at = getenv("FAULT_AT");
	const char *how = getenv("FAULT_HOW");
	const char *count = getenv("FAULT_COUNT");

	faults.calls = getenv("FAULT_CALLS");
	faults.below = getenv("FAULT_BELOW");
	faults.count_file = count ? fopen(count, "we") : NULL;
	faults.at = at ? strtol(at, NULL, 10) : 0;
	for (size_t i = 0; how && i < sizeof(how_names) / sizeof(how_names[0]); i++)
		if (!strcmp(how, how_names[i]))
			faults.how = (enum how)i;
}

__attribute__((destructor)) static void write_count(void)
{
	if (!faults.count_file)
		return;
	fprintf(faults.count_file, "%ld\n", (long)faults.count);
	fclose(faults.count_file);
}

static bool is_chosen(const char *call)
{
	size_t len = strlen(call);
	const char *at = faults.calls;

	if (at && !strcmp(at, "all"))
		return true;
	for (; at && *at; at += *at == ',') {
		size_t n = strcspn(at, ",");

		if (n == len && !strncmp(at, call, n))
			return true;
		at += n;
	}
	return false;
}

static bool starts_below(const char *path)
{
	return !strncmp(path, faults.below, strlen(faults.below));
}

static bool is_below(int fd, const char *path)
{
	char link[64], target[PATH_MAX];
	ssize_t len;

	if (!faults.below)
		return false;
	if (path && path[0] == '/')
		return starts_below(path);
	if (fd == AT_FDCWD)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	return starts_below(target);
}

/* Whether this call, on PATH (or NULL) relative to FD, meets the fault. */
static bool meets(const char *call, int fd, const char *path)
{
	int saved = errno;
	long number;

	if (!is_chosen(call) || !is_below(fd, path)) {
		errno = saved;
		return false;
	}
	errno = saved;
	number = atomic_fetch_add(&faults.count, 1) + 1;
	if (!faults.at || number < faults.at)
		return false;
	if (number == faults.at && faults.how == HOW_KILL)
		kill(getpid(), SIGKILL);
	return number == faults.at || faults.how == HOW_BROKEN || faults.how == HOW_FULL;
}

static int refuse(void)
{
	errno = faults.how == HOW_FULL ? ENOSPC : EIO;
	return -1;
}

#define REAL(type, name, ...)                                                            \
	static type (*real)(__VA_ARGS__);                                                \
	if (!real)                                                                       \
	real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define WRITE(name, call, OFFSET_PARAM, ...)                                             \
	ssize_t name(int fd, const void *p, size_t len OFFSET_PARAM)                     \
	{                                                                                \
		REAL(ssize_t, name, int, const void *, size_t OFFSET_PARAM);             \
		if (!meets(call, fd, NULL))                                              \
			return real(__VA_ARGS__);                                        \
		if (faults.how != HOW_SHORT || len < 2)                                  \
			return refuse();                                                 \
		len /= 2;                                                                \
		return real(__VA_ARGS__);                                                \
	}
#define NOTHING
#define COMMA_OFFSET , off64_t offset
WRITE(write, "write", NOTHING, fd, p, len)
WRITE(pwrite, "pwrite", COMMA_OFFSET, fd, p, len, offset)
WRITE(pwrite64, "pwrite", COMMA_OFFSET, fd, p, len, offset)

#define ON_FD(name, call, PARAMS, FD, PATH, ...)                                         \
	int name PARAMS                                                                  \
	{                                                                                \
		static int(*real) PARAMS;                                                \
		if (!real)                                                               \
			real = (int(*) PARAMS)dlsym(RTLD_NEXT, #name);                   \
		return meets(call, FD, PATH) ? refuse() : real(__VA_ARGS__);             \
	}
ON_FD(fsync, "fsync", (int fd), fd, NULL, fd)
ON_FD(fdatasync, "fdatasync", (int fd), fd, NULL, fd)
ON_FD(syncfs, "syncfs", (int fd), fd, NULL, fd)
ON_FD(fchmod, "fchmod", (int fd, mode_t mode), fd, NULL, fd, mode)
ON_FD(fchown, "fchown", (int fd, uid_t uid, gid_t gid), fd, NULL, fd, uid, gid)
ON_FD(futimens, "futimens", (int fd, const struct timespec t[2]), fd, NULL, fd, t)
ON_FD(utimensat, "utimensat",
      (int fd, const char *path, const struct timespec t[2], int flags), fd, path, fd,
      path, t, flags)
ON_FD(fchmodat, "fchmodat", (int fd, const char *path, mode_t mode, int flags), fd, path,
      fd, path, mode, flags)
ON_FD(mkdirat, "mkdirat", (int fd, const char *path, mode_t mode), fd, path, fd, path,
      mode)
ON_FD(symlinkat, "symlinkat", (const char *target, int fd, const char *path), fd, path,
      target, fd, path)
ON_FD(unlinkat, "unlinkat", (int fd, const char *path, int flags), fd, path, fd, path,
      flags)
ON_FD(unlink, "unlink", (const char *path), AT_FDCWD, path, path)
ON_FD(renameat, "renameat", (int from, const char *old, int to, const char *new), to, new,
      from, old, to, new)
ON_FD(renameat2, "renameat2",
      (int from, const char *old, int to, const char *new, unsigned flags), to, new, from,
      old, to, new, flags)
ON_FD(ftruncate, "ftruncate", (int fd, off64_t len), fd, NULL, fd, len)
ON_FD(ftruncate64, "ftruncate", (int fd, off64_t len), fd, NULL, fd, len)
ON_FD(fallocate, "fallocate", (int fd, int mode, off64_t at, off64_t len), fd, NULL, fd,
      mode, at, len)
ON_FD(fallocate64, "fallocate", (int fd, int mode, off64_t at, off64_t len), fd, NULL, fd,
      mode, at, len)
ON_FD(flock, "flock", (int fd, int operation), fd, NULL, fd, operation)
ON_FD(fstat64, "fstat", (int fd, struct stat64 *st), fd, NULL, fd, st)
ON_FD(fstatat64, "fstatat",
      (int fd, const char *restrict path, struct stat64 *restrict st, int flags), fd,
      path, fd, path, st, flags)

#define OPENAT(name)                                                                     \
	int name(int fd, const char *path, int flags, ...)                               \
	{                                                                                \
		REAL(int, name, int, const char *, int, ...);                            \
		va_list args;                                                            \
		mode_t mode = 0;                                                         \
		va_start(args, flags);                                                   \
		if (flags & (O_CREAT | __O_TMPFILE))                                     \
			mode = va_arg(args, mode_t);                                     \
		va_end(args);                                                            \
		return meets("openat", fd, path) ? refuse()                              \
						 : real(fd, path, flags, mode);          \
	}
OPENAT(openat)
OPENAT(openat64)

#define OPEN(name)                                                                       \
	int name(const char *path, int flags, ...)                                       \
	{                                                                                \
		REAL(int, name, const char *, int, ...);                                 \
		va_list args;                                                            \
		mode_t mode = 0;                                                         \
		va_start(args, flags);                                                   \
		if (flags & (O_CREAT | __O_TMPFILE))                                     \
			mode = va_arg(args, mode_t);                                     \
		va_end(args);                                                            \
		return meets("open", AT_FDCWD, path) ? refuse()                          \
						     : real(path, flags, mode);          \
	}
OPEN(open)
OPEN(open64)
