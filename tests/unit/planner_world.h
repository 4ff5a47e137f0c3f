/* Small worlds for the planner: what is valid here, what caches have, what derivations
 * contain. Paths have short names. */
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

/* Bits stand for outputs of a derivation. */
struct planner_world_input {
	size_t drv;
	unsigned outputs;
};

struct planner_world_path {
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
	bool floating; /* the outputs' paths are unknown */
	bool no_substitutes;
	struct planner_world_input inputs[WORLD_LINKS];
	size_t ninputs;
};

struct planner_world {
	struct planner_world_path paths[WORLD_PATHS];
	size_t count;
};

/* The path of that name, which is created if there is none. */
size_t planner_world_path(struct planner_world *w, const char *name, size_t len);
void planner_world_storepath(const struct planner_world *w, size_t i,
			     struct nf_storepath *ret);
/* The name of a node of the planner; never NULL. */
const char *planner_world_name(const struct planner_world *w,
			       const struct planner_node *node);

/* Requests the outputs with these bits. */
void planner_world_want(const struct planner_world *w, struct planner *m, size_t drv,
			unsigned outputs);

/* Answers all questions according to the world, in an order that depends on SEED, and
 * finishes. */
int planner_world_run(const struct planner_world *w, struct planner *m, unsigned seed,
		      struct nf_err *err) MUST_CHECK;

#endif
