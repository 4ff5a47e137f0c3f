/* Files that become visible only when they are complete. */
#ifndef ATOMIC_FILE_H
#define ATOMIC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* A file that is written under a temporary name in its own directory. Commit makes it
 * visible: fsync, rename, and fsync of the directory. Discard (the cleanup) removes
 * it. */
struct atomic_file {
	int dir_fd; /* owned: a duplicate */
	int fd;	    /* for writing, with a lock; -1 when not open */
	char *name; /* the final name, relative to dir_fd */
	char *temp; /* the temporary name */
};

#define ATOMIC_FILE_INIT                                                                 \
	{                                                                                \
		.dir_fd = -1, .fd = -1                                                   \
	}

/* PATH is relative to DIR_FD. The mode is MODE, independent of the umask. Temporary names
 * are ".NAME.PID.N.tmp", O_EXCL. Removes such files of this user for the same NAME that
 * no process has open any more: those of killed processes. It reads the whole directory,
 * so it is not for a directory of many files. */
int atomic_file_open(struct atomic_file *f, int dir_fd, const char *path, mode_t mode,
		     struct nf_err *err) MUST_CHECK;
int atomic_file_commit(struct atomic_file *f, struct nf_err *err) MUST_CHECK;
/* As atomic_file_commit, but replaces nothing: if the name is taken, be it by a dangling
 * link, *RET_EXISTS is true and the new file is discarded. */
int atomic_file_commit_new(struct atomic_file *f, bool *ret_exists,
			   struct nf_err *err) MUST_CHECK;
/* Without the two fsyncs: for a file whose loss does no harm. */
int atomic_file_commit_nosync(struct atomic_file *f, struct nf_err *err) MUST_CHECK;
void atomic_file_discard(struct atomic_file *f);

/* Writes a whole small file with atomic_file. */
int file_replace_at(int dir_fd, const char *path, const void *p, size_t len, mode_t mode,
		    struct nf_err *err) MUST_CHECK;

#endif
