/* Faults on demand: what the test cache does wrong, and to which requests.
 *
 *   GLOB=KIND[:ARG][*COUNT][@SKIP]
 *
 * GLOB is matched against the request's path ("/nar/x.nar.zst"; '*' also matches '/').
 * The fault meets the first COUNT matching requests (default: all) after SKIP of them.
 * All faults that match a request act together. The kinds are listed in fault.c. */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FAULT_NEVER UINT64_MAX

/* What is to go wrong with one answer. Offsets and lengths count body bytes. */
struct fault_effects {
	unsigned status;   /* answer with this instead; 0: do not */
	char *retry_after; /* with status; may be NULL */
	bool refuse;	   /* close the connection without an answer */
	bool garbage;
	bool shorter;
	bool ignore_range;
	bool wrong_range;			  /* the bytes themselves */
	bool wrong_start, wrong_end, wrong_total; /* what is told of them */
	bool no_ranges;
	bool redirect_loop;
	bool gzip;
	bool as_range;	/* all of it as a 206 that nobody asked for */
	char *encoding; /* told as Content-Encoding, but not done; NULL: none */
	bool drop_etag;
	bool change_etag;
	bool chunked;	   /* without a Content-Length */
	char *location;	   /* redirect there; NULL: do not */
	char *body_file;   /* serve this file's bytes instead; NULL: do not */
	uint64_t truncate; /* close after that many; FAULT_NEVER: do not */
	uint64_t flip;	   /* the offset of a wrong byte, or FAULT_NEVER */
	uint64_t extra;	   /* bytes behind the file's */
	uint64_t stall;	   /* go silent after that many, or FAULT_NEVER */
	int stall_ms;	   /* for so long, then close; -1: for ever */
	uint64_t rate;	   /* bytes a second; 0: as fast as it goes */
	uint64_t delay_ms; /* before the answer */
};

struct faults;

struct faults *fault_table_new(void);
void fault_table_free(struct faults *f);

/* Adds one specification. NF_E_USAGE quotes what cannot be understood. */
int fault_table_add(struct faults *f, const char *spec, struct nf_err *err) MUST_CHECK;

/* A file of specifications, one a line ('#': comment), that take the place of those of an
 * earlier reading whenever the file was changed. A missing file is an empty one. */
void fault_table_watch(struct faults *f, const char *file);

/* The sum of the faults that meet a request for PATH, and counts the request. Any
 * thread. An unreadable watched file is an error. */
int fault_table_match(struct faults *f, const char *path, struct fault_effects *ret,
		      struct nf_err *err) MUST_CHECK;
void fault_effects_release(struct fault_effects *fx);

#endif
