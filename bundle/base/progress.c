#include "base/progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/shorten.h"

#define NOTES_MAX     256
#define NOTE_TEXT_MAX 2048

/* Whether a number has changed since the last look. */
struct movement {
	uint64_t seen;
	int64_t at_ms;
};

struct item {
	_Atomic uint64_t done, total;
	_Atomic int cache;
	const char *verb; /* NULL: not in use */
	char name[NF_PROGRESS_NAME_MAX];
	struct movement movement;
};

struct shown_cache {
	char url[NF_PROGRESS_URL_MAX]; /* does not change */
	_Atomic uint64_t bytes, answers;
	_Atomic uint32_t state, requests;
	struct movement movement;
};

struct progress {
	_Atomic uint64_t counts[PROGRESS_COUNTS];
	_Atomic(const char *) phase;
	pthread_mutex_t lock; /* guards everything below except what is atomic */
	struct item items[NF_PROGRESS_ITEMS];
	struct shown_cache caches[NF_PROGRESS_CACHES];
	size_t cache_count;
	char wait[NF_PROGRESS_WAIT_MAX];
	char *notes[NOTES_MAX];
	size_t first_note;
	size_t nnotes;
	size_t dropped_notes;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct progress *progress_new(void)
{
	struct progress *p = mem_calloc(1, sizeof(*p));

	atomic_init(&p->phase, "");
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < NOTES_MAX; i++)
		free(p->notes[i]);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void progress_phase(struct progress *p, const char *phase)
{
	if (p)
		atomic_store(&p->phase, phase);
}

const char *progress_get_phase(struct progress *p)
{
	return p ? atomic_load(&p->phase) : "";
}

void progress_wait(struct progress *p, const char *text)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	snprintf(p->wait, sizeof(p->wait), "%s", text);
	pthread_mutex_unlock(&p->lock);
}

void progress_get_wait(struct progress *p, char out[NF_PROGRESS_WAIT_MAX])
{
	out[0] = 0;
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	snprintf(out, NF_PROGRESS_WAIT_MAX, "%s", p->wait);
	pthread_mutex_unlock(&p->lock);
}

void progress_add(struct progress *p, enum progress_count which, uint64_t n)
{
	if (p)
		atomic_fetch_add_explicit(&p->counts[which], n, memory_order_relaxed);
}

void progress_set(struct progress *p, enum progress_count which, uint64_t n)
{
	if (p)
		atomic_store_explicit(&p->counts[which], n, memory_order_relaxed);
}

uint64_t progress_get(struct progress *p, enum progress_count which)
{
	return p ? atomic_load_explicit(&p->counts[which], memory_order_relaxed) : 0;
}

void progress_restart(struct progress *p)
{
	progress_set(p, PROGRESS_PATHS_TOTAL, 0);
	progress_set(p, PROGRESS_PATHS_DONE, 0);
	progress_set(p, PROGRESS_BYTES_TOTAL, 0);
	progress_set(p, PROGRESS_BYTES_DONE, 0);
}

int progress_begin(struct progress *p, const char *verb, const char *name)
{
	int item = -1;

	if (!p)
		return -1;
	pthread_mutex_lock(&p->lock);
	for (int i = 0; i < NF_PROGRESS_ITEMS && item < 0; i++) {
		if (p->items[i].verb)
			continue;
		item = i;
		p->items[i].verb = verb;
		p->items[i].movement = (struct movement){ 0, now_ms() };
		snprintf(p->items[i].name, NF_PROGRESS_NAME_MAX, "%s", name);
		atomic_store(&p->items[i].done, 0);
		atomic_store(&p->items[i].total, 0);
		atomic_store(&p->items[i].cache, -1);
	}
	pthread_mutex_unlock(&p->lock);
	return item;
}

void progress_end(struct progress *p, int item)
{
	if (!p || item < 0)
		return;
	pthread_mutex_lock(&p->lock);
	p->items[item].verb = NULL;
	pthread_mutex_unlock(&p->lock);
}

void progress_item(struct progress *p, int item, uint64_t done, uint64_t total)
{
	if (!p || item < 0)
		return;
	atomic_store_explicit(&p->items[item].done, done, memory_order_relaxed);
	atomic_store_explicit(&p->items[item].total, total, memory_order_relaxed);
}

void progress_item_from(struct progress *p, int item, int cache)
{
	if (p && item >= 0)
		atomic_store_explicit(&p->items[item].cache, cache, memory_order_relaxed);
}

/* Whether a line shows this URL. */
static bool is_url(const struct shown_cache *c, const char *url)
{
	return strncmp(c->url, url, sizeof(c->url) - 1) == 0;
}

int progress_cache(struct progress *p, const char *url)
{
	size_t i = 0;

	if (!p)
		return -1;
	pthread_mutex_lock(&p->lock);
	while (i < p->cache_count && !is_url(&p->caches[i], url))
		i++;
	if (i == p->cache_count && i < NF_PROGRESS_CACHES) {
		snprintf(p->caches[i].url, sizeof(p->caches[i].url), "%s", url);
		p->cache_count++;
	}
	pthread_mutex_unlock(&p->lock);
	return i < NF_PROGRESS_CACHES ? (int)i : -1;
}

