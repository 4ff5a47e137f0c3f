/* Checks the entries of STORE/.links, through which files are shared: each has the name
 * of its hash. */
#ifndef LINKS_CHECK_H
#define LINKS_CHECK_H

#include <stddef.h>

#include "base/err.h"
#include "store/tree_check.h"

struct links_check {
	const struct tree_check_place *place;
	const char *const *corrupt; /* base names of the paths whose contents are wrong;
				       all others were read and are right */
	size_t count;
	/* Called for each damaged entry with its name and a line for people. */
	void (*found)(void *ctx, const char *link, const char *cause);
	void *ctx;
};

/* An entry that a good path shares is good. So this reads those that no path shares and,
 * if a path is corrupt, all others. What cannot be read is passed over. */
int links_check(const struct links_check *c, struct nf_err *err) MUST_CHECK;

#endif
