/* A regular file of a tree that is being unpacked. Large files bypass the page cache
 * where the file system allows it: data that is written once and not read soon need not
 * fill the memory. On a virtual machine, the first use of memory costs more than the
 * write. */
#ifndef UNPACK_FILE_H
#define UNPACK_FILE_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* One file after the other, on one thread. All zero except fd, which is -1: no file is
 * open. */
struct unpack_file {
	int fd;		  /* -1 if no file is open */
	const char *name; /* borrowed while the file is open */
	char *block; /* data gathered for the disk; NULL before the first large file */
	size_t block_len;
	bool is_direct;	 /* the file bypasses the page cache */
	uint64_t unsent; /* bytes in the page cache that have not been sent to the disk */
};

#define UNPACK_FILE_INIT                                                                 \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Creates NAME, which must not exist, in DIR_FD for SIZE bytes (a hint), with MODE; UMASK
 * is the umask of this process. */
int unpack_file_open(struct unpack_file *f, int dir_fd, const char *name, mode_t mode,
		     mode_t umask, uint64_t size, struct nf_err *err) MUST_CHECK;
int unpack_file_write(struct unpack_file *f, struct nf_slice data,
		      struct nf_err *err) MUST_CHECK;
/* Writes the rest, sets the canonical time and closes the file. */
int unpack_file_finish(struct unpack_file *f, struct nf_err *err) MUST_CHECK;
void unpack_file_release(struct unpack_file *f);

#endif