void progress_cache_came(struct progress *p, int cache, uint64_t bytes)
{
	if (!p || cache < 0)
		return;
	atomic_fetch_add_explicit(&p->caches[cache].bytes, bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->caches[cache].answers, 1, memory_order_relaxed);
}

void progress_cache_state(struct progress *p, int cache, enum nf_cache_state state,
			  uint32_t requests)
{
	if (!p || cache < 0)
		return;
	atomic_store_explicit(&p->caches[cache].state, state, memory_order_relaxed);
	atomic_store_explicit(&p->caches[cache].requests, requests, memory_order_relaxed);
}

/* Returns for how many milliseconds the number has been VALUE. */
static uint32_t idle_for(struct movement *m, uint64_t value, int64_t now)
{
	if (value != m->seen)
		*m = (struct movement){ value, now };
	return (uint32_t)(now - m->at_ms);
}

static void copy_item(struct item *i, int64_t now, struct nf_progress_item *ret)
{
	memcpy(ret->name, i->name, sizeof(ret->name));
	ret->verb = i->verb;
	ret->bytes_done = atomic_load_explicit(&i->done, memory_order_relaxed);
	ret->bytes_total = atomic_load_explicit(&i->total, memory_order_relaxed);
	ret->cache = atomic_load_explicit(&i->cache, memory_order_relaxed);
	ret->idle_ms = idle_for(&i->movement, ret->bytes_done, now);
}

static void copy_cache(struct shown_cache *c, int64_t now, struct nf_progress_cache *ret)
{
	memcpy(ret->url, c->url, sizeof(ret->url));
	ret->state = atomic_load_explicit(&c->state, memory_order_relaxed);
	ret->bytes = atomic_load_explicit(&c->bytes, memory_order_relaxed);
	ret->requests = atomic_load_explicit(&c->requests, memory_order_relaxed);
	if (!ret->requests)
		c->movement.at_ms = now;
	ret->idle_ms =
		idle_for(&c->movement,
			 atomic_load_explicit(&c->answers, memory_order_relaxed), now);
}

static size_t copy_caches(struct progress *p, struct nf_progress_cache *out)
{
	int64_t now = now_ms();

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->cache_count; i++)
		copy_cache(&p->caches[i], now, &out[i]);
	pthread_mutex_unlock(&p->lock);
	return p->cache_count;
}

size_t progress_items(struct progress *p, struct nf_progress_item *out, size_t max)
{
	int64_t now = now_ms();
	size_t n = 0;

	if (!p)
		return 0;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < NF_PROGRESS_ITEMS && n < max; i++)
		if (p->items[i].verb)
			copy_item(&p->items[i], now, &out[n++]);
	pthread_mutex_unlock(&p->lock);
	return n;
}

void progress_look(struct progress *p, struct nf_progress *ret)
{
	*ret = (struct nf_progress){
		.phase = progress_get_phase(p),
		.paths_done = progress_get(p, PROGRESS_PATHS_DONE),
		.paths_total = progress_get(p, PROGRESS_PATHS_TOTAL),
		.bytes_done = progress_get(p, PROGRESS_BYTES_DONE),
		.bytes_total = progress_get(p, PROGRESS_BYTES_TOTAL),
		.nar_bytes_done = progress_get(p, PROGRESS_WORK_DONE),
		.nar_bytes_total = progress_get(p, PROGRESS_WORK_TOTAL),
		.resolved = progress_get(p, PROGRESS_RESOLVED),
		.resolving = progress_get(p, PROGRESS_RESOLVING),
	};
	progress_get_wait(p, ret->waiting_for);
	ret->item_count = progress_items(p, ret->items, NF_PROGRESS_ITEMS);
	ret->cache_count = p ? copy_caches(p, ret->caches) : 0;
}

/* Takes out the oldest, which then belongs to the caller; NULL if there is none. */
static char *take_oldest(struct progress *p)
{
	char *note = p->notes[p->first_note];

	if (p->nnotes == 0)
		return NULL;
	p->notes[p->first_note] = NULL;
	p->first_note = (p->first_note + 1) % NOTES_MAX;
	p->nnotes--;
	return note;
}

void progress_note(struct progress *p, const char *fmt, ...)
{
	char text[NOTE_TEXT_MAX];
	va_list ap;

	if (!p)
		return;
	va_start(ap, fmt);
	shorten_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&p->lock);
	if (p->nnotes == NOTES_MAX) {
		free(take_oldest(p));
		p->dropped_notes++;
	}
	p->notes[(p->first_note + p->nnotes++) % NOTES_MAX] = mem_strdup(text);
	pthread_mutex_unlock(&p->lock);
}

char *progress_take_note(struct progress *p)
{
	char *note;

	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	if (p->dropped_notes) {
		note = mem_printf("%zu older %s dropped", p->dropped_notes,
				  plural(p->dropped_notes, "remark was", "remarks were"));
		p->dropped_notes = 0;
	} else {
		note = take_oldest(p);
	}
	pthread_mutex_unlock(&p->lock);
	return note;
}
