/* What a run of prefetch found out, as text and as JSON. */
#ifndef PREFETCH_REPORT_H
#define PREFETCH_REPORT_H

#include <nixferry/import.h>

#include "cmd/cache_options.h"
#include "cmd/fetched_bundle.h"
#include "cmd/have.h"
#include "cmd/nix_conf_options.h"
#include "cmd/not_in.h"
#include "cmd/preflight.h"
#include "cmd/requested.h"
#include "cmd/target_options.h"
#include "cmd/ui.h"
#include "fetch/fetch.h"
#include "fetch/fetch_target.h"

/* The evaluated options and arguments. */
struct prefetch {
	struct fetch_options fetch;
	struct cache_setup caches;
	struct installables installables;
	struct requested requested;
	struct have *have; /* or NULL */
	struct not_in not_in;
	struct nf_bundle_terms terms;
	struct nf_secret_key *sign_key; /* NULL without an output */
	struct pool *pool;
	struct local_store *store; /* or NULL */
	struct target_options target;
	struct nix_conf_options conf;
	struct fetch_target store_to_fill;
	struct nf_import_result imported;
	const char *output;
	struct fetched_bundle bundle;
	struct preflight preflight;
	bool sign_all;
	bool build_inputs;
	bool json;
};

/* RC is the result of the run. */
void prefetch_report_json(const struct prefetch *p, const struct ui *ui,
			  const struct fetch_result *r, int rc);
void prefetch_report_text(const struct prefetch *p, struct ui *ui,
			  const struct fetch_result *r);

/* All failures except the most severe one, RC, which is the command's error. */
void prefetch_report_failure(const struct prefetch *p, struct ui *ui,
			     const struct fetch_result *result, int rc);

#endif
