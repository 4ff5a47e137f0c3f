#include "cmd/progress_view.h"

#include <string.h>

#include "base/plural.h"
#include "base/slice.h"
#include "cmd/human.h"

/* Seconds over which the speed is smoothed. */
#define RATE_SMOOTH 3.0

/* A longer remaining time is not shown. */
#define LEFT_MAX (100.0 * 24 * 3600)

void rate_update(struct rate *r, uint64_t bytes, double time)
{
	double elapsed = time - r->last_time;
	double now, weight;

	if (!r->running || bytes < r->last_bytes) {
		*r = (struct rate){ .last_time = time,
				    .last_bytes = bytes,
				    .running = true };
		return;
	}
	if (elapsed <= 0)
		return;
	now = (double)(bytes - r->last_bytes) / elapsed;
	weight = r->per_second > 0 ? elapsed / (elapsed + RATE_SMOOTH) : 1;
	r->per_second += weight * (now - r->per_second);
	r->last_time = time;
	r->last_bytes = bytes;
}

/* WHAT is the word for one item; an "s" makes the plural. */
static void add_count(struct buf *out, uint64_t done, uint64_t total, const char *what)
{
	bool has_total = total >= done && total > 0;

	if (done == 0 && total == 0)
		return;
	buf_addf(out, ", %llu", (unsigned long long)done);
	if (has_total)
		buf_addf(out, " of %llu", (unsigned long long)total);
	buf_addf(out, " %s%s", what, plural(has_total ? total : done, "", "s"));
}

static bool has_rest(const struct progress_measure *m)
{
	return m->total > m->done;
}

/* In seconds; negative if unknown. */
static double time_left(const struct progress_measure *m)
{
	if (!has_rest(m))
		return 0;
	return m->per_second < 1 ? -1 : (double)(m->total - m->done) / m->per_second;
}

static struct progress_measure measure_bytes(const struct progress_sample *s)
{
	return (struct progress_measure){ s->now.bytes_done, s->now.bytes_total,
					  s->bytes_per_second };
}

static struct progress_measure measure_work(const struct progress_sample *s)
{
	return (struct progress_measure){ s->now.nar_bytes_done, s->now.nar_bytes_total,
					  s->nar_bytes_per_second };
}

struct progress_measure progress_view_measure(const struct progress_sample *s)
{
	const struct progress_measure work = measure_work(s);
	struct progress_measure m = measure_bytes(s);

	if (!has_rest(&m) && has_rest(&work))
		m = work;
	if (m.total < m.done)
		m.total = 0;
	if (m.per_second < 1 || !has_rest(&m))
		m.per_second = 0;
	return m;
}

/* NARs are stored while they arrive, so the slower of the two determines the end. */
uint64_t progress_view_left(const struct progress_sample *s)
{
	const struct progress_measure bytes = measure_bytes(s), work = measure_work(s);
	double left = time_left(&bytes), work_left = time_left(&work);

	if (left < 0 || (work_left < 0 && left == 0))
		return 0;
	if (work_left > left)
		left = work_left;
	return left < LEFT_MAX ? (uint64_t)(left + 0.5) : 0;
}

static void add_bytes(struct buf *out, const struct progress_sample *s)
{
	const struct progress_measure m = progress_view_measure(s);
	uint64_t left = progress_view_left(s);
	char text[HUMAN_MAX];

	if (m.done || m.total)
		buf_addf(out, ", %s", human_size(text, m.done));
	if (m.total)
		buf_addf(out, " of %s", human_size(text, m.total));
	if (m.per_second > 0)
		buf_addf(out, ", %s/s", human_size(text, (uint64_t)m.per_second));
	if (left)
		buf_addf(out, ", %s left", human_duration(text, left));
}

void progress_view_line(struct buf *out, const struct progress_sample *s)
{
	AUTO_BUF struct buf rest = { 0 };
	struct nf_slice text;

	buf_init(&rest, 512);
	if (s->now.paths_total == 0)
		add_count(&rest, s->now.resolved, s->now.resolving, "path info");
	add_count(&rest, s->now.paths_done, s->now.paths_total, "path");
	add_bytes(&rest, s);
	text = buf_slice(&rest);
	slice_skip_prefix(&text, ", ");
	if (s->now.waiting_for[0])
		human_clean(out, nf_slice_str(s->now.waiting_for));
	else
		buf_add_str(out, s->now.phase ? s->now.phase : "starting");
	if (text.len) {
		buf_add_str(out, ": ");
		buf_add_slice(out, text);
	}
}
