/* The closure as it becomes known: which paths are wanted, what trusted answers say about
 * them, and where they can be fetched. Pure: it takes answers and returns new paths; it
 * neither queries nor waits. Nodes are numbered in the order in which they were
 * requested, so that the caller can keep a cursor. */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <nixferry/narinfo.h>
#include <nixferry/trust.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "plan/cause.h"

/* Used as a cache's index: the path is already in its destination. */
#define RESOLVER_HERE UINT32_MAX

enum resolver_state {
	RESOLVER_WANTED,  /* no trusted answer yet */
	RESOLVER_KNOWN,	  /* metadata and at least one offer, or present */
	RESOLVER_UNKNOWN, /* all have answered, none usefully */
};

/* The file that a cache serves for a NAR. Everything here is a hint from an untrusted
 * server. */
struct resolver_offer {
	struct resolver_offer *next;
	uint32_t cache;
	bool has_file_hash;
	uint8_t file_hash[32]; /* SHA-256 */
	uint64_t file_size;    /* 0: unknown */
	const char *url;
	const char *compression;
	const char *vouched_by; /* who vouches for this cache's answer */
	bool asked_anew;
};

struct resolver_node {
	const char *base; /* "HASH-NAME" */
	enum resolver_state state;
	bool here;	  /* it is in its destination */
	uint16_t pending; /* number of answers still expected */
	uint8_t nar_hash[32];
	uint64_t nar_size;
	uint32_t *refs; /* node numbers */
	uint32_t nrefs;
	const char *deriver;	       /* or NULL */
	const char *ca;		       /* one that matches the path, or NULL */
	const char *sigs;	       /* separated by spaces; or NULL */
	const char *vouched_by;	       /* who vouches; equal names are the same pointer */
	bool by_store;		       /* it was a store that the user trusts */
	struct resolver_offer *offers; /* in order of arrival */
	int why;	      /* UNKNOWN: the most severe NF_E_... of the answers */
	const char *why_text; /* and its text; NULL: no cache has it */
	const struct resolver_reason *reason; /* the same, if caches gave it; or NULL */
};

/* Why a cache does not help with a path. Texts are copied. */
struct resolver_reason {
	enum cause cause;
	int code; /* NF_E_...; 0: it does not have the path */
	uint32_t cache;
	const char *text;   /* including the cache's name */
	const char *detail; /* without the names of the cache and the path */
	/* CAUSE_NOT_TRUSTED: names of unknown keys that signed it, separated by spaces;
	 * NULL if there are none. */
	const char *signers;
	bool is_signed; /* by any key at all */
};

/* A cache's answer about the content of a path. */
struct resolver_word {
	uint32_t cache;		/* or RESOLVER_HERE */
	const char *vouched_by; /* who vouches for it; NULL: nobody who is trusted */
	uint8_t nar_hash[32];
	uint64_t nar_size;
};

/* Two different answers: the one that counts, and another. */
struct resolver_dispute {
	uint32_t id;
	struct resolver_word known, other;
};

/* More are counted, but not kept. */
#define RESOLVER_DISPUTES_MAX 1000

struct resolver;

struct resolver *resolver_new(void);

/* For a caller that decides itself which paths to request next: references are not
 * followed, and SETTLED is called for each node that is no longer RESOLVER_WANTED, with
 * the metadata and what vouches for it, or with NULL for an unknown one. It may request
 * more nodes. */
void resolver_set_settled(struct resolver *r,
			  void (*settled)(void *ctx, uint32_t id,
					  const struct nf_narinfo *ni),
			  void *ctx);
void resolver_free(struct resolver *r);
DEFINE_CLEANUP(struct resolver *, resolver_free)

/* The node of a path, which is created if there is none. */
uint32_t resolver_want(struct resolver *r, const struct nf_storepath *path);

uint32_t resolver_count(const struct resolver *r);
const struct resolver_node *resolver_node(const struct resolver *r, uint32_t id);
void resolver_path(const struct resolver *r, uint32_t id, struct nf_storepath *ret);

/* Number of nodes that are still RESOLVER_WANTED. */
uint32_t resolver_open_count(const struct resolver *r);

/* N caches are being queried for the node; 0 makes it unknown. */
void resolver_asked(struct resolver *r, uint32_t id, uint16_t n);

/* A trusted answer: stores the metadata (the first time), requests its references and
 * adds an offer. NF_E_HASH if an earlier trusted answer vouches for other content: this
 * one is then ignored. For RESOLVER_HERE no answer was pending. */
int resolver_found(struct resolver *r, uint32_t id, uint32_t cache,
		   const struct nf_narinfo *ni, const struct nf_trusted *t,
		   struct nf_err *err) MUST_CHECK;

/* The cache's offer of the node's NAR, or NULL. */
const struct resolver_offer *resolver_offer_of(const struct resolver *r, uint32_t id,
					       uint32_t cache);

/* The narinfo named a NAR that the cache does not have. Returns true the first time: the
 * cache can be queried again for the node, and an answer is pending. If that names
 * another NAR, resolver_found adds a new offer in place of the old one, which stays
 * valid. */
bool resolver_asks_anew(struct resolver *r, uint32_t id, uint32_t cache);

/* An answer that does not help. Of several reasons the most severe is kept, and of equal
 * ones that of the cache with the lowest number. */
void resolver_not_found(struct resolver *r, uint32_t id,
			const struct resolver_reason *why);

/* The NAR of a known path could not be fetched as offered: kept if it is the most
 * severe failure so far. */
void resolver_set_reason(struct resolver *r, uint32_t id, int code, const char *text);

/* Rebuilds the metadata of a known path and verifies it again with KEYS or, if these do
 * not vouch for it, by the store that the user trusts. INFO is always initialised; *t
 * points into it. */
int resolver_trusted(const struct resolver *r, uint32_t id, const struct nf_keyring *keys,
		     struct nf_pathinfo *info, struct nf_trusted *t,
		     struct nf_err *err) MUST_CHECK;

/* An answer that nobody vouches for; resolver_not_found is also called for it. It is not
 * an offer; but if its content differs from that of a trusted answer, earlier or later,
 * that is a dispute. */
void resolver_unvouched(struct resolver *r, uint32_t id, uint32_t cache,
			const struct nf_pathinfo *info);

/* All disputes so far; *RET is the first *COUNT of them, valid until the next answer. */
size_t resolver_disputes(struct resolver *r, const struct resolver_dispute **ret,
			 size_t *count);

#endif
