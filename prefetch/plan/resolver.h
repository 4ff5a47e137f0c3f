/* The closure as it becomes known: which paths are wanted, what trusted answers say of
 * them, and where they can be had. Pure: answers go in, new wants come out; it neither
 * asks nor waits. Nodes are numbered in the order in which they were wanted, so that
 * the caller keeps a cursor. */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <nixferry/narinfo.h>
#include <nixferry/trust.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "plan/cause.h"

/* In place of a cache's index: it is there already, where it is to go. */
#define RESOLVER_HERE UINT32_MAX

enum resolver_state {
	RESOLVER_WANTED,  /* no trusted answer yet */
	RESOLVER_KNOWN,	  /* facts and at least one source, or here */
	RESOLVER_UNKNOWN, /* everybody answered, nobody usefully */
};

/* One way to get a NAR. Everything here is a hint from an untrusted server. */
struct resolver_source {
	struct resolver_source *next;
	uint32_t cache;
	bool has_file_hash;
	uint8_t file_hash[32]; /* SHA-256 */
	uint64_t file_size;    /* 0: unknown */
	const char *url;
	const char *compression;
	const char *by; /* who vouches for what this cache says of the path */
	bool asked_anew;
};

struct resolver_node {
	const char *base; /* "HASH-NAME" */
	enum resolver_state state;
	bool here;	  /* where it is to go */
	uint16_t pending; /* answers that are still to come */
	uint8_t nar_hash[32];
	uint64_t nar_size;
	uint32_t *refs; /* node numbers */
	uint32_t nrefs;
	const char *deriver; /* or NULL */
	const char *ca;	     /* one that gives the path, or NULL */
	const char *sigs;    /* separated by spaces; or NULL */
	const char *by;	     /* who vouches; equal ones are the same pointer */
	bool by_store;	     /* it was a store that the user trusts */
	struct resolver_source *sources; /* in the order in which they came */
	int why;	      /* UNKNOWN: the gravest NF_E_... of the answers */
	const char *why_text; /* and its words; NULL: no cache has it */
	const struct resolver_reason *reason; /* the same, if caches told it; or NULL */
};

/* Why a cache does not help with a path. Words are copied. */
struct resolver_reason {
	enum cause cause;
	int code; /* NF_E_...; 0: it does not have the path */
	uint32_t cache;
	const char *text;   /* with the cache's name */
	const char *detail; /* without the names of the cache and the path */
	/* CAUSE_NOT_TRUSTED: names of unknown keys that sign it, separated by spaces;
	 * NULL: there are none. */
	const char *signers;
	bool is_signed; /* by any key at all */
};

/* What a cache says of a path's content. */
struct resolver_word {
	uint32_t cache; /* or RESOLVER_HERE */
	const char *by; /* who vouches for it; NULL: nobody who is trusted */
	uint8_t nar_hash[32];
	uint64_t nar_size;
};

/* Two that differ: the one that counts, and another. */
struct resolver_dispute {
	uint32_t id;
	struct resolver_word known, other;
};

/* More are counted, and not kept. */
#define RESOLVER_DISPUTES_MAX 1000

struct resolver;

struct resolver *resolver_new(void);

/* For a caller that decides itself what is wanted next: references are not followed, and
 * SETTLED is told of each node that is no longer RESOLVER_WANTED: with what vouches for
 * it and says what it refers to, or with NULL for an unknown one. It may want more nodes.
 */
void resolver_set_settled(struct resolver *r,
			  void (*settled)(void *ctx, uint32_t id,
					  const struct nf_narinfo *ni),
			  void *ctx);
void resolver_free(struct resolver *r);
DEFINE_CLEANUP(struct resolver *, resolver_free)

/* The node of a path, made if there is none. */
uint32_t resolver_want(struct resolver *r, const struct nf_storepath *path);

uint32_t resolver_count(const struct resolver *r);
const struct resolver_node *resolver_node(const struct resolver *r, uint32_t id);
void resolver_path(const struct resolver *r, uint32_t id, struct nf_storepath *ret);

/* Nodes that are still RESOLVER_WANTED. */
uint32_t resolver_open_count(const struct resolver *r);

/* N caches are being asked for the node; 0 settles it as unknown. */
void resolver_asked(struct resolver *r, uint32_t id, uint16_t n);

/* A trusted answer: facts (the first time), references wanted, a source added. NF_E_HASH
 * if an earlier trusted answer vouches for other content: the answer is not mixed in. For
 * RESOLVER_HERE no answer was pending. */
int resolver_found(struct resolver *r, uint32_t id, uint32_t cache,
		   const struct nf_narinfo *ni, const struct nf_trusted *t,
		   struct nf_err *err) MUST_CHECK;

/* What the cache told of the node, or NULL. */
const struct resolver_source *resolver_source_of(const struct resolver *r, uint32_t id,
						 uint32_t cache);

/* The cache does not have the NAR where it told. The first time it can be asked for the
 * node again: then this is true, and an answer is pending. If that tells of another
 * place, resolver_found puts a source of its own in place of the old one, which stays
 * valid. */
bool resolver_asks_anew(struct resolver *r, uint32_t id, uint32_t cache);

/* An answer that helps nobody. Of several reasons the gravest is kept, and of equal ones
 * that of the cache with the lowest number. */
void resolver_not_found(struct resolver *r, uint32_t id,
			const struct resolver_reason *why);

/* A known path's NAR could not be had from a source: kept if it is the gravest so far. */
void resolver_set_reason(struct resolver *r, uint32_t id, int code, const char *text);

/* A known path's facts, put together again and judged again by KEYS, and where these
 * do not vouch, by the store that the user trusts: INFO is initialised in any case, *t
 * points into it. */
int resolver_trusted(const struct resolver *r, uint32_t id, const struct nf_keyring *keys,
		     struct nf_pathinfo *info, struct nf_trusted *t,
		     struct nf_err *err) MUST_CHECK;

/* An answer that nobody vouches for, and that resolver_not_found is told of as well. It
 * is no source; but where its content is not what a trusted answer says, earlier or
 * later, that is a dispute. */
void resolver_unvouched(struct resolver *r, uint32_t id, uint32_t cache,
			const struct nf_pathinfo *info);

/* All disputes so far; *RET is the first *COUNT of them, valid until the next answer. */
size_t resolver_disputes(struct resolver *r, const struct resolver_dispute **ret,
			 size_t *count);

#endif
