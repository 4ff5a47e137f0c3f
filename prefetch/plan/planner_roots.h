/* The roots of a plan's gaps. Most of what must be built or is unknown only follows from
 * a path below it: a root is a node that needs no other such node. */
#ifndef PLANNER_ROOTS_H
#define PLANNER_ROOTS_H

#include "plan/planner.h"

/* With more roots, dependent nodes are not counted. */
#define PLANNER_ROOTS_COUNTED 1024

struct planner_root {
	uint32_t id;
	/* Number of nodes to be built or fetched that need it. */
	size_t dependents;
};

struct planner_roots {
	struct planner_root *list; /* those with the most dependents first */
	size_t count;
	size_t counted; /* dependents is 0 for the others */
};

/* After planner_finish. */
void planner_roots_find(struct planner_roots *ret, const struct planner *m);
void planner_roots_release(struct planner_roots *r);

#endif
