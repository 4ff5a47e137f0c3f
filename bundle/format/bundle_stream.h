/* Verified blocks of a bundle that comes through a pipe: each is read once, in order, by
 * whichever reader needs the next, and handed to every open reader that covers it. */
#ifndef BUNDLE_STREAM_H
#define BUNDLE_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/bundle_blocks.h"

/* Blocks that wait in readers' queues, in total. */
#define BUNDLE_STREAM_WINDOW 16

/* A run of payload bytes that one thread consumes, embedded in what uses it. */
struct bundle_stream_reader {
	struct bundle_stream_reader *next;
	uint64_t first; /* block */
	uint64_t last;	/* block, included; less than FIRST: no bytes */
	struct bundle_block *queue[BUNDLE_STREAM_WINDOW]; /* a ring */
	size_t head;
	size_t len;
};

struct bundle_stream {
	struct bundle_blocks *blocks; /* borrowed */
	int fd;			      /* borrowed */
	pthread_mutex_t lock;	      /* of all that follows */
	pthread_cond_t changed;
	struct bundle_stream_reader *readers;
	struct bundle_block *newest; /* the last that was read; a reference, or NULL */
	uint64_t next;		     /* block to be read */
	uint64_t opened;	     /* where the last reader ends */
	size_t queued;		     /* entries in all queues */
	bool reading;		     /* a thread is reading and verifying block NEXT */
	int failed;		     /* sticky: 0, or what every later read returns */
	struct nf_err failure;
};

void bundle_stream_init(struct bundle_stream *s, struct bundle_blocks *blocks, int fd);
void bundle_stream_release(struct bundle_stream *s);

/* Bytes [START, END) of the payload. START before an earlier reader's END is NF_E_USAGE,
 * and R is not open. */
int bundle_stream_open(struct bundle_stream *s, struct bundle_stream_reader *r,
		       uint64_t start, uint64_t end, struct nf_err *err) MUST_CHECK;
/* What R did not read is dropped. */
void bundle_stream_close(struct bundle_stream *s, struct bundle_stream_reader *r);

/* A reference to R's next block. */
int bundle_stream_get(struct bundle_stream *s, struct bundle_stream_reader *r,
		      struct bundle_block **ret, struct nf_err *err) MUST_CHECK;

/* Reads and verifies all that is left, to the end of the pipe. No reader is open. */
int bundle_stream_finish(struct bundle_stream *s, struct nf_err *err) MUST_CHECK;

#endif
