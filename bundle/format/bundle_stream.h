/* Verified blocks of a bundle that is read from a pipe: each is read once, in order, by
 * whichever reader needs the next one, and passed to every open reader whose range
 * includes it. */
#ifndef BUNDLE_STREAM_H
#define BUNDLE_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/bundle_blocks.h"

/* Maximum number of blocks in the queues of all readers. */
#define BUNDLE_STREAM_WINDOW 16

/* A range of payload bytes that one thread consumes; embedded in its user. */
struct bundle_stream_reader {
	struct bundle_stream_reader *next;
	uint64_t first; /* first block */
	uint64_t last;	/* last block, inclusive; less than FIRST: no bytes */
	struct bundle_block *queue[BUNDLE_STREAM_WINDOW]; /* ring buffer */
	size_t head;
	size_t len;
};

struct bundle_stream {
	struct bundle_blocks *blocks; /* borrowed */
	int fd;			      /* borrowed */
	pthread_mutex_t lock;	      /* guards everything below */
	pthread_cond_t changed;
	struct bundle_stream_reader *readers;
	struct bundle_block *newest; /* the last block read; a reference, or NULL */
	uint64_t next;		     /* next block to read */
	uint64_t opened;	     /* where the last reader ends */
	size_t queued;		     /* total entries in all queues */
	bool reading;		     /* a thread is reading and verifying block NEXT */
	int failed; /* sticky: 0, or the error that every later read returns */
	struct nf_err failure;
};

void bundle_stream_init(struct bundle_stream *s, struct bundle_blocks *blocks, int fd);
void bundle_stream_release(struct bundle_stream *s);

/* Opens a reader of bytes [START, END) of the payload. If START is before an earlier
 * reader's END, returns NF_E_USAGE, and R is not open. */
int bundle_stream_open(struct bundle_stream *s, struct bundle_stream_reader *r,
		       uint64_t start, uint64_t end, struct nf_err *err) MUST_CHECK;
/* Drops what R has not read. */
void bundle_stream_close(struct bundle_stream *s, struct bundle_stream_reader *r);

/* Returns a reference to R's next block. */
int bundle_stream_get(struct bundle_stream *s, struct bundle_stream_reader *r,
		      struct bundle_block **ret, struct nf_err *err) MUST_CHECK;

/* Reads and verifies the rest of the pipe. No reader may be open. */
int bundle_stream_finish(struct bundle_stream *s, struct nf_err *err) MUST_CHECK;

#endif
