/* Layered sources and sinks. A constructor that takes a source owns it: closing the outer
 * one closes the chain. Constructors do not fail; the first next reports their errors. */
#ifndef STREAM_H
#define STREAM_H

#include <nixferry/hash.h>
#include <nixferry/stream.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/hash.h"

static inline MUST_CHECK int source_next(struct nf_source *s, struct nf_slice *ret,
					 struct nf_err *err)
{
	return s->next(s, ret, err);
}

static inline void source_close(struct nf_source *s)
{
	s->close(s);
}
DEFINE_CLEANUP(struct nf_source *, source_close)

static inline MUST_CHECK int sink_write(struct nf_sink *s, const void *p, size_t len,
					struct nf_err *err)
{
	return s->write(s, p, len, err);
}

/* As nf_source_of_memory, but returns the bytes in runs of at most CHUNK; 0: in one
 * run. */
struct nf_source *source_of_memory(const void *p, size_t len, size_t chunk);

/* The whole file from its start, whatever its position is. FD is taken over. */
struct nf_source *source_of_file(int fd);

/* Writes everything that passes to SINK (borrowed). */
struct nf_source *source_tee(struct nf_source *in, struct nf_sink *sink);

/* The first run of *S without consuming it: *S is replaced by a source that returns it
 * again. A failure leaves *S unchanged. */
int source_peek(struct nf_source **s, struct nf_slice *ret,
		struct nf_err *err) MUST_CHECK;

/* Passes exactly SIZE bytes through; a longer or shorter source is NF_E_HASH, which names
 * both sizes. WHAT (a literal) says what is measured. */
struct nf_source *source_sized(struct nf_source *in, uint64_t size, const char *what);

/* Reads to the end and discards the bytes. */
int source_drain(struct nf_source *s, struct nf_err *err) MUST_CHECK;

/* Copies everything. */
int source_copy(struct nf_source *s, struct nf_sink *out, struct nf_err *err) MUST_CHECK;

/* A sink that writes to FD (borrowed), counts the bytes and, if HASHER or XXH3 are not
 * NULL (borrowed), hashes what was written. */
struct fd_sink {
	struct nf_sink sink;
	int fd;
	uint64_t written;
	struct hasher *hasher;
	struct xxh3 *xxh3;
};
void fd_sink_init(struct fd_sink *s, int fd, struct hasher *hasher, struct xxh3 *xxh3);

/* A sink that appends to a struct buf (borrowed); exceeding its maximum is NF_E_LIMIT. */
struct buf;
struct buf_sink {
	struct nf_sink sink;
	struct buf *buf;
};
void buf_sink_init(struct buf_sink *s, struct buf *buf);

#endif
