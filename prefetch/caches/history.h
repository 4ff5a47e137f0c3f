/* What is known of each cache, kept between runs in one small file: how fast it was, when
 * it answered last, when and how it failed. All of it is a hint that ages; nothing that
 * it says is needed. Everything but profile_load and profile_save is pure: times are
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
#ifndef PROFILE_H
#define PROFILE_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

#define PROFILE_TEXT_MAX   200
#define PROFILE_URL_MAX	   1024
#define PROFILE_CACHES_MAX 128

/* Facts older than this are forgotten, */
#define PROFILE_AGE_MAX_S (7 * 24 * 3600)
/* a cache that could not be reached is believed to be down for so long, */
#define PROFILE_DOWN_S 600
/* and then is given this time to answer, or four times what it once took. */
#define PROFILE_DOWN_TIMEOUT_MS 500

/* Times and measurements are 0 where they are not known. */
struct profile_entry {
	char *url; /* NULL in what is not part of a profile */
	int64_t answered;
	int64_t measured;
	int64_t failed;
	bool unreachable;    /* it failed without any answer, and did not answer since */
	uint32_t latency_us; /* from a request to the first byte of its answer */
	uint64_t throughput; /* bytes a second */
	char failure[PROFILE_TEXT_MAX]; /* words of the last failure */
};

struct profile {
	struct profile_entry *entries;
	size_t count;
	size_t cap;
};

#define PROFILE_INIT                                                                     \
	{                                                                                \
		0                                                                        \
	}

void profile_release(struct profile *p);

/* ---- what happens to a cache ---- */

void profile_answered(struct profile_entry *e, int64_t now);
/* TEXT becomes one line; UNREACHABLE: nothing answered. */
void profile_failed(struct profile_entry *e, int64_t now, bool unreachable,
		    struct nf_slice text);
/* A new measurement counts as much as all before it; 0 was not measured. */
void profile_measured(struct profile_entry *e, int64_t now, uint32_t latency_us,
		      uint64_t throughput);

/* ---- what is known ---- */

/* NULL if there is nothing. Valid until the profile changes. */
const struct profile_entry *profile_find(const struct profile *p, const char *url);

/* Adds what was learned of a cache to what is known of it. When the profile is full, the
 * cache that was heard of longest ago is forgotten. A URL that is too long to be kept, or
 * has white space, is not. */
void profile_learn(struct profile *p, const char *url,
		   const struct profile_entry *learned);

/* Forgets what is too old, and what claims to come from the future. */
void profile_expire(struct profile *p, int64_t now);

/* ---- decisions; E may be NULL ---- */

/* It could not be reached a short while ago. */
bool profile_is_down(const struct profile_entry *e, int64_t now);

/* How long to wait for its first answer: FULL_MS, or less where it is believed to be
 * down. */
int profile_first_timeout_ms(const struct profile_entry *e, int full_ms, int64_t now);

/* ---- the file ---- */

/* Adds the entries of TEXT. */
void profile_parse(struct profile *p, struct nf_slice text);
/* NUL-terminated; the caller's (free()). */
char *profile_format(const struct profile *p);

/* $XDG_STATE_HOME/nixferry/caches or .local/state/nixferry/caches of home_dir()
 * (free()); NULL without both. */
char *profile_default_file(void);

/* What FILE says and is not too old. A file that is missing or too large says nothing. */
int profile_load(struct profile *p, const char *file, int64_t now,
		 struct nf_err *err) MUST_CHECK;
/* Replaces the file, making its directory where it is missing. Readable by the user
 * alone: URLs may have passwords. */
int profile_save(const struct profile *p, const char *file,
		 struct nf_err *err) MUST_CHECK;

#endif
