/* Reading a store path from the disk: its hash, and whether its metadata is canonical. */
#ifndef TREE_CHECK_H
#define TREE_CHECK_H

#include <nixferry/hash.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/progress.h"

struct tree_check {
	struct nf_hash hash; /* of its NAR */
	uint64_t size;	     /* of that */
	/* The first object whose mode, time or owner is not canonical, and what it has:
	 * a line (free()); NULL: all are. */
	char *odd;
	size_t odd_count;
};

/* What may own the paths of a store: root, and who owns the store itself. */
struct tree_check_place {
	int store_fd;
	uid_t owner;
};

/* Reads BASE to its end. NF_E_MISSING: it is not there; NF_E_UNSUPPORTED: it holds what
 * is neither a file, a directory nor a link; NF_E_SYS: it cannot be read. Errors name the
 * object below the store's directory. RET is to be released also after a failure. */
int tree_check(struct tree_check *ret, const struct tree_check_place *place,
	       const char *base, enum nf_hash_algo algo, struct progress *progress,
	       struct nf_err *err) MUST_CHECK;
void tree_check_release(struct tree_check *t);

#endif
