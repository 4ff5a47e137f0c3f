/* A NAR that is wanted: what the dispatcher is told of it, and what of it is here or
 * under way. */
#ifndef WANTED_NAR_H
#define WANTED_NAR_H

#include "fetch/claims.h"
#include "fetch/engine.h"

/* A node whose NAR is wanted, and of which something is here or under way. */
struct wanted_nar {
	struct engine *engine;
	LIST_ENTRY(wanted_nar) link; /* of the engine's */
	uint32_t node;
	LIST_HEAD(, download_file) files;
	int item;     /* of the progress */
	bool is_over; /* only a worker is waited for */
	/* Who brought what of a file that was wrong, and one of its sources. */
	struct claims claims;
	const struct resolver_source *claimed;
};

/* A path is known and not where it is to go: its NAR is to be had, over the network
 * unless it is ON_THIS_MACHINE. */
void wanted_nar_add(struct engine *e, uint32_t node, bool on_this_machine);
/* The dispatcher is told that the NAR is wanted, or is still, */
void wanted_nar_open(struct engine *e, uint32_t node);
/* that a cache has it, */
void wanted_nar_found(struct engine *e, uint32_t node, uint32_t cache);
/* and perhaps that all caches have answered. */
void wanted_nar_answered(struct engine *e, uint32_t node);

const char *wanted_nar_path(const struct wanted_nar *d);
/* NULL if nothing of the node's NAR is here or under way. */
struct wanted_nar *wanted_nar_find(const struct engine *e, uint32_t node);
struct wanted_nar *wanted_nar_find_or_new(struct engine *e, uint32_t node);
/* Ends what is under way of one of its files, and lets go of it. */
void wanted_nar_drop_file(struct download_file *f);
/* What a worker has in its hands is waited for. */
void wanted_nar_free(struct wanted_nar *d);
void wanted_nar_free_if_empty(struct wanted_nar *d);

#endif
