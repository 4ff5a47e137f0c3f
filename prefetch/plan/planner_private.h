/* What the files of the missing module share. */
#ifndef PLANNER_PRIVATE_H
#define PLANNER_PRIVATE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/map.h"
#include "plan/planner.h"

/* Nodes live in blocks so that they never move. */
#define PLANNER_BLOCK_NODES 1024

/* A request goes on whenever as many answers have come as it waits for, and looks again
 * at what is known then. */
struct planner_step {
	struct planner_request public;
	uint32_t pending; /* answers */
	uint32_t nwanted;
	uint32_t *wanted; /* nodes of the wanted outputs, once the .drv is read */
	struct planner_step *next; /* of those that can go on */
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
	const char **texts;    /* names and lists of names, each once */
	size_t text_count, text_cap;
	struct arena arena;
	struct planner_waiter *free_waiters;
	struct planner_step *ready, **ready_end;
	uint32_t question, last_question; /* a list through next_question */
	size_t unanswered;
	struct planner_totals totals;
	uint32_t *builds; /* in the order that planner_finish finds */
	int failed;
	struct nf_err error;
};

static inline struct planner_node *planner_table_at(const struct planner *m, uint32_t id)
{
	return &m->blocks[id / PLANNER_BLOCK_NODES][id % PLANNER_BLOCK_NODES];
}

/* The node of a base name, made if there is none. */
uint32_t planner_table_put(struct planner *m, struct nf_slice base);

/* The one copy of a text. */
const char *planner_table_text(struct planner *m, struct nf_slice text);

/* Fills m->builds, each node after those that it needs. NF_E_FORMAT if they need each
 * other. */
int planner_order(struct planner *m, struct nf_err *err) MUST_CHECK;

#endif
