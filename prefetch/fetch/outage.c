#include "fetch/outage.h"

#include <stdio.h>

#include "fetch/cache.h"

/* The display shows what is waited for when nothing has arrived for this long. */
#define TELL_AFTER_MS 2000

void outage_progress(struct engine *e)
{
	patience_progress(&e->patience, engine_now_ms(e));
}

bool outage_may_ask(const struct cache *c, int64_t now)
{
	if (!health_usable(&c->health, now))
		return false;
	return !health_is_waited_for(&c->health) || c->asking + c->transferring == 0;
}

int64_t outage_delay_ms(struct engine *e, unsigned attempt,
			const struct transfer_done *done)
{
	const struct retry_failure f = { attempt, done->status, done->retry_after_s };

	return patience_delay_ms(&e->patience, engine_now_ms(e), &f, engine_random(e));
}

/* "1 h 52 min", "3 min", "40 s" */
static void format_left(char *out, size_t size, int64_t ms)
{
	long seconds = (long)((ms + 999) / 1000), minutes = (seconds + 59) / 60;

	if (seconds < 60)
		snprintf(out, size, "%ld s", seconds);
	else if (minutes < 60)
		snprintf(out, size, "%ld min", minutes);
	else
		snprintf(out, size, "%ld h %ld min", minutes / 60, minutes % 60);
}

static void tell_wait(struct engine *e, const struct cache *c, int64_t left)
{
	char text[NF_PROGRESS_WAIT_MAX], time[32];

	format_left(time, sizeof(time), left);
	snprintf(text, sizeof(text), "waiting for %.80s: %.100s; %s left", c->conf->url,
		 cache_why_gone(c), time);
	progress_wait(e->opts->progress, text);
}

static const struct cache *first_waited_for(const struct engine *e)
{
	for (size_t i = 0; i < e->opts->substituter_count; i++)
		if (health_is_waited_for(&e->caches[i].health))
			return &e->caches[i];
	return NULL;
}

static void give_up(struct cache *c)
{
	bool was_gone = cache_is_gone(c);

	health_set_patient(&c->health, false);
	if (!was_gone && cache_is_gone(c))
		progress_note(c->engine->opts->progress,
			      "cache '%s' is given up after a long wait: %s",
			      c->conf->url, cache_why_gone(c));
}

void outage_look(struct engine *e, int64_t now)
{
	int64_t left;
	const struct cache *c;

	if (!e->patience.limit_ms)
		return;
	/* Work on this machine takes time, during which the caches' time stands still. */
	if (ingests_under_way(e->ingests))
		patience_progress(&e->patience, now);
	left = patience_left_ms(&e->patience, now);
	for (size_t i = 0; i < e->opts->substituter_count; i++) {
		if (left)
			health_set_patient(&e->caches[i].health, true);
		else if (e->caches[i].health.is_patient)
			give_up(&e->caches[i]);
	}
	c = first_waited_for(e);
	if (c && now - e->patience.progress_at >= TELL_AFTER_MS)
		tell_wait(e, c, left);
	else
		progress_wait(e->opts->progress, "");
}
