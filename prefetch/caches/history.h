/* What is known of each cache, kept between runs in one small file: how fast it was, when
 * it answered last, when and how it failed. All of it is a hint that ages; nothing that
 * it says is needed. Everything but history_load and history_save is pure: times are
 * given, in seconds since 1970.
 *
 *   URL: https://cache.nixos.org
 *   AnsweredAt: 1700000000
 *   MeasuredAt: 1700000000
 *   LatencyUs: 23000
 *   BytesPerSecond: 47185920
 *   FailedAt: 1700000000
 *   Failure: Connection refused
 *   Unreachable: 1
 *
 * An empty line ends an entry. Unknown and malformed lines are skipped, as are entries
 * without a URL. */
#ifndef HISTORY_H
#define HISTORY_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define HISTORY_TEXT_MAX   200
#define HISTORY_URL_MAX	   1024
#define HISTORY_CACHES_MAX 128

/* Facts older than this are forgotten. */
#define HISTORY_AGE_MAX_S (7 * 24 * 3600)
/* A cache that could not be reached is assumed to be down for this long. */
#define HISTORY_DOWN_S 600
/* Then it gets this time to answer, or four times its earlier latency. */
#define HISTORY_DOWN_TIMEOUT_MS 500

/* Times and measurements are 0 if unknown. */
struct history_entry {
	char *url; /* NULL in an entry outside a history */
	int64_t answered;
	int64_t measured;
	int64_t failed;
	bool unreachable;    /* it failed without any answer and has not answered since */
	uint32_t latency_us; /* from a request to the first byte of the response */
	uint64_t throughput; /* bytes per second */
	char failure[HISTORY_TEXT_MAX]; /* text of the last failure */
};

struct history {
	struct history_entry *entries;
	size_t count;
	size_t cap;
};

#define HISTORY_INIT                                                                     \
	{                                                                                \
		0                                                                        \
	}

void history_release(struct history *p);

/* ---- events ---- */

void history_answered(struct history_entry *e, int64_t now);
/* TEXT is reduced to one line; UNREACHABLE: nothing answered. */
void history_failed(struct history_entry *e, int64_t now, bool unreachable,
		    struct nf_slice text);
/* A new measurement weighs as much as all earlier ones together; 0 if not measured. */
void history_measured(struct history_entry *e, int64_t now, uint32_t latency_us,
		      uint64_t throughput);

/* ---- entries ---- */

/* NULL if there is none. Valid until the history changes. */
const struct history_entry *history_find(const struct history *p, const char *url);

/* Merges new facts about a cache into its entry. A full history drops the cache that was
 * heard from longest ago. A URL that is too long, or contains white space, is not
 * kept. */
void history_learn(struct history *p, const char *url,
		   const struct history_entry *learned);

/* Drops what is too old, and what claims to come from the future. */
void history_expire(struct history *p, int64_t now);

/* ---- decisions; E may be NULL ---- */

/* It could not be reached a short time ago. */
bool history_is_down(const struct history_entry *e, int64_t now);

/* How long to wait for its first answer: FULL_MS, or less if it is assumed to be down. */
int history_first_timeout_ms(const struct history_entry *e, int full_ms, int64_t now);

/* ---- the file ---- */

/* Adds the entries of TEXT. */
void history_parse(struct history *p, struct nf_slice text);
/* NUL-terminated; the caller's (free()). */
char *history_format(const struct history *p);

/* $XDG_STATE_HOME/nixferry/caches or .local/state/nixferry/caches of home_dir() (free());
 * NULL if neither is known. */
char *history_default_file(void);

/* Makes the directory of FILE where it is missing. */
int history_make_directory(const char *file, struct nf_err *err) MUST_CHECK;

/* The entries of FILE that are not too old. A missing or oversized file is empty. */
int history_load(struct history *p, const char *file, int64_t now,
		 struct nf_err *err) MUST_CHECK;
/* Replaces the file; creates its directory if necessary. Only the user can read it,
 * because URLs may contain passwords. */
int history_save(const struct history *p, const char *file,
		 struct nf_err *err) MUST_CHECK;

#endif
