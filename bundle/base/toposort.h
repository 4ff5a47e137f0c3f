/* Sorts a graph depth first: each node comes after those that it needs. The stack is on
 * the heap, because an attacker may choose the length of a chain. */
#ifndef TOPOSORT_H
#define TOPOSORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPOSORT_NONE (UINT32_MAX - 1) /* not a node of the graph */
#define TOPOSORT_END  UINT32_MAX       /* the end of the list */

/* The I-th node that NODE needs, TOPOSORT_NONE or TOPOSORT_END. */
typedef uint32_t (*toposort_need_fn)(void *ctx, uint32_t node, size_t i);

struct toposort_visit;

struct toposort {
	uint32_t *order; /* number of nodes added so far */
	size_t len;
	/* A circle: NODE needs NEEDED, which needs NODE. */
	uint32_t node, needed;
	/* Private. */
	toposort_need_fn need;
	void *ctx;
	uint8_t *marks;
	struct toposort_visit *stack;
	size_t depth, cap;
};

/* A graph of the nodes from 0 to COUNT - 1. */
void toposort_init(struct toposort *t, size_t count, toposort_need_fn need, void *ctx);
void toposort_release(struct toposort *t);

/* Adds START and everything that it needs, unless it was added before. False if some of
 * these nodes need each other in a circle. */
bool toposort_add(struct toposort *t, uint32_t start);

#endif
