/* Which bundle of a series a target store had last, so that an older one is not taken for
 * the newest. Kept in nix/var/nixferry/series, a file for each series. */
#ifndef SERIES_H
#define SERIES_H

#include <nixferry/bundle.h>

#include "base/err.h"
#include "base/progress.h"
#include "store/target.h"

/* NF_E_TRUST if the last day of the terms is over on the day of NOW, which is in UTC.
 * With ALLOW_OLDER only a note. */
int series_check_expiry(const struct nf_bundle_terms *terms, time_t now, bool allow_older,
			struct progress *progress, struct nf_err *err) MUST_CHECK;

/* NF_E_TRUST if the target has had a bundle of the series with a higher serial; with
 * ALLOW_OLDER only a note. Does nothing for a bundle without a series. */
int series_check(const struct target *t, const struct nf_bundle_terms *terms,
		 bool allow_older, struct progress *progress,
		 struct nf_err *err) MUST_CHECK;

/* Remembers the serial, durably, unless a higher one is known. */
int series_remember(const struct target *t, const struct nf_bundle_terms *terms,
		    struct nf_err *err) MUST_CHECK;

#endif
