/* Which paths must be fetched and which derivations must be built for some installables,
 * as Nix computes it for "nix-store --realise --dry-run" (Store::queryMissing). Pure,
 * like the resolver: it returns questions and takes answers; it neither queries nor
 * waits. It uses a few hundred bytes of memory per path and linear time.
 *
 * The order of calls:
 *
 *	struct planner *m = planner_new(&(struct planner_options){ 0 });
 *	planner_want_path(m, &path);                    for each path
 *	planner_want_outputs(m, &drv, names, count);    for each "DRV!NAME,NAME"
 *	for (;;) {
 *		while (planner_next(m, &q))
 *			start to find out what q.ask asks about the node q.id
 *		if no question is being answered: break
 *		wait for an answer; pass it to the planner
 *	}
 *	rc = planner_finish(m, err);
 *	planner_totals(m), planner_builds(m, &count), and of each node from 0 to
 *	planner_count(m) - 1 the flags build, substitute and unknown
 *
 * Every question is answered by exactly one call of one of the functions below, at any
 * time and in any order, even between two calls of planner_next(). No question is asked
 * twice. If one cannot be answered (a .drv cannot be read, a required cache fails), call
 * planner_free().
 *
 * The distinctions are those of Nix: a path itself is requested ("opaque"), or outputs
 * of a derivation are. Different sets of outputs of one derivation are different
 * requests; if one of them leads to building and the other to fetching, both happen. A
 * derivation that is not valid locally is unknown; it is not fetched. Its input sources
 * are ignored. Signatures are not this module's business. */
#ifndef PLANNER_H
#define PLANNER_H

#include <nixferry/derivation.h>
#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define PLANNER_NONE UINT32_MAX

enum planner_state {
	PLANNER_SEEN,	 /* something refers to it, but it was not requested */
	PLANNER_ABSENT,	 /* not valid locally */
	PLANNER_VALID,	 /* valid locally */
	PLANNER_READ,	 /* likewise, and a derivation whose contents are known */
	PLANNER_FOUND,	 /* not valid locally, and a substituter has it */
	PLANNER_NOWHERE, /* not valid locally, and no substituter has it */
};

struct planner_output {
	const char *name;
	uint32_t node; /* PLANNER_NONE: its path is known only after building */
};

struct planner_input {
	uint32_t node;
	const char *outputs; /* as in struct planner_request; or NULL */
};

struct planner_drv {
	struct planner_output *outputs; /* sorted by name */
	struct planner_input *inputs;
	size_t noutputs;
	size_t ninputs;
	bool may_substitute; /* allowed, by itself or by the options */
	bool is_fixed; /* the hash of its output is fixed: building may use the network */
	bool is_floating; /* the path of some output is known only after building */
};

/* Who requested what: PARENT leads from a node to the installable that it is needed
 * for. */
struct planner_request {
	uint32_t node;
	/* Names joined by commas, sorted; "*": all; NULL: the path itself. Equal ones are
	 * the same pointer. */
	const char *outputs;
	const struct planner_request *parent; /* NULL for an installable */
};

struct planner_node {
	const char *base; /* "HASH-NAME" */
	/* The first request that set one of the flags; NULL without flags. */
	const struct planner_request *why;
	const struct planner_drv *drv; /* in state PLANNER_READ */
	uint64_t nar_size;	       /* in state PLANNER_FOUND, from its references */
	uint64_t download_size;
	uint32_t *refs; /* node numbers */
	uint32_t nrefs;
	enum planner_state state;
	bool build;	 /* a derivation to be built */
	bool substitute; /* a path to be fetched */
	bool unknown;	 /* unknown how to obtain it */
	bool here;	 /* valid, and requested by the user or needed by a build */
	bool is_wanted;	 /* as a path */

	/* For planner.c only. */
	bool is_asked;
	uint32_t next_question;
	struct planner_waiter *waiters;
};

struct planner_options {
	/* Nix's always-allow-substitutes: ignores allowSubstitutes = false. */
	bool always_substitute;
};

struct planner;

struct planner *planner_new(const struct planner_options *opts);
void planner_free(struct planner *m);
DEFINE_CLEANUP(struct planner *, planner_free)

/* Adds installables: a path, or outputs of a derivation (COUNT 0: all of them). */
void planner_want_path(struct planner *m, const struct nf_storepath *path);
void planner_want_outputs(struct planner *m, const struct nf_storepath *drv,
			  const struct nf_slice *names, size_t count);

enum planner_ask {
	PLANNER_ASK_VALID,    /* is it valid locally? -> planner_valid */
	PLANNER_ASK_CONTENTS, /* what does this .drv contain? -> planner_contents */
	PLANNER_ASK_FACTS,    /* who has it, what does it refer to? -> planner_found or
				 planner_not_found */
};

struct planner_question {
	enum planner_ask ask;
	uint32_t id;
};

/* The next question, in the order in which they arose; false if there is none for now. */
bool planner_next(struct planner *m, struct planner_question *ret);

/* Answers. */
void planner_valid(struct planner *m, uint32_t id, bool is_valid);

/* D is borrowed. NF_E_FORMAT if its structured attributes are malformed; this does not
 * count as an answer. */
int planner_contents(struct planner *m, uint32_t id, const struct nf_derivation *d,
		     struct nf_err *err) MUST_CHECK;

/* REFS are validated base names, as in a path info; DOWNLOAD_SIZE is 0 if unknown. */
void planner_found(struct planner *m, uint32_t id, const struct nf_slice *refs,
		   size_t nrefs, uint64_t nar_size, uint64_t download_size);
void planner_not_found(struct planner *m, uint32_t id);

/* Call it once, when all questions are answered and no more are left. NF_E_FORMAT if
 * derivations that must be built need each other, or if one needs an output that another
 * does not have; NF_E_MISSING if an installable does. After either, planner_next returns
 * no more questions. */
int planner_finish(struct planner *m, struct nf_err *err) MUST_CHECK;

/* ---- results ---- */

struct planner_totals {
	size_t build;
	size_t substitute;
	size_t unknown;
	/* Totals of what must be fetched; they stop at UINT64_MAX. */
	uint64_t download_size;
	uint64_t nar_size;
};

struct planner_totals planner_totals(const struct planner *m);

/* After planner_finish: the nodes to be built, each after those that it needs. */
const uint32_t *planner_builds(const struct planner *m, size_t *ret_count);

enum planner_reason {
	PLANNER_NO_CACHE,    /* those of the wanted outputs that are PLANNER_NOWHERE */
	PLANNER_NOT_ALLOWED, /* allowSubstitutes = false */
	PLANNER_FLOATING,    /* the paths of the outputs are known only after building */
};

/* Why a node with the flag build is to be built. */
enum planner_reason planner_reason(const struct planner_node *node);

uint32_t planner_count(const struct planner *m);
const struct planner_node *planner_node(const struct planner *m, uint32_t id);

/* The node of a path, or PLANNER_NONE. */
uint32_t planner_find(const struct planner *m, const struct nf_storepath *path);
void planner_path(const struct planner *m, uint32_t id, struct nf_storepath *ret);

/* Memory in use, in bytes. */
size_t planner_memory(const struct planner *m);

#endif
