/* What is known of a partial download besides its bytes, in a small file beside it. A
 * hint: what is put together from it is verified like anything else. Pure.
 *
 *   Run: 0-1048576
 *   Run: 5242880-6291456
 *   ETag: 0a1b... "33a64df5"
 *   Path: 0a1b...-hello-2.12
 *
 * "Run" are the bytes [from, end) that are there; without any, the file is without holes
 * and its size says it. "Run: 0-0" is no byte at all. "ETag" is what a server said of the
 * whole file, behind the digest of its URL there. "Path" is the store path that the
 * file was wanted for: once that is where it was to go, nobody needs the file. Lines that
 * are not understood are skipped. */
#ifndef PARTIAL_STATE_H
#define PARTIAL_STATE_H

#include <nixferry/slice.h>

#include <nixferry/storepath.h>

#include "base/buf.h"
#include "base/byte_ranges.h"
#include "base/hash.h"

/* Number of servers that one file may come from; the oldest are forgotten first. */
#define PARTIAL_ETAGS_MAX 8

struct partial_etag {
	uint8_t url[BLAKE2B_SIZE]; /* digest of the URL */
	char *value;
};

struct partial_state {
	struct byte_ranges ranges;
	bool has_holes; /* the file's size does not show what is present */
	struct partial_etag etags[PARTIAL_ETAGS_MAX];
	size_t etag_count;
	struct nf_storepath path; /* its base is empty if it is not known */
};

void partial_state_clear(struct partial_state *s);
void partial_state_release(struct partial_state *s);

/* NULL if there is none. Valid until the next change. */
const char *partial_state_etag(const struct partial_state *s, const char *url);
/* Forgets it if VALUE is NULL or not a valid ETag. Returns whether anything changed. */
bool partial_state_set_etag(struct partial_state *s, const char *url, const char *value);

/* Empties S but keeps its memory. */
void partial_state_parse(struct partial_state *s, struct nf_slice text);
void partial_state_format(const struct partial_state *s, struct buf *out);

#endif
