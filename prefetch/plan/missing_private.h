/* What the files of the missing module share. */
#ifndef MISSING_PRIVATE_H
#define MISSING_PRIVATE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/map.h"
#include "plan/missing.h"

/* Nodes live in blocks so that they never move. */
#define MISSING_BLOCK_NODES 1024

/* A request goes on whenever as many answers have come as it waits for, and looks again
 * at what is known then. */
struct missing_step {
	struct missing_request public;
	uint32_t pending; /* answers */
	uint32_t nwanted;
	uint32_t *wanted; /* nodes of the wanted outputs, once the .drv is read */
	struct missing_step *next; /* of those that can go on */
};

struct missing_waiter {
	struct missing_waiter *next;
	struct missing_step *request;
};

struct missing {
	struct missing_options opts;
	struct missing_node **blocks;
	size_t block_count, block_cap;
	uint32_t count;
	struct map by_base;
	struct map by_outputs; /* requests for outputs */
	struct map by_text;    /* index of texts */
	const char **texts;    /* names and lists of names, each once */
	size_t text_count, text_cap;
	struct arena arena;
	struct missing_waiter *free_waiters;
	struct missing_step *ready, **ready_end;
	uint32_t question, last_question; /* a list through next_question */
	size_t unanswered;
	struct missing_totals totals;
	uint32_t *builds; /* in the order that missing_finish finds */
	int failed;
	struct nf_err error;
};

static inline struct missing_node *missing_table_at(const struct missing *m, uint32_t id)
{
	return &m->blocks[id / MISSING_BLOCK_NODES][id % MISSING_BLOCK_NODES];
}

/* The node of a base name, made if there is none. */
uint32_t missing_table_put(struct missing *m, struct nf_slice base);

/* The one copy of a text. */
const char *missing_table_text(struct missing *m, struct nf_slice text);

/* Fills m->builds, each node after those that it needs. NF_E_FORMAT if they need each
 * other. */
int missing_order(struct missing *m, struct nf_err *err) MUST_CHECK;

#endif
