/* Where a plan's gaps begin. What must be built or is unknown often only follows from one
 * path below it: a root is such a node that needs no other. */
#ifndef MISSING_ROOTS_H
#define MISSING_ROOTS_H

#include "plan/missing.h"

/* Of more roots it is not counted how many nodes depend on them. */
#define MISSING_ROOTS_COUNTED 1024

struct missing_root {
	uint32_t id;
	/* How many nodes that are to be built or fetched need it. */
	size_t dependents;
};

struct missing_roots {
	struct missing_root *list; /* those with the most dependents first */
	size_t count;
	size_t counted; /* of the others dependents is 0 */
};

/* After missing_finish. */
void missing_roots_find(struct missing_roots *ret, const struct missing *m);
void missing_roots_release(struct missing_roots *r);

#endif
