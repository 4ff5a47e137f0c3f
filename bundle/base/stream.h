/* Sources and sinks, layered. A constructor that takes a source takes it over: closing
 * the outer one closes the chain. Constructors do not fail; errors come with the first
 * next. */
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

/* As nf_source_of_memory, but hands the bytes out in runs of at most CHUNK; 0: at once.
 */
struct nf_source *source_of_memory(const void *p, size_t len, size_t chunk);

/* Writes all that passes to SINK (borrowed). */
struct nf_source *source_tee(struct nf_source *in, struct nf_sink *sink);

/* The first run of *S without taking it: *S becomes a source that gives it again. After a
 * failure *S is as it was. */
int source_peek(struct nf_source **s, struct nf_slice *ret,
		struct nf_err *err) MUST_CHECK;

/* Passes exactly SIZE bytes; the first byte more, or an end before, is NF_E_HASH naming
 * both sizes. WHAT (a literal) says what is measured. */
struct nf_source *source_sized(struct nf_source *in, uint64_t size, const char *what);

/* Reads to the end, dropping the bytes. */
int source_drain(struct nf_source *s, struct nf_err *err) MUST_CHECK;

/* Copies to the end. */
int source_copy(struct nf_source *s, struct nf_sink *out, struct nf_err *err) MUST_CHECK;

/* A sink that writes to FD (borrowed) with a running count and, where HASHER or XXH3 are
 * not NULL (borrowed), digests of what was written. */
struct fd_sink {
	struct nf_sink sink;
	int fd;
	uint64_t written;
	struct hasher *hasher;
	struct xxh3 *xxh3;
};
void fd_sink_init(struct fd_sink *s, int fd, struct hasher *hasher, struct xxh3 *xxh3);

/* A sink that appends to a struct buf (borrowed); over its maximum is NF_E_LIMIT. */
struct buf;
struct buf_sink {
	struct nf_sink sink;
	struct buf *buf;
};
void buf_sink_init(struct buf_sink *s, struct buf *buf);

#endif
