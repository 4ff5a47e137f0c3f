/* Compares a store with its database, on all processors. It writes nothing and takes no
 * lock: a path that Nix adds or removes during the check is not a fault. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <nixferry/storepath.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/progress.h"

enum store_fault {
	STORE_FAULT_MISSING,	/* valid, but not on the disk, or not valid at all */
	STORE_FAULT_CORRUPT,	/* the contents do not have the recorded hash */
	STORE_FAULT_UNREADABLE, /* this user lacks the permission */
	STORE_FAULT_METADATA,	/* a mode, time or owner that Nix does not set */
	STORE_FAULT_DATABASE,	/* a field that Nix cannot read, or a reference to no path
				 */
	STORE_FAULT_LINK, /* an entry of .links has other contents than its name says */
	STORE_FAULT_COUNT,
};

struct store_finding {
	enum store_fault fault;
	char *path;  /* in full, as the database has it */
	char *cause; /* one line for people */
};

struct store_check_result {
	size_t paths;			/* that were checked */
	uint64_t bytes;			/* of their NARs */
	struct store_finding *findings; /* sorted by path */
	size_t count, cap;
	size_t counts[STORE_FAULT_COUNT];
	char **unknown; /* base names in the store's directory that are not valid paths */
	size_t unknown_count, unknown_cap;
};

struct store_check_options {
	const struct nf_storepath *paths; /* these alone; NULL: all that are valid */
	size_t count;
	size_t jobs; /* threads; 0: one a processor */
	struct progress *progress;
};

/* The store below ROOT. What is found is no failure of the check. */
int store_check(struct store_check_result *ret, const char *root,
		const struct store_check_options *opts, struct nf_err *err) MUST_CHECK;
void store_check_release(struct store_check_result *r);

/* "missing", "corrupt"... */
const char *store_fault_name(enum store_fault fault);

#endif
