/* The functions of libc that faults.so replaces. Some calls have several names: variants
 * for large files, and those that the compiler adds to check sizes. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "faults.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static int refuse(void)
{
	errno = faults_errno();
	return -1;
}

static void *refuse_pointer(void)
{
	errno = faults_errno();
	return NULL;
}

#define REAL(type, name, PARAMS)                                                         \
	static type(*real) PARAMS;                                                       \
	if (!real)                                                                       \
	real = (type(*) PARAMS)dlsym(RTLD_NEXT, #name)

/* ---- bytes ---- */

#define WRITE(name, call, OFFSET_PARAM, ...)                                             \
	ssize_t name(int fd, const void *p, size_t len OFFSET_PARAM)                     \
	{                                                                                \
		REAL(ssize_t, name, (int, const void *, size_t OFFSET_PARAM));           \
		if (faults_meets_write(call, fd, p, len)) {                              \
			if (!faults_are_short())                                         \
				return refuse();                                         \
			len -= len / 2;                                                  \
		}                                                                        \
		return real(__VA_ARGS__);                                                \
	}
#define NOTHING
#define COMMA_OFFSET , off64_t offset
WRITE(write, "write", NOTHING, fd, p, len)
WRITE(pwrite, "pwrite", COMMA_OFFSET, fd, p, len, offset)
WRITE(pwrite64, "pwrite", COMMA_OFFSET, fd, p, len, offset)

#define CALL(type, name, PARAMS, met, failure, ...)                                      \
	type name PARAMS                                                                 \
	{                                                                                \
		REAL(type, name, PARAMS);                                                \
		return met ? failure : real(__VA_ARGS__);                                \
	}
#define READ(name, call, PARAMS, ...)                                                    \
	CALL(ssize_t, name, PARAMS, faults_meets(call, fd, NULL), refuse(), __VA_ARGS__)
READ(read, "read", (int fd, void *p, size_t len), fd, p, len)
READ(__read_chk, "read", (int fd, void *p, size_t len, size_t room), fd, p, len, room)
READ(pread, "pread", (int fd, void *p, size_t len, off64_t at), fd, p, len, at)
READ(pread64, "pread", (int fd, void *p, size_t len, off64_t at), fd, p, len, at)
READ(__pread64_chk, "pread", (int fd, void *p, size_t len, off64_t at, size_t room), fd,
     p, len, at, room)

/* ---- files ---- */

#define ON_FILE(name, call, PARAMS, FD, PATH, ...)                                       \
	CALL(int, name, PARAMS, faults_meets(call, FD, PATH), refuse(), __VA_ARGS__)
#define ON_FD(name, call, PARAMS, ...) ON_FILE(name, call, PARAMS, fd, NULL, __VA_ARGS__)
ON_FD(fsync, "fsync", (int fd), fd)
ON_FD(fdatasync, "fdatasync", (int fd), fd)
ON_FD(syncfs, "syncfs", (int fd), fd)
ON_FD(sync_file_range, "sync_file_range",
      (int fd, off64_t at, off64_t len, unsigned flags), fd, at, len, flags)
ON_FD(fchmod, "fchmod", (int fd, mode_t mode), fd, mode)
ON_FD(fchown, "fchown", (int fd, uid_t uid, gid_t gid), fd, uid, gid)
ON_FD(futimens, "utimens", (int fd, const struct timespec t[2]), fd, t)
ON_FD(ftruncate, "ftruncate", (int fd, off64_t len), fd, len)
ON_FD(ftruncate64, "ftruncate", (int fd, off64_t len), fd, len)
ON_FD(fallocate, "fallocate", (int fd, int mode, off64_t at, off64_t len), fd, mode, at,
      len)
ON_FD(fallocate64, "fallocate", (int fd, int mode, off64_t at, off64_t len), fd, mode, at,
      len)
ON_FD(flock, "flock", (int fd, int operation), fd, operation)
ON_FD(fstat64, "fstat", (int fd, struct stat64 *st), fd, st)
ON_FD(fstatvfs, "statfs", (int fd, struct statvfs *st), fd, st)
ON_FD(fstatvfs64, "statfs", (int fd, struct statvfs64 *st), fd, st)

#define AT(name, call, PARAMS, ...) ON_FILE(name, call, PARAMS, fd, path, __VA_ARGS__)
AT(utimensat, "utimens",
   (int fd, const char *path, const struct timespec t[2], int flags), fd, path, t, flags)
AT(fchmodat, "fchmodat", (int fd, const char *path, mode_t mode, int flags), fd, path,
   mode, flags)
AT(mkdirat, "mkdirat", (int fd, const char *path, mode_t mode), fd, path, mode)
AT(symlinkat, "symlinkat", (const char *target, int fd, const char *path), target, fd,
   path)
AT(unlinkat, "unlinkat", (int fd, const char *path, int flags), fd, path, flags)
AT(fstatat64, "fstatat",
   (int fd, const char *restrict path, struct stat64 *restrict st, int flags), fd, path,
   st, flags)
