/* What the targets of a command that fetches or packs come to in store paths. */
#ifndef WANTED_H
#define WANTED_H

#include <nixferry/storepath.h>

#include "cmd/cmd_args.h"
#include "cmd/json.h"
#include "cmd/plan_causes.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"
#include "input/installable.h"
#include "plan/planner.h"
#include "store/local_store.h"

struct wanted {
	/* Each is wanted with its closure. Of a derivation: its outputs; of one that must
	 * be built, what the building needs. */
	struct nf_storepath *paths;
	size_t count;
	struct nf_storepath *builds; /* derivations that are left to be built */
	size_t build_count;
	size_t unknown;		 /* targets of which nobody knows anything */
	struct answers *answers; /* of caches, where they were asked; or NULL */
	/* Why derivations must be built or are unknown, where caches were asked; NULL. */
	struct plan_causes *causes;
	struct planner *planner; /* for these */
	bool build_inputs;
	/* What is wanted and cannot be had: an NF_E_... and its words, of the gravest;
	 * else 0. */
	int rc;
	struct nf_err err;
};

void wanted_release(struct wanted *w);

/* --with-build-inputs */
extern const struct cmd_option_group wanted_group;

/* Asks for all targets: paths as such, outputs of derivations. */
void wanted_ask(struct planner *m, const struct installables *targets);

struct wanted_options {
	const struct fetch_options *fetch; /* caches, keys and pool */
	struct local_store *store;	   /* has the derivations; or NULL */
	/* Of what must be built also the derivations themselves, with their sources: so
	 * that another machine can build it without a network. */
	bool build_inputs;
	bool always_substitute;	    /* as of struct planner_options */
	const char *no_substituter; /* as of struct plan_causes_options */
	bool offline;		    /* no cache is to be asked: that is not a cause */
};

/* Caches are asked only where a target is a derivation. RET is initialised in any case.
 */
int wanted_find(struct wanted *ret, const struct installables *targets,
		const struct wanted_options *opts, struct nf_err *err) MUST_CHECK;

/* w->rc, with its words in ERR. */
int wanted_verdict(const struct wanted *w, struct nf_err *err) MUST_CHECK;

/* Warns of each cause that the verdict does not tell. */
void wanted_tell(const struct wanted *w, struct ui *ui);

/* The derivations that are left to be built, as "toBuild", and "causes". */
void wanted_add_json(const struct wanted *w, struct json_doc *doc);

#endif
