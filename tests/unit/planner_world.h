/* Small worlds for the planner of what is missing: what is valid here, what caches have,
 * what derivations say. Paths are known by short names. */
#ifndef PLANNER_WORLD_H
#define PLANNER_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "plan/planner.h"

#define WORLD_PATHS   256
#define WORLD_LINKS   16
#define WORLD_OUTPUTS 4

/* Outputs of a derivation are told by bits. */
struct world_input {
	size_t drv;
	unsigned outputs;
};

struct world_path {
	char name[48];
	bool valid;
	bool cached;
	uint64_t nar_size, download_size;
	size_t refs[WORLD_LINKS];
	size_t nrefs;
	/* Of derivations: outputs > 0. */
	size_t outputs[WORLD_OUTPUTS]; /* their paths, sorted by name */
	const char *output_names[WORLD_OUTPUTS];
	size_t noutputs;
	bool floating; /* the outputs' paths are not said */
	bool no_substitutes;
	struct world_input inputs[WORLD_LINKS];
	size_t ninputs;
};

struct world {
	struct world_path paths[WORLD_PATHS];
	size_t count;
};

/* The path of that name, made if there is none. */
size_t world_path(struct world *w, const char *name, size_t len);
void world_storepath(const struct world *w, size_t i, struct nf_storepath *ret);
/* The name that a node of the planner has; never NULL. */
const char *world_name(const struct world *w, const struct planner_node *node);

/* Wants the outputs with these bits. */
void world_want(const struct world *w, struct planner *m, size_t drv, unsigned outputs);

/* Answers all questions as the world is, in an order that SEED decides, and finishes. */
int world_run(const struct world *w, struct planner *m, unsigned seed,
	      struct nf_err *err) MUST_CHECK;

#endif