ON_FILE(renameat, "renameat", (int from, const char *old, int to, const char *new), to,
	new, from, old, to, new)
ON_FILE(renameat2, "renameat2",
	(int from, const char *old, int to, const char *new, unsigned flags), to, new,
	from, old, to, new, flags)
ON_FILE(linkat, "linkat", (int from, const char *old, int to, const char *new, int flags),
	to, new, from, old, to, new, flags)

#define BY_PATH(name, call, PARAMS, ...)                                                 \
	ON_FILE(name, call, PARAMS, AT_FDCWD, path, __VA_ARGS__)
BY_PATH(unlink, "unlink", (const char *path), path)
BY_PATH(rename, "rename", (const char *old, const char *path), old, path)
BY_PATH(statvfs, "statfs", (const char *path, struct statvfs *st), path, st)
BY_PATH(statvfs64, "statfs", (const char *path, struct statvfs64 *st), path, st)

/* ---- opening ---- */

#define READ_MODE()                                                                      \
	va_list args;                                                                    \
	mode_t mode = 0;                                                                 \
	va_start(args, flags);                                                           \
	if (flags & (O_CREAT | __O_TMPFILE))                                             \
		mode = va_arg(args, mode_t);                                             \
	va_end(args)
#define OPENAT(name)                                                                     \
	int name(int fd, const char *path, int flags, ...)                               \
	{                                                                                \
		REAL(int, name, (int, const char *, int, ...));                          \
		READ_MODE();                                                             \
		return faults_meets("openat", fd, path) ? refuse()                       \
							: real(fd, path, flags, mode);   \
	}
OPENAT(openat);
OPENAT(openat64);

#define OPEN(name)                                                                       \
	int name(const char *path, int flags, ...)                                       \
	{                                                                                \
		REAL(int, name, (const char *, int, ...));                               \
		READ_MODE();                                                             \
		return faults_meets("open", AT_FDCWD, path) ? refuse()                   \
							    : real(path, flags, mode);   \
	}
OPEN(open);
OPEN(open64);

#define OPEN_STREAM(type, name, PARAMS, ...)                                             \
	CALL(type *, name, PARAMS, faults_meets("open", AT_FDCWD, path),                 \
	     refuse_pointer(), __VA_ARGS__)
OPEN_STREAM(FILE, fopen, (const char *path, const char *mode), path, mode)
OPEN_STREAM(FILE, fopen64, (const char *path, const char *mode), path, mode)
OPEN_STREAM(DIR, opendir, (const char *path), path)

/* Only the locks of ranges, which SQLite takes. */
#define FCNTL(name)                                                                      \
	int name(int fd, int operation, ...)                                             \
	{                                                                                \
		REAL(int, name, (int, int, ...));                                        \
		va_list args;                                                            \
		void *arg;                                                               \
		va_start(args, operation);                                               \
		arg = va_arg(args, void *);                                              \
		va_end(args);                                                            \
		if ((operation == F_SETLK || operation == F_SETLKW ||                    \
		     operation == F_GETLK) &&                                            \
		    faults_meets("fcntl", fd, NULL))                                     \
			return refuse();                                                 \
		return real(fd, operation, arg);                                         \
	}
FCNTL(fcntl);
FCNTL(fcntl64);

/* ---- of the machine ---- */

/* Waiting for another process ends at once. */
int usleep(useconds_t us)
{
	REAL(int, usleep, (useconds_t));
	return getenv("FAULT_NO_SLEEP") ? 0 : real(us);
}

#define MMAP(name)                                                                       \
	void *name(void *at, size_t len, int prot, int flags, int fd, off64_t offset)    \
	{                                                                                \
		REAL(void *, name, (void *, size_t, int, int, int, off64_t));            \
		if (fd >= 0 ? faults_meets("mmap", fd, NULL)                             \
			    : faults_meets_fileless("mmap")) {                           \
			refuse();                                                        \
			return MAP_FAILED;                                               \
		}                                                                        \
		return real(at, len, prot, flags, fd, offset);                           \
	}
MMAP(mmap);
MMAP(mmap64);

CALL(ssize_t, getrandom, (void *p, size_t len, unsigned flags),
     faults_meets_fileless("getrandom"), refuse(), p, len, flags)
CALL(int, pthread_create,
     (pthread_t *restrict thread, const pthread_attr_t *restrict attr,
      void *(*run)(void *), void *restrict arg),
     faults_meets_fileless("pthread_create"), faults_errno(), thread, attr, run, arg)

void *malloc(size_t size)
{
	return faults_meets_fileless("malloc") ? refuse_pointer() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return faults_meets_fileless("malloc") ? refuse_pointer()
					       : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return faults_meets_fileless("malloc") ? refuse_pointer()
					       : __libc_realloc(p, size);
}
