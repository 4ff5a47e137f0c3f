/* A NAR to be fetched: what the dispatcher knows about it, and what is present or in
 * progress. */
#ifndef WANTED_NAR_H
#define WANTED_NAR_H

#include "fetch/claims.h"
#include "fetch/engine.h"

/* A node whose NAR is wanted, with bytes present or in progress. */
struct wanted_nar {
	struct engine *engine;
	LIST_ENTRY(wanted_nar) link; /* list of the engine */
	uint32_t node;
	LIST_HEAD(, download_file) files;
	int item;     /* in the progress */
	bool is_over; /* only a worker is left to wait for */
	/* Who brought which bytes of a wrong file, and one of its offers. */
	struct claims claims;
	const struct resolver_offer *claimed;
};

/* A path is known and not in its destination: its NAR must be fetched, over the network
 * unless it is ON_THIS_MACHINE. */
void wanted_nar_add(struct engine *e, uint32_t node, bool on_this_machine);
/* Tells the dispatcher that the NAR is wanted (still), */
void wanted_nar_open(struct engine *e, uint32_t node);
/* that a cache has it, */
void wanted_nar_found(struct engine *e, uint32_t node, uint32_t cache);
/* and perhaps that all caches have answered. */
void wanted_nar_answered(struct engine *e, uint32_t node);

const char *wanted_nar_path(const struct wanted_nar *d);
/* NULL if no byte of the node's NAR is present or in progress. */
struct wanted_nar *wanted_nar_find(const struct engine *e, uint32_t node);
struct wanted_nar *wanted_nar_find_or_new(struct engine *e, uint32_t node);
/* Ends what is in progress for one of its files, and releases the file. */
void wanted_nar_drop_file(struct download_file *f);
/* Waits for what a worker has. */
void wanted_nar_free(struct wanted_nar *d);
void wanted_nar_free_if_empty(struct wanted_nar *d);

#endif
