#include "base/progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/shorten.h"

#define NOTES_MAX     256
#define NOTE_TEXT_MAX 2048

struct progress {
	_Atomic uint64_t counts[PROGRESS_COUNTS];
	_Atomic(const char *) phase;
	pthread_mutex_t lock;				  /* guards everything below */
	struct nf_progress_item items[NF_PROGRESS_ITEMS]; /* in use: verb is set */
	char wait[NF_PROGRESS_WAIT_MAX];
	char *notes[NOTES_MAX];
	size_t first_note;
	size_t nnotes;
	size_t dropped_notes;
};

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
		snprintf(p->items[i].name, NF_PROGRESS_NAME_MAX, "%s", name);
	}
	pthread_mutex_unlock(&p->lock);
	return item;
}

void progress_end(struct progress *p, int item)
{
	if (!p || item < 0)
		return;
	pthread_mutex_lock(&p->lock);
	p->items[item] = (struct nf_progress_item){ 0 };
	pthread_mutex_unlock(&p->lock);
}

size_t progress_items(struct progress *p, struct nf_progress_item *out, size_t max)
{
	size_t n = 0;

	if (!p)
		return 0;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < NF_PROGRESS_ITEMS && n < max; i++)
		if (p->items[i].verb)
			out[n++] = p->items[i];
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
