/* Faults on demand: what the test cache does wrong, and to which requests.
 *
 *   GLOB=KIND[:ARG][*COUNT][@SKIP]
 *
 * GLOB is matched against the request's path ("/nar/x.nar.zst"; '*' also matches '/').
 * The fault applies to the first COUNT matching requests (default: all) after SKIP of
 * them. All faults that match a request apply together. The kinds are listed in fault.c.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FAULT_NEVER UINT64_MAX

/* The faults of one response. Offsets and lengths count body bytes. */
struct fault_effects {
	unsigned status;   /* respond with this instead; 0: no */
	char *retry_after; /* with status; may be NULL */
	bool refuse;	   /* close the connection without a response */
	bool garbage;
	bool shorter;
	bool ignore_range;
	bool wrong_range;			  /* the bytes themselves */
	bool wrong_start, wrong_end, wrong_total; /* the announced ones */
	bool no_ranges;
	bool redirect_loop;
	bool gzip;
	bool as_range;	/* the whole file as an unrequested 206 */
	char *encoding; /* announced as Content-Encoding, but not done; or NULL */
	bool drop_etag;
	bool change_etag;
	bool chunked;	   /* without a Content-Length */
	char *location;	   /* redirect there; or NULL */
	char *body_file;   /* serve this file's bytes instead; or NULL */
	uint64_t truncate; /* close after this many; FAULT_NEVER: no */
	uint64_t flip;	   /* the offset of a wrong byte, or FAULT_NEVER */
	uint64_t extra;	   /* bytes after the file's */
	uint64_t stall;	   /* stall after this many, or FAULT_NEVER */
	int stall_ms;	   /* for this long, then close; -1: forever */
	uint64_t rate;	   /* bytes per second; 0: no limit */
	uint64_t delay_ms; /* before the response */
};

struct faults;

struct faults *fault_table_new(void);
void fault_table_free(struct faults *f);

/* Adds one specification. NF_E_USAGE quotes an invalid one. */
int fault_table_add(struct faults *f, const char *spec, struct nf_err *err) MUST_CHECK;

/* A file of specifications, one per line ('#': comment), which replace those of an
 * earlier reading whenever the file changes. A missing file is empty. */
void fault_table_watch(struct faults *f, const char *file);

/* Counts a request for PATH and returns all its faults. Any thread. An unreadable watched
 * file is an error. */
int fault_table_match(struct faults *f, const char *path, struct fault_effects *ret,
		      struct nf_err *err) MUST_CHECK;
void fault_effects_release(struct fault_effects *fx);

#endif
