/* What must be fetched and what must be built for some targets: what Nix computes for
 * "nix-store --realise --dry-run" (Store::queryMissing). Pure, as the resolver: questions
 * come out, answers go in; it neither asks nor waits. Memory is a few hundred bytes a
 * path and time is linear.
 *
 * The order of calls:
 *
 *	struct missing *m = missing_new(&(struct missing_options){ 0 });
 *	missing_want_path(m, &path);                    for each target that is a path
 *	missing_want_outputs(m, &drv, names, count);    for each "DRV!NAME,NAME"
 *	for (;;) {
 *		while (missing_next(m, &q))
 *			start to find out what q.ask says about the node q.id
 *		if nothing is being found out: break
 *		wait for something to be found out; answer it
 *	}
 *	rc = missing_finish(m, err);
 *	missing_totals(m), missing_builds(m, &count), and of each node from 0 to
 *	missing_count(m) - 1 the flags build, substitute and unknown
 *
 * Every question is answered by exactly one call of one of the functions below, at any
 * time and in any order, also at once between two missing_next(). No question comes
 * twice. What cannot be answered (a .drv that cannot be read, a cache that must not be
 * missed) ends the whole: missing_free().
 *
 * What is told apart, as Nix does: a path is wanted as such ("opaque"), or outputs of a
 * derivation are. Wanting different outputs of one derivation are different requests; if
 * one of them leads to building and the other to fetching, both happen. A derivation
 * that is not valid locally is unknown, it is not fetched. Its input sources are not
 * looked at. Signatures are none of this module's business. */
#ifndef MISSING_H
#define MISSING_H

#include <nixferry/derivation.h>
#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define MISSING_NONE UINT32_MAX

enum missing_state {
	MISSING_SEEN,	 /* something names it, nobody asked for it */
	MISSING_ABSENT,	 /* not valid locally */
	MISSING_VALID,	 /* valid locally */
	MISSING_READ,	 /* likewise, and a derivation whose contents are known */
	MISSING_FOUND,	 /* not valid locally, and a substituter has it */
	MISSING_NOWHERE, /* not valid locally, and no substituter has it */
};

struct missing_output {
	const char *name;
	uint32_t node; /* MISSING_NONE: its path is known only after building */
};

struct missing_input {
	uint32_t node;
	const char *outputs; /* as in struct missing_request; NULL: none */
};

struct missing_drv {
	struct missing_output *outputs; /* sorted by name */
	struct missing_input *inputs;
	size_t noutputs;
	size_t ninputs;
	bool may_substitute; /* allowed to, by itself or by the options */
	bool is_fixed; /* its output is told by its hash: building may use the network */
	bool is_floating; /* some output's path is known only after building */
};

/* Who wants what: following PARENT leads from a node to the target that it is for. */
struct missing_request {
	uint32_t node;
	/* Names joined by commas, sorted; "*": all; NULL: the path as such. Equal ones
	 * are the same pointer. */
	const char *outputs;
	const struct missing_request *parent; /* NULL: this is a target */
};

struct missing_node {
	const char *base; /* "HASH-NAME" */
	/* Of the first request that led to one of the flags; NULL without flags. */
	const struct missing_request *why;
	const struct missing_drv *drv; /* in state MISSING_READ */
	uint64_t nar_size;	       /* in state MISSING_FOUND, as its references */
	uint64_t download_size;
	uint32_t *refs; /* node numbers */
	uint32_t nrefs;
	enum missing_state state;
	bool build;	 /* a derivation to be built */
	bool substitute; /* a path to be fetched */
	bool unknown;	 /* nobody knows how to get it */
	bool here; /* valid, and a target or an output that a target or a build wants */
	bool is_wanted; /* as a path */

	/* For missing.c alone. */
	bool is_asked;
	uint32_t next_question;
	struct missing_waiter *waiters;
};

struct missing_options {
	/* Nix's always-allow-substitutes: allowSubstitutes = false is not heeded. */
	bool always_substitute;
};

struct missing;

struct missing *missing_new(const struct missing_options *opts);
void missing_free(struct missing *m);
DEFINE_CLEANUP(struct missing *, missing_free)

/* Targets: a path, or outputs of a derivation (COUNT 0: all of them). */
void missing_want_path(struct missing *m, const struct nf_storepath *path);
void missing_want_outputs(struct missing *m, const struct nf_storepath *drv,
			  const struct nf_slice *names, size_t count);

enum missing_ask {
	MISSING_ASK_VALID,    /* is it valid locally? -> missing_valid */
	MISSING_ASK_CONTENTS, /* what is in this .drv? -> missing_contents */
	MISSING_ASK_FACTS,    /* who has it, what does it refer to? -> missing_found or
				 missing_not_found */
};

struct missing_question {
	enum missing_ask ask;
	uint32_t id;
};

/* The next question, in the order in which they arose; false if there is none for now. */
bool missing_next(struct missing *m, struct missing_question *ret);

/* Answers. */
void missing_valid(struct missing *m, uint32_t id, bool is_valid);

/* D is borrowed. NF_E_FORMAT if its structured attributes are malformed; that is not an
 * answer. */
int missing_contents(struct missing *m, uint32_t id, const struct nf_derivation *d,
		     struct nf_err *err) MUST_CHECK;

/* REFS are checked base names, as those of a path info; DOWNLOAD_SIZE is 0 where nobody
 * says. */
void missing_found(struct missing *m, uint32_t id, const struct nf_slice *refs,
		   size_t nrefs, uint64_t nar_size, uint64_t download_size);
void missing_not_found(struct missing *m, uint32_t id);

/* Once, when all questions are answered and no more come. NF_E_FORMAT if derivations that
 * must be built need each other, or if one wants an output that another does not have;
 * NF_E_MISSING if a target does. After either, missing_next gave no more questions. */
int missing_finish(struct missing *m, struct nf_err *err) MUST_CHECK;

/* ---- what came out ---- */

struct missing_totals {
	size_t build;
	size_t substitute;
	size_t unknown;
	/* Of what is to be fetched; they stop at UINT64_MAX. */
	uint64_t download_size;
	uint64_t nar_size;
};

struct missing_totals missing_totals(const struct missing *m);

/* After missing_finish: the nodes to be built, each after those that it needs. */
const uint32_t *missing_builds(const struct missing *m, size_t *ret_count);

enum missing_reason {
	MISSING_NO_CACHE,    /* of the wanted outputs, those that are MISSING_NOWHERE */
	MISSING_NOT_ALLOWED, /* allowSubstitutes = false */
	MISSING_FLOATING,    /* the outputs' paths are known only after building */
};

/* Why a node with the flag build is to be built. */
enum missing_reason missing_reason(const struct missing_node *node);

uint32_t missing_count(const struct missing *m);
const struct missing_node *missing_node(const struct missing *m, uint32_t id);

/* The node of a path, or MISSING_NONE. */
uint32_t missing_find(const struct missing *m, const struct nf_storepath *path);
void missing_path(const struct missing *m, uint32_t id, struct nf_storepath *ret);

/* Bytes of memory that all of it takes. */
size_t missing_memory(const struct missing *m);

#endif
