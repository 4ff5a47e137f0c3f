/* The directory in a target store where an import unpacks trees before it moves them into
 * place. Each import has its own. */
#ifndef UNPACK_DIR_H
#define UNPACK_DIR_H

#include <stdbool.h>

#include "base/err.h"
#include "store/target.h"

/* The name is that of a store path, so a temporary root keeps it from collectors of every
 * version. No store path has this hash part. */
#define UNPACK_DIR_PREFIX "00000000000000000000000000000000-nixferry-"
#define UNPACK_DIR_FORMAT UNPACK_DIR_PREFIX "%u.tmp"
#define UNPACK_DIR_FIRST  UNPACK_DIR_PREFIX "0.tmp"
/* At most this many imports write to a store at the same time. */
#define UNPACK_DIRS 64

#define UNPACK_DIR_INIT                                                                  \
	{                                                                                \
		.fd = -1                                                                 \
	}

struct unpack_dir {
	int fd; /* holds the lock; -1 if there is none */
	char name[64];
	bool any_left; /* killed imports had left directories */
};

/* Creates or takes, locks and empties a directory that no other import uses, and removes
 * those that killed imports left. NF_E_SYS if all are in use. No collector may run. */
int unpack_dir_open(struct unpack_dir *ret, const struct target *t,
		    struct nf_err *err) MUST_CHECK;

/* Removes it with its contents. */
int unpack_dir_remove(const struct unpack_dir *d, const struct target *t,
		      struct nf_err *err) MUST_CHECK;
/* Releases the lock. */
void unpack_dir_close(struct unpack_dir *d);

#endif
