/* Checks whether the data fits into the file systems that it is written to. Pure. */
#ifndef SPACE_CHECK_H
#define SPACE_CHECK_H

#include <stddef.h>

#include "base/err.h"
#include "base/free_space.h"

/* A file or directory that is written to; several may be on one file system. */
struct space_use {
	const char *kind, *name; /* "pool", "/var/cache/pool" */
	struct free_space space; /* free space of its file system */
	uint64_t bytes, inodes;	 /* minimum size of the data */
};

/* NF_E_NOSPACE if it does not fit. */
int space_check(const struct space_use *uses, size_t count,
		struct nf_err *err) MUST_CHECK;

#endif
