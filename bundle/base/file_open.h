/* Opening existing files, which may be of an unexpected type: no call here waits for the
 * other end of a FIFO, and each checks what it has opened. */
#ifndef FILE_OPEN_H
#define FILE_OPEN_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

/* "a FIFO", "a directory": for messages. */
const char *file_open_type(mode_t mode);

/* Opens a regular file; the caller closes *ret_fd. FLAGS: O_RDONLY or O_RDWR, with
 * O_NOFOLLOW and O_CREAT (0644) as needed. A missing file is NF_E_MISSING; a file of
 * another type, or a symbolic link with O_NOFOLLOW, is NF_E_FORMAT. */
int file_open_regular_at(int *ret_fd, int dir_fd, const char *path, int flags,
			 struct nf_err *err) MUST_CHECK;

/* Opens a lock file for reading and writing, or creates it (0600). NF_E_SYS if it is not
 * a regular file. */
int file_open_lock_at(int *ret_fd, int dir_fd, const char *path,
		      struct nf_err *err) MUST_CHECK;

/* Whether NAME in the directory is the file that ST describes, itself and no link to it.
 */
bool file_is_named(const struct stat *st, int dir_fd, const char *name);

/* Takes a lock as flock does, with LOCK_NB: it never waits, and a signal does not make it
 * fail. */
int file_lock(int fd, int operation) MUST_CHECK;

/* Takes the exclusive lock of FD, which was opened as NAME in the directory. False with
 * errno; EWOULDBLOCK if another process holds the lock or NAME is not that file any
 * more. */
bool file_lock_named(int fd, int dir_fd, const char *name) MUST_CHECK;

/* Opens an input that the user named, which may be a pipe or a device. It may be
 * non-blocking, so read it with file_read_stream unless it is a regular file. A missing
 * one is NF_E_MISSING, a directory or a socket NF_E_SYS. */
int file_open_input(int *ret_fd, const char *path, struct nf_err *err) MUST_CHECK;

#endif
