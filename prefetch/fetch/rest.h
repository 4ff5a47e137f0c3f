/* How many bytes are still to come, by node: as reported by caches or, if more or less
 * arrives, as known since. Pure. */
#ifndef REST_H
#define REST_H

#include <stddef.h>
#include <stdint.h>

struct rest_node {
	uint64_t rest;
	uint64_t most; /* that it ever was */
};

struct rest {
	struct rest_node *nodes;
	size_t len, cap;
	uint64_t total; /* sum over all nodes */
	uint64_t come;	/* sum of what is no longer to come */
};

#define REST_INIT                                                                        \
	{                                                                                \
		0                                                                        \
	}

/* Sets how much of the node is still to come. */
void rest_set(struct rest *r, uint32_t node, uint64_t bytes);
void rest_release(struct rest *r);

#endif
