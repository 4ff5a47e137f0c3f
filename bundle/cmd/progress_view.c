#include "cmd/progress_view.h"

#include <nixferry/storepath.h>
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

/* Whether the phase is measured in bytes. */
struct shown_measure {
	uint64_t done, total;
	double per_second;
};

static bool has_rest(const struct shown_measure *m)
{
	return m->total > m->done;
}

/* In seconds; negative if unknown. */
static double time_left(const struct shown_measure *m)
{
	if (!has_rest(m))
		return 0;
	return m->per_second < 1 ? -1 : (double)(m->total - m->done) / m->per_second;
}

static void add_measure(struct buf *out, const struct shown_measure *m)
{
	char text[HUMAN_MAX];

	if (m->done == 0 && m->total == 0)
		return;
	buf_addf(out, ", %s", human_size(text, m->done));
	if (m->total >= m->done && m->total > 0)
		buf_addf(out, " of %s", human_size(text, m->total));
	if (m->per_second >= 1 && has_rest(m))
		buf_addf(out, ", %s/s", human_size(text, (uint64_t)m->per_second));
}

/* NARs are stored while they arrive, so the slower of the two determines the end. Once
 * everything has arrived, only storing is worth showing. */
static void add_bytes(struct buf *out, const struct progress_sample *s)
{
	const struct shown_measure bytes = { s->now.bytes_done, s->now.bytes_total,
					     s->bytes_per_second };
	const struct shown_measure work = { s->now.nar_bytes_done, s->now.nar_bytes_total,
					    s->nar_bytes_per_second };
	double left = time_left(&bytes), work_left = time_left(&work);
	char text[HUMAN_MAX];

	add_measure(out, !has_rest(&bytes) && has_rest(&work) ? &work : &bytes);
	if (left < 0 || (work_left < 0 && left == 0))
		return;
	if (work_left > left)
		left = work_left;
	if (left > 0 && left < LEFT_MAX)
		buf_addf(out, ", %s left", human_duration(text, (uint64_t)(left + 0.5)));
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

void progress_view_item(struct buf *out, const struct nf_progress_item *item)
{
	struct nf_slice name =
		nf_slice(item->name, strnlen(item->name, sizeof(item->name)));
	size_t hash = NF_STOREPATH_HASH_LEN;

	/* The name in a store path is more useful than its hash part. */
	if (name.len > hash + 1 && name.ptr[hash] == '-' &&
	    nf_storepath_is_hash(nf_slice(name.ptr, hash)))
		name = nf_slice(name.ptr + hash + 1, name.len - hash - 1);
	buf_addf(out, "  %-8s ", item->verb ? item->verb : "");
	human_clean(out, name);
}
