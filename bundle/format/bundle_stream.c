/* Why this cannot deadlock, if every open reader is consumed by a thread of its own (or
 * one thread consumes them in order, which is the same with one reader at a time):
 *
 * A thread waits here for one of two things. Either for the thread that is reading the
 * pipe; that one holds no lock and waits for nothing but the pipe. Or, because the window
 * is full, for queues to shrink. Say reader X does so: its own queue is empty and it
 * needs block NEXT, which nobody has read. A reader behind X begins where X ends or
 * later, so its first block is NEXT or later and its queue is empty. Therefore everything
 * that is queued belongs to readers before X, and the first of them that is open has what
 * it needs: it consumes, and X goes on. Before the first open reader nothing is queued,
 * so it never waits for room. */
#include "format/bundle_stream.h"

#include <assert.h>

#include "base/file.h"

void bundle_stream_init(struct bundle_stream *s, struct bundle_blocks *blocks, int fd)
{
	*s = (struct bundle_stream){ .blocks = blocks, .fd = fd };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
}

void bundle_stream_release(struct bundle_stream *s)
{
	assert(!s->readers);
	bundle_blocks_unref(s->blocks, s->newest);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

static void push(struct bundle_stream *s, struct bundle_stream_reader *r,
		 struct bundle_block *block)
{
	assert(r->len < BUNDLE_STREAM_WINDOW);
	r->queue[(r->head + r->len++) % BUNDLE_STREAM_WINDOW] =
		bundle_blocks_ref(s->blocks, block);
	s->queued++;
}

static struct bundle_block *pop(struct bundle_stream *s, struct bundle_stream_reader *r)
{
	struct bundle_block *block = r->queue[r->head];

	r->head = (r->head + 1) % BUNDLE_STREAM_WINDOW;
	r->len--;
	s->queued--;
	pthread_cond_broadcast(&s->changed);
	return block;
}

static bool covers(const struct bundle_stream_reader *r, uint64_t block)
{
	return block >= r->first && block <= r->last;
}

/* Without the lock: only the thread that set s->reading runs this. */
static int read_block(struct bundle_stream *s, struct bundle_block **ret,
		      struct nf_err *err)
{
	struct bundle_block *block = bundle_blocks_new(s->blocks, s->next);
	size_t len = 0;
	int rc;

	rc = file_read_stream(s->fd, block->data, block->len, &len, "payload", err);
	if (!rc && len < block->len)
		rc = err_set(err, NF_E_FORMAT,
			     "truncated: the stream ends within the payload");
	if (!rc)
		rc = bundle_blocks_verify(s->blocks, block, err);
	if (rc) {
		bundle_blocks_unref(s->blocks, block);
		return rc;
	}
	*ret = block;
	return 0;
}

static void publish(struct bundle_stream *s, struct bundle_block *block)
{
	for (struct bundle_stream_reader *r = s->readers; r; r = r->next)
		if (covers(r, block->index))
			push(s, r, block);
	bundle_blocks_unref(s->blocks, s->newest);
	s->newest = block;
	s->next++;
}

/* Called with the lock, which is released during the read. */
static void advance(struct bundle_stream *s)
{
	struct bundle_block *block = NULL;
	struct nf_err err = { 0 };
	int rc;

	s->reading = true;
	pthread_mutex_unlock(&s->lock);
	rc = read_block(s, &block, &err);
	pthread_mutex_lock(&s->lock);
	s->reading = false;
	if (rc) {
		s->failed = rc;
		s->failure = err;
	} else {
		publish(s, block);
	}
	pthread_cond_broadcast(&s->changed);
}

static int report(const struct bundle_stream *s, struct nf_err *err)
{
	if (err)
		*err = s->failure;
	return s->failed;
}

int bundle_stream_open(struct bundle_stream *s, struct bundle_stream_reader *r,
		       uint64_t start, uint64_t end, struct nf_err *err)
{
	bool empty = start == end;
	int rc = 0;

	*r = (struct bundle_stream_reader){
		.first = empty ? 1 : start / BUNDLE_BLOCK_SIZE,
		.last = empty ? 0 : (end - 1) / BUNDLE_BLOCK_SIZE,
	};
	pthread_mutex_lock(&s->lock);
	if (start < s->opened)
		rc = err_set(err, NF_E_USAGE,
			     "the members of a stream can only be read in order");
	if (!rc && s->newest && covers(r, s->newest->index))
		push(s, r, s->newest);
	if (!rc) {
		s->opened = end;
		r->next = s->readers;
		s->readers = r;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void bundle_stream_close(struct bundle_stream *s, struct bundle_stream_reader *r)
{
	struct bundle_stream_reader **link = &s->readers;

	pthread_mutex_lock(&s->lock);
	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	while (r->len)
		bundle_blocks_unref(s->blocks, pop(s, r));
	pthread_mutex_unlock(&s->lock);
}

int bundle_stream_get(struct bundle_stream *s, struct bundle_stream_reader *r,
		      struct bundle_block **ret, struct nf_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (r->len == 0 && !s->failed) {
		if (s->reading || s->queued >= BUNDLE_STREAM_WINDOW)
			pthread_cond_wait(&s->changed, &s->lock);
		else
			advance(s);
	}
	/* Blocks verified before a failure remain good. */
	if (r->len)
		*ret = pop(s, r);
	else
		rc = report(s, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int expect_end(struct bundle_stream *s, struct nf_err *err)
{
	size_t len;
	char byte;
	int rc = file_read_stream(s->fd, &byte, 1, &len, "payload", err);

	if (!rc && len)
		rc = err_set(err, NF_E_FORMAT, "unexpected data after the bundle");
	return rc;
}

int bundle_stream_finish(struct bundle_stream *s, struct nf_err *err)
{
	int rc;

	pthread_mutex_lock(&s->lock);
	assert(!s->readers && !s->reading);
	s->opened = s->blocks->m->payload_size;
	while (!s->failed && s->next < s->blocks->count)
		advance(s);
	rc = s->failed ? report(s, err) : 0;
	pthread_mutex_unlock(&s->lock);
	return rc ? rc : expect_end(s, err);
}
