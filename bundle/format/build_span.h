/* Intervals of time, and what they add up to. */
#ifndef BUILD_SPAN_H
#define BUILD_SPAN_H

#include <stddef.h>
#include <stdint.h>

#include "format/build_account.h"

enum build_span_kind {
	BUILD_SPAN_BUILD,
	BUILD_SPAN_COPY,
	BUILD_SPAN_ASK,
	BUILD_SPAN_FAILED,
	BUILD_SPAN_NOTHING, /* does not count */
};

struct build_span {
	uint64_t from, to;
	enum build_span_kind kind;
	size_t cache;
};

/* Sorts the spans. Nothing counts after TOTAL. */
void build_span_times(struct build_span *spans, size_t count, uint64_t total,
		      struct build_account_times *ret);

/* Adds to busy_ms and failed_ms of each cache. Sorts the spans. */
void build_span_caches(struct build_span *spans, size_t count, uint64_t total,
		       struct build_account_cache *caches);

#endif
