/* Whether what is to be written fits into the file systems that it goes to. Pure. */
#ifndef SPACE_CHECK_H
#define SPACE_CHECK_H

#include <stddef.h>

#include "base/err.h"
#include "base/free_space.h"

/* Something that is written to; several may be on one file system. */
struct space_use {
	const char *kind, *name; /* "pool", "/var/cache/pool" */
	struct free_space space; /* of its file system */
	uint64_t bytes, inodes;	 /* that it takes, at least */
};

/* NF_E_NOSPACE where they do not fit. */
int space_check(const struct space_use *uses, size_t count,
		struct nf_err *err) MUST_CHECK;

#endif
