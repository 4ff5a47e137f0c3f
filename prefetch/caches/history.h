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

/* Facts older than this are forgotten, */
#define HISTORY_AGE_MAX_S (7 * 24 * 3600)
/* a cache that could not be reached is believed to be down for so long, */
#define HISTORY_DOWN_S 600
/* and then is given this time to answer, or four times what it once took. */
#define HISTORY_DOWN_TIMEOUT_MS 500

/* Times and measurements are 0 where they are not known. */
struct history_entry {
	char *url; /* NULL in what is not part of a history */
	int64_t answered;
	int64_t measured;
	int64_t failed;
	bool unreachable;    /* it failed without any answer, and did not answer since */
	uint32_t latency_us; /* from a request to the first byte of its answer */
	uint64_t throughput; /* bytes a second */
	char failure[HISTORY_TEXT_MAX]; /* words of the last failure */
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

/* ---- what happens to a cache ---- */

void history_answered(struct history_entry *e, int64_t now);
/* TEXT becomes one line; UNREACHABLE: nothing answered. */
void history_failed(struct history_entry *e, int64_t now, bool unreachable,
		    struct nf_slice text);
/* A new measurement counts as much as all before it; 0 was not measured. */
void history_measured(struct history_entry *e, int64_t now, uint32_t latency_us,
		      uint64_t throughput);

/* ---- what is known ---- */

/* NULL if there is nothing. Valid until the history changes. */
const struct history_entry *history_find(const struct history *p, const char *url);

/* Adds what was learned of a cache to what is known of it. When the history is full, the
 * cache that was heard of longest ago is forgotten. A URL that is too long to be kept, or
 * has white space, is not. */
void history_learn(struct history *p, const char *url,
		   const struct history_entry *learned);

/* Forgets what is too old, and what claims to come from the future. */
void history_expire(struct history *p, int64_t now);

/* ---- decisions; E may be NULL ---- */

/* It could not be reached a short while ago. */
bool history_is_down(const struct history_entry *e, int64_t now);

/* How long to wait for its first answer: FULL_MS, or less where it is believed to be
 * down. */
int history_first_timeout_ms(const struct history_entry *e, int full_ms, int64_t now);

/* ---- the file ---- */

/* Adds the entries of TEXT. */
void history_parse(struct history *p, struct nf_slice text);
/* NUL-terminated; the caller's (free()). */
char *history_format(const struct history *p);

/* $XDG_STATE_HOME/nixferry/caches or .local/state/nixferry/caches of home_dir()
 * (free()); NULL without both. */
char *history_default_file(void);

/* What FILE says and is not too old. A file that is missing or too large says nothing. */
int history_load(struct history *p, const char *file, int64_t now,
		 struct nf_err *err) MUST_CHECK;
/* Replaces the file, making its directory where it is missing. Readable by the user
 * alone: URLs may have passwords. */
int history_save(const struct history *p, const char *file,
		 struct nf_err *err) MUST_CHECK;

#endif
