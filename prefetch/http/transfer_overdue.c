#include <inttypes.h>
#include <stdio.h>

#include "base/plural.h"
#include "http/transfer_private.h"

static bool has_stalled(struct transfer *x, int64_t now)
{
	curl_off_t sent_us = 0;

	if (x->is_paused)
		return false;
	if (!x->stall.is_watched &&
	    curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_us) ==
		    CURLE_OK &&
	    sent_us > 0)
		stall_begin(&x->stall, now);
	return stall_is_too_slow(&x->stall, now, x->owner->stall_timeout_ms);
}

static void tell_stall(struct transfer *x)
{
	uint64_t seconds = (uint64_t)x->owner->stall_timeout_ms / 1000;

	if (!x->head_seen && !x->bytes) {
		snprintf(x->error, sizeof(x->error), "no answer in %" PRIu64 " %s",
			 seconds, plural(seconds, "second", "seconds"));
		return;
	}
	snprintf(x->error, sizeof(x->error),
		 "it is too slow: less than %d bytes a second for %" PRIu64 " %s",
		 STALL_FLOOR, seconds, plural(seconds, "second", "seconds"));
}

static bool has_timed_out(const struct transfer *x, int64_t now)
{
	return x->req.timeout_ms && x->begun_at && now - x->begun_at >= x->req.timeout_ms;
}

static void tell_timeout(struct transfer *x)
{
	snprintf(x->error, sizeof(x->error), "it timed out after %d ms",
		 x->req.timeout_ms);
}

static bool is_overdue(struct transfer *x, int64_t now)
{
	if (has_timed_out(x, now))
		tell_timeout(x);
	else if (has_stalled(x, now))
		tell_stall(x);
	else
		return false;
	return true;
}

struct transfer *transfer_find_overdue(struct transfers *t, int64_t now)
{
	struct transfer *x;

	LIST_FOREACH (x, &t->active, link)
		if (is_overdue(x, now))
			return x;
	return NULL;
}
