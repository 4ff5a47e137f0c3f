#include "net/scheduler.h"

#include <stdlib.h>

#include "base/mem.h"

/* Jobs are a heap by size, the largest on top: what takes longest must start first. */
struct job {
	uint32_t node;
	uint64_t size;
	uint64_t tried; /* a bit a cache */
};

struct tried {
	uint32_t node;
	uint64_t caches;
};

struct scheduler {
	const struct resolver *resolver;
	struct job *heap;
	size_t len, cap;
	struct tried *tried; /* few: only nodes whose source failed */
	size_t tried_len, tried_cap;
	struct job *aside; /* scratch of scheduler_next */
	size_t aside_len, aside_cap;
};

struct scheduler *scheduler_new(const struct resolver *r)
{
	struct scheduler *s = mem_calloc(1, sizeof(*s));

	s->resolver = r;
	return s;
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	free(s->heap);
	free(s->tried);
	free(s->aside);
	free(s);
}

static void swap_jobs(struct job *a, struct job *b)
{
	struct job t = *a;

	*a = *b;
	*b = t;
}

static void push(struct scheduler *s, struct job job)
{
	size_t at = s->len;

	MEM_GROW(s->heap, s->len, s->cap);
	s->heap[s->len++] = job;
	while (at && s->heap[(at - 1) / 2].size < s->heap[at].size) {
		swap_jobs(&s->heap[(at - 1) / 2], &s->heap[at]);
		at = (at - 1) / 2;
	}
}

static struct job pop(struct scheduler *s)
{
	struct job top = s->heap[0];
	size_t at = 0, child;

	s->heap[0] = s->heap[--s->len];
	while ((child = 2 * at + 1) < s->len) {
		if (child + 1 < s->len && s->heap[child + 1].size > s->heap[child].size)
			child++;
		if (s->heap[child].size <= s->heap[at].size)
			break;
		swap_jobs(&s->heap[child], &s->heap[at]);
		at = child;
	}
	return top;
}

static uint64_t *tried_of(struct scheduler *s, uint32_t node)
{
	for (size_t i = 0; i < s->tried_len; i++)
		if (s->tried[i].node == node)
			return &s->tried[i].caches;
	return NULL;
}

static void want_again(struct scheduler *s, uint32_t node, uint64_t tried)
{
	const struct resolver_node *n = resolver_node(s->resolver, node);

	push(s, (struct job){ .node = node, .size = n->nar_size, .tried = tried });
}

void scheduler_want(struct scheduler *s, uint32_t node)
{
	want_again(s, node, 0);
}

void scheduler_failed(struct scheduler *s, uint32_t node,
		      const struct resolver_source *source)
{
	uint64_t *tried = tried_of(s, node);

	if (!tried) {
		MEM_GROW(s->tried, s->tried_len, s->tried_cap);
		s->tried[s->tried_len] = (struct tried){ .node = node };
		tried = &s->tried[s->tried_len++].caches;
	}
	*tried |= 1ULL << source->cache;
	want_again(s, node, *tried);
}

bool scheduler_has_other(struct scheduler *s, uint32_t node,
			 const struct resolver_source *source)
{
	const uint64_t *tried = tried_of(s, node);
	uint64_t bits = (tried ? *tried : 0) | 1ULL << source->cache;

	for (const struct resolver_source *at = resolver_node(s->resolver, node)->sources;
	     at; at = at->next)
		if (!(bits & 1ULL << at->cache))
			return true;
	return false;
}

static bool is_better(const struct scheduler_cache *a, const struct scheduler_cache *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->active < b->active;
}

/* The best source that can be used now; *ret_hope tells whether there may be one later.
 */
static struct resolver_source *choose(const struct scheduler *s, const struct job *job,
				      const struct scheduler_cache *caches,
				      bool *ret_hope)
{
	const struct resolver_node *node = resolver_node(s->resolver, job->node);
	struct resolver_source *best = NULL;

	*ret_hope = node->pending > 0;
	for (struct resolver_source *at = node->sources; at; at = at->next) {
		const struct scheduler_cache *c = &caches[at->cache];

		if (job->tried & (1ULL << at->cache) || c->gone)
			continue;
		*ret_hope = true;
		if (c->usable && (!best || is_better(c, &caches[best->cache])))
			best = at;
	}
	return best;
}

enum scheduler_verdict scheduler_next(struct scheduler *s,
				      const struct scheduler_cache *caches,
				      uint32_t *ret_node,
				      struct resolver_source **ret_source)
{
	enum scheduler_verdict verdict = SCHEDULER_WAIT;

	s->aside_len = 0;
	while (s->len && verdict == SCHEDULER_WAIT) {
		struct job job = pop(s);
		bool hope;

		*ret_node = job.node;
		*ret_source = choose(s, &job, caches, &hope);
		if (*ret_source) {
			verdict = SCHEDULER_START;
		} else if (!hope) {
			verdict = SCHEDULER_EXHAUSTED;
		} else {
			MEM_GROW(s->aside, s->aside_len, s->aside_cap);
			s->aside[s->aside_len++] = job;
		}
	}
	while (s->aside_len)
		push(s, s->aside[--s->aside_len]);
	return verdict;
}

size_t scheduler_waiting(const struct scheduler *s)
{
	return s->len;
}
