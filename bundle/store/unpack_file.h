/* A regular file of a tree that is being unpacked. Large ones go past the page cache,
 * where the file system allows that: what is written once and not read soon need not
 * fill the memory, whose first use costs more than the writing where it is a virtual
 * machine's. */
#ifndef UNPACK_FILE_H
#define UNPACK_FILE_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* One after the other, by one thread. All zero but fd is "none yet". */
struct unpack_file {
	int fd;		  /* -1: none is open */
	const char *name; /* borrowed while it is open */
	char *block;	  /* what is gathered for the disk; NULL before a large file */
	size_t block_len;
	bool is_direct;	 /* past the page cache */
	uint64_t unsent; /* bytes in the page cache that are not on their way */
};

#define UNPACK_FILE_INIT                                                                 \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Makes NAME in DIR_FD, where nothing of that name may be, for SIZE bytes (a hint). The
 * mode is MODE, UMASK being the mask of this process. */
int unpack_file_open(struct unpack_file *f, int dir_fd, const char *name, mode_t mode,
		     mode_t umask, uint64_t size, struct nf_err *err) MUST_CHECK;
int unpack_file_write(struct unpack_file *f, struct nf_slice data,
		      struct nf_err *err) MUST_CHECK;
/* Writes the rest, sets the canonical time and closes. */
int unpack_file_finish(struct unpack_file *f, struct nf_err *err) MUST_CHECK;
void unpack_file_release(struct unpack_file *f);

#endif
