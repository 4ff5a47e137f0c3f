/* How many bytes are still to come, node by node: what caches told before, and where more
 * or less comes than that, what is known since. Pure. */
#ifndef REST_H
#define REST_H

#include <stddef.h>
#include <stdint.h>

struct rest {
	uint64_t *of_node;
	size_t len, cap;
	uint64_t total; /* of all nodes */
};

#define REST_INIT                                                                        \
	{                                                                                \
		0                                                                        \
	}

/* So much of the node is still to come. */
void rest_set(struct rest *r, uint32_t node, uint64_t bytes);
void rest_release(struct rest *r);

#endif
