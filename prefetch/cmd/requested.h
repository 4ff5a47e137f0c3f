/* Converts the installables of a command that fetches or packs into store paths. */
#ifndef REQUESTED_H
#define REQUESTED_H

#include <nixferry/storepath.h>

#include "cmd/cmd_args.h"
#include "cmd/json.h"
#include "cmd/plan_causes.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"
#include "input/installable.h"
#include "plan/planner.h"
#include "store/local_store.h"

struct requested {
	/* Each is needed with its closure. For a derivation: its outputs; for one that
	 * must be built: what building it needs. */
	struct nf_storepath *paths;
	size_t count;
	struct nf_storepath *builds; /* derivations that are still to be built */
	size_t build_count;
	size_t unknown; /* installables that are unknown */
	struct answers
		*answers; /* results of the caches, if they were queried; or NULL */
	/* Why derivations must be built or are unknown, if caches were queried; or
	 * NULL. */
	struct plan_causes *causes;
	struct planner *planner; /* for these */
	bool build_inputs;
	/* The most severe failure of an installable: an NF_E_... and its text; else 0. */
	int rc;
	struct nf_err err;
};

void requested_release(struct requested *w);

/* --with-build-inputs */
extern const struct cmd_option_group requested_group;

/* Asks for all installables: paths, and outputs of derivations. */
void requested_ask(struct planner *m, const struct installables *installables);

struct requested_options {
	const struct fetch_options *fetch; /* caches, keys and pool */
	struct local_store *store;	   /* has the derivations; or NULL */
	/* Also include the derivations that must be built, with their sources, so that
	 * another machine can build them without a network. */
	bool build_inputs;
	bool always_substitute;	    /* as in struct planner_options */
	const char *no_substituter; /* as in struct plan_causes_options */
	bool offline; /* caches are not queried at all: that is not a cause */
};

/* Queries caches only if an installable is a derivation. RET is always initialised. */
int requested_find(struct requested *ret, const struct installables *installables,
		   const struct requested_options *opts, struct nf_err *err) MUST_CHECK;

/* Returns w->rc and sets ERR. */
int requested_verdict(const struct requested *w, struct nf_err *err) MUST_CHECK;

/* Warns of each cause other than the one in w->rc. */
void requested_tell(const struct requested *w, struct ui *ui);

/* Adds the derivations that are still to be built as "toBuild", and "causes". */
void requested_add_json(const struct requested *w, struct json_doc *doc);

#endif
