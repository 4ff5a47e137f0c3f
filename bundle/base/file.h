/* Files and directories, relative to directory fds, and files that become visible only
 * when they are whole. */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Writes all, going on after EINTR and short writes. NAME is for the error. */
int file_write_all(int fd, const void *p, size_t len, const char *name,
		   struct nf_err *err) MUST_CHECK;
int file_pwrite_all(int fd, const void *p, size_t len, uint64_t offset, const char *name,
		    struct nf_err *err) MUST_CHECK;

/* Reads exactly LEN bytes at OFFSET; fewer is NF_E_FORMAT ("truncated"). */
int file_pread_all(int fd, void *p, size_t len, uint64_t offset, const char *name,
		   struct nf_err *err) MUST_CHECK;

/* Reads until LEN bytes came or the end; *ret_len says how many came. */
int file_read_full(int fd, void *p, size_t len, size_t *ret_len, const char *name,
		   struct nf_err *err) MUST_CHECK;

/* As file_read_full, from what may be a pipe that stalls: an interruption, whatever
 * thread its signal met, ends the wait with NF_E_INTR. */
int file_read_stream(int fd, void *p, size_t len, size_t *ret_len, const char *name,
		     struct nf_err *err) MUST_CHECK;

/* Appends the whole file to BUF, whose maximum bounds it (NF_E_LIMIT). A missing file is
 * NF_E_MISSING, a FIFO NF_E_FORMAT. PATH is relative to DIR_FD (AT_FDCWD for the working
 * directory). */
int file_read_at(int dir_fd, const char *path, struct buf *buf,
		 struct nf_err *err) MUST_CHECK;
/* Likewise, of a regular file only, through no link: anything else is NF_E_FORMAT. */
int file_read_regular_at(int dir_fd, const char *path, struct buf *buf,
			 struct nf_err *err) MUST_CHECK;
/* Likewise, of what is open, which may be a pipe or a device that stalls: an interruption
 * ends the wait. */
int file_read_fd(int fd, const char *name, struct buf *buf,
		 struct nf_err *err) MUST_CHECK;
/* Likewise, of an input that the user named (file_open_input). */
int file_read_input(const char *path, struct buf *buf, struct nf_err *err) MUST_CHECK;

/* Makes the directory and its parents (0755) where they are missing. */
int file_mkdirs_at(int dir_fd, const char *path, struct nf_err *err) MUST_CHECK;

/* Opens a directory, O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC; *ret is the caller's. */
int file_opendir_at(int *ret, int dir_fd, const char *path,
		    struct nf_err *err) MUST_CHECK;

/* Whether the directory that FD has open is on another mount than PARENT_FD, in which it
 * was opened. */
bool file_is_mount(int parent_fd, int fd);

/* Removes PATH and everything below it, never following a link, making directories
 * writable on the way. A missing PATH is no error. Nothing is removed where a mount point
 * is PATH or below it (NF_E_SYS). */
int file_remove_tree_at(int dir_fd, const char *path, struct nf_err *err) MUST_CHECK;

/* fsync of a directory or a file. */
int file_sync(int fd, const char *name, struct nf_err *err) MUST_CHECK;

/* A file that is written under a temporary name in its own directory and becomes visible
 * by commit: fsync, rename, and fsync of the directory. Discard (the cleanup) removes it.
 */
struct atomic_file {
	int dir_fd; /* owned: a duplicate */
	int fd;	    /* to write to; -1 when not open */
	char *name; /* the final name, relative to dir_fd */
	char *temp; /* the temporary name */
};

#define ATOMIC_FILE_INIT                                                                 \
	{                                                                                \
		.dir_fd = -1, .fd = -1                                                   \
	}

/* PATH is relative to DIR_FD. The mode is MODE, whatever the umask. Temporary names are
 * ".NAME.PID.N.tmp", O_EXCL. */
int atomic_file_open(struct atomic_file *f, int dir_fd, const char *path, mode_t mode,
		     struct nf_err *err) MUST_CHECK;
int atomic_file_commit(struct atomic_file *f, struct nf_err *err) MUST_CHECK;
/* Without the two fsyncs: for callers that sync many files at once before or after. */
int atomic_file_commit_nosync(struct atomic_file *f, struct nf_err *err) MUST_CHECK;
void atomic_file_discard(struct atomic_file *f);

/* A whole small file by atomic_file. */
int file_replace_at(int dir_fd, const char *path, const void *p, size_t len, mode_t mode,
		    struct nf_err *err) MUST_CHECK;

#endif
