/* Files and directories, relative to directory fds. */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Writes everything; continues after EINTR and short writes. NAME is for the error. */
int file_write_all(int fd, const void *p, size_t len, const char *name,
		   struct nf_err *err) MUST_CHECK;
int file_pwrite_all(int fd, const void *p, size_t len, uint64_t offset, const char *name,
		    struct nf_err *err) MUST_CHECK;

/* Reads exactly LEN bytes at OFFSET; fewer is NF_E_FORMAT ("truncated"). */
int file_pread_all(int fd, void *p, size_t len, uint64_t offset, const char *name,
		   struct nf_err *err) MUST_CHECK;

/* Reads until the buffer is full or the file ends; *ret_len is the number of bytes
 * read. */
int file_read_full(int fd, void *p, size_t len, size_t *ret_len, const char *name,
		   struct nf_err *err) MUST_CHECK;

/* As file_read_full, for a file that may be a stalled pipe: an interruption, whichever
 * thread receives the signal, ends the wait with NF_E_INTR. */
int file_read_stream(int fd, void *p, size_t len, size_t *ret_len, const char *name,
		     struct nf_err *err) MUST_CHECK;

/* Appends the whole file to BUF, whose maximum bounds it (NF_E_LIMIT). A missing file is
 * NF_E_MISSING, a FIFO NF_E_FORMAT. PATH is relative to DIR_FD (AT_FDCWD for the working
 * directory). */
int file_read_at(int dir_fd, const char *path, struct buf *buf,
		 struct nf_err *err) MUST_CHECK;
/* The same for a regular file only, without following a link: anything else is
 * NF_E_FORMAT. */
int file_read_regular_at(int dir_fd, const char *path, struct buf *buf,
			 struct nf_err *err) MUST_CHECK;
/* The same for an open file, which may be a stalled pipe or device: an interruption ends
 * the wait. */
int file_read_fd(int fd, const char *name, struct buf *buf,
		 struct nf_err *err) MUST_CHECK;
/* The same for an input that the user named (file_open_input). */
int file_read_input(const char *path, struct buf *buf, struct nf_err *err) MUST_CHECK;

/* Creates the directory and its parents (0755) if they are missing. */
int file_mkdirs_at(int dir_fd, const char *path, struct nf_err *err) MUST_CHECK;

/* Opens a directory with O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC; the caller closes *ret. */
int file_opendir_at(int *ret, int dir_fd, const char *path,
		    struct nf_err *err) MUST_CHECK;

/* Whether the open directory FD is on another mount than PARENT_FD, relative to which it
 * was opened. */
bool file_is_mount(int parent_fd, int fd);

/* Removes PATH and everything below it. Never follows a link; makes directories writable
 * on the way. A missing PATH is not an error. If PATH or anything below it is a mount
 * point, nothing is removed (NF_E_SYS). */
int file_remove_tree_at(int dir_fd, const char *path, struct nf_err *err) MUST_CHECK;

/* fsync of a directory or a file. */
int file_sync(int fd, const char *name, struct nf_err *err) MUST_CHECK;

#endif
