/* The bundle of what prefetch has fetched: everything or, with --keep-going, the paths
 * whose closures are complete. */
#ifndef FETCHED_BUNDLE_H
#define FETCHED_BUNDLE_H

#include "cmd/json.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"
#include "plan/forecast.h"
#include "pool/pack.h"
#include "pool/pool_complete.h"

struct fetched_bundle {
	const char *output; /* or NULL */
	bool is_written;
	struct nf_pack_result packed;  /* prints here that it was written */
	struct pool_complete complete; /* prints here what is missing from it */
};

void fetched_bundle_release(struct fetched_bundle *b);

int fetched_bundle_write(struct fetched_bundle *b, struct pool *pool,
			 const struct pack_options *opts, struct nf_err *err) MUST_CHECK;

/* Whether a fetch that failed with RC may have left something worth packing. */
bool fetched_bundle_may_be_partial(int rc);

/* Packs the requested paths that the pool has with their whole closures, if there are
 * any. */
int fetched_bundle_write_complete(struct fetched_bundle *b, struct pool *pool,
				  const struct pack_options *opts,
				  const struct fetch_result *fetched,
				  struct nf_err *err) MUST_CHECK;

/* Before a fetch with --keep-going: reports that the bundle may be incomplete, and
 * WHY_NOT all roots can be in it (NULL if they can). */
void fetched_bundle_warn(const struct fetched_bundle *b, struct progress *p,
			 const char *why_not);

/* Once all paths are known, some of which W marks as unavailable: reports what the bundle
 * will lack, and why. */
void fetched_bundle_foretell(const struct fetched_bundle *b, struct progress *p,
			     const struct resolver *r, const struct forecast *w);

/* After a failure: reports what the bundle lacks, or that there is none. */
void fetched_bundle_tell(const struct fetched_bundle *b, struct ui *ui);

void fetched_bundle_add_json(const struct fetched_bundle *b, struct json_doc *doc);

#endif
