/* Where a plan's gaps begin. What must be built or is unknown often only follows from one
 * path below it: a root is such a node that needs no other. */
#ifndef PLANNER_ROOTS_H
#define PLANNER_ROOTS_H

#include "plan/planner.h"

/* Of more roots it is not counted how many nodes depend on them. */
#define PLANNER_ROOTS_COUNTED 1024

struct planner_root {
	uint32_t id;
	/* How many nodes that are to be built or fetched need it. */
	size_t dependents;
};

struct planner_roots {
	struct planner_root *list; /* those with the most dependents first */
	size_t count;
	size_t counted; /* of the others dependents is 0 */
};

/* After planner_finish. */
void planner_roots_find(struct planner_roots *ret, const struct planner *m);
void planner_roots_release(struct planner_roots *r);

#endif
