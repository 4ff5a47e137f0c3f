/* Shared by the files of the planner. */
#ifndef PLANNER_PRIVATE_H
#define PLANNER_PRIVATE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/map.h"
#include "plan/planner.h"

/* Nodes are allocated in blocks, so they never move. */
#define PLANNER_BLOCK_NODES 1024

/* A request continues whenever it has received all answers that it waits for, and then
 * checks again what is known. */
struct planner_step {
	struct planner_request public;
	uint32_t pending; /* number of missing answers */
	uint32_t nwanted;
	uint32_t *wanted; /* nodes of the wanted outputs, once the .drv was read */
	struct planner_step *next; /* list of those that can continue */
};

struct planner_waiter {
	struct planner_waiter *next;
	struct planner_step *request;
};

struct planner {
	struct planner_options opts;
	struct planner_node **blocks;
	size_t block_count, block_cap;
	uint32_t count;
	struct map by_base;
	struct map by_outputs; /* requests for outputs */
	struct map by_text;    /* index of texts */
	const char **texts;    /* names and lists of names, without duplicates */
	size_t text_count, text_cap;
	struct arena arena;
	struct planner_waiter *free_waiters;
	struct planner_step *ready, **ready_end;
	uint32_t question, last_question; /* a list linked by next_question */
	size_t unanswered;
	struct planner_totals totals;
	uint32_t *builds; /* in the order of planner_finish */
	int failed;
	struct nf_err error;
};

static inline struct planner_node *planner_table_at(const struct planner *m, uint32_t id)
{
	return &m->blocks[id / PLANNER_BLOCK_NODES][id % PLANNER_BLOCK_NODES];
}

/* The node of a base name, which is created if there is none. */
uint32_t planner_table_put(struct planner *m, struct nf_slice base);

/* The unique copy of a text. */
const char *planner_table_text(struct planner *m, struct nf_slice text);

/* Fills m->builds, each node after those that it needs. NF_E_FORMAT if they need each
 * other. */
int planner_order(struct planner *m, struct nf_err *err) MUST_CHECK;

#endif
