/* The bundle of what prefetch fetched: all of it or, with --keep-going, what is whole. */
#ifndef FETCHED_BUNDLE_H
#define FETCHED_BUNDLE_H

#include "cmd/json.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"
#include "plan/whole.h"
#include "pool/pack.h"
#include "pool/pool_whole.h"

struct fetched_bundle {
	const char *output; /* NULL: none is wanted */
	bool is_written;
	struct nf_pack_result packed; /* where it is written */
	struct pool_whole whole;      /* where it lacks something */
};

void fetched_bundle_release(struct fetched_bundle *b);

int fetched_bundle_write(struct fetched_bundle *b, struct pool *pool,
			 const struct pack_options *opts, struct nf_err *err) MUST_CHECK;

/* Whether a fetch that failed with RC may have left something that is worth packing. */
bool fetched_bundle_may_be_partial(int rc);

/* Packs what the pool has with all that it refers to, if there is any, of what was to be
 * fetched. */
int fetched_bundle_write_whole(struct fetched_bundle *b, struct pool *pool,
			       const struct pack_options *opts,
			       const struct fetch_result *fetched,
			       struct nf_err *err) MUST_CHECK;

/* Before a fetch that keeps going: that the bundle may become incomplete, and WHY_NOT all
 * targets can be in it (NULL: they may). */
void fetched_bundle_warn(const struct fetched_bundle *b, struct progress *p,
			 const char *why_not);

/* Once all paths are known, of which W has not all: what the bundle will lack, and why.
 */
void fetched_bundle_foretell(const struct fetched_bundle *b, struct progress *p,
			     const struct resolver *r, const struct whole *w);

/* After a failure: what the bundle lacks, or that there is none. */
void fetched_bundle_tell(const struct fetched_bundle *b, struct ui *ui);

void fetched_bundle_add_json(const struct fetched_bundle *b, struct json_doc *doc);

#endif
