/* How much space and how many inodes a file system has left for this user. */
#ifndef FREE_SPACE_H
#define FREE_SPACE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct free_space {
	dev_t dev; /* the file system */
	uint64_t bytes;
	uint64_t inodes; /* UINT64_MAX: limited only by space */
};

/* For the file system of PATH, or of FD, which messages call PATH. */
int free_space_of_path(struct free_space *ret, const char *path,
		       struct nf_err *err) MUST_CHECK;
int free_space_of_fd(struct free_space *ret, int fd, const char *path,
		     struct nf_err *err) MUST_CHECK;

#endif
