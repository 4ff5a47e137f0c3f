#include "fetch/follow.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"

#define TOLD_LEAST (256 * KIB)

struct follow {
	int fd;
	pthread_mutex_t lock; /* guards the reported state */
	pthread_cond_t told;
	uint64_t end;
	bool is_whole, is_broken;
};

struct follow *follow_new(int fd)
{
	struct follow *f = mem_calloc(1, sizeof(*f));

	f->fd = fd;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->told, NULL);
	return f;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->told);
	free(f);
}

/* ---- reporting ---- */

/* Not for each packet: waking the reader that often would cost more than it gains. */
void follow_advance(struct follow *f, uint64_t end)
{
	pthread_mutex_lock(&f->lock);
	if (end >= f->end + TOLD_LEAST) {
		f->end = end;
		pthread_cond_signal(&f->told);
	}
	pthread_mutex_unlock(&f->lock);
}

static void tell(struct follow *f, bool *what)
{
	pthread_mutex_lock(&f->lock);
	*what = true;
	pthread_cond_signal(&f->told);
	pthread_mutex_unlock(&f->lock);
}

void follow_whole(struct follow *f)
{
	tell(f, &f->is_whole);
}

void follow_break(struct follow *f)
{
	tell(f, &f->is_broken);
}

/* ---- reading ---- */

struct follow_source {
	struct nf_source source;
	struct follow *follow;
	struct nf_source *in; /* of what was present when it asked; or NULL */
	uint64_t at;
	bool is_last; /* IN is at the end of the file */
};

/* The bytes present after AT: waits for at least one, or the end. */
static int wait_for_more(struct follow_source *s, struct nf_err *err)
{
	struct follow *f = s->follow;
	uint64_t size = UINT64_MAX;
	bool is_broken;

	pthread_mutex_lock(&f->lock);
	while (!f->is_whole && !f->is_broken && f->end == s->at)
		pthread_cond_wait(&f->told, &f->lock);
	is_broken = f->is_broken;
	s->is_last = f->is_whole;
	if (!s->is_last)
		size = f->end - s->at;
	pthread_mutex_unlock(&f->lock);
	if (is_broken)
		return err_set(err, NF_E_NET, "the rest of the file does not arrive");
	s->in = nf_source_of_fd_range(f->fd, s->at, size);
	return 0;
}

static int follow_next(struct nf_source *source, struct nf_slice *ret, struct nf_err *err)
{
	struct follow_source *s = (struct follow_source *)source;

	for (;;) {
		int rc = s->in ? 0 : wait_for_more(s, err);

		if (!rc)
			rc = source_next(s->in, ret, err);
		if (rc)
			return rc;
		s->at += ret->len;
		if (ret->len || s->is_last)
			return 0;
		source_close(TAKE_PTR(s->in));
	}
}

static void follow_close(struct nf_source *source)
{
	struct follow_source *s = (struct follow_source *)source;

	if (s->in)
		source_close(s->in);
	free(s);
}

struct nf_source *follow_source(struct follow *f)
{
	struct follow_source *s = mem_calloc(1, sizeof(*s));

	s->source = (struct nf_source){ .next = follow_next, .close = follow_close };
	s->follow = f;
	return &s->source;
}
