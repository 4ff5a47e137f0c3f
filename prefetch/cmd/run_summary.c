#include "cmd/run_summary.h"

#include "base/limits.h"
#include "base/plural.h"
#include "cmd/human.h"
#include "cmd/run_report.h"

#define SUMMARY_MAX 8192

/* The speed of a cache that sent less is not known well enough. */
#define MEASURED_MIN (64 * KIB)

#define SECONDS_MIN 1.0

static bool is_measured(const struct fetch_cache_stats *c)
{
	return !c->local && c->net.nar_bytes >= MEASURED_MIN &&
	       transfer_stats_throughput(&c->net) > 0;
}

/* NULL unless there are several that can be compared. */
static const struct fetch_cache_stats *slowest(const struct fetch_result *r)
{
	const struct fetch_cache_stats *least = NULL;
	size_t count = 0;

	for (size_t i = 0; i < r->cache_count; i++) {
		const struct fetch_cache_stats *c = &r->caches[i];

		if (!is_measured(c))
			continue;
		count++;
		if (!least || transfer_stats_throughput(&c->net) <
				      transfer_stats_throughput(&least->net))
			least = c;
	}
	return count > 1 ? least : NULL;
}

static void add_slowest(struct buf *out, const struct fetch_result *r, double seconds)
{
	const struct fetch_cache_stats *c = slowest(r);
	char part[HUMAN_MAX], time[HUMAN_MAX];
	double speed, come;

	if (!c)
		return;
	speed = (double)transfer_stats_throughput(&c->net);
	come = speed * seconds;
	if (come >= (double)r->fetched_bytes)
		return;
	human_part(part, (uint64_t)come, r->fetched_bytes);
	human_duration(time, (uint64_t)((double)r->fetched_bytes / speed + 0.5));
	human_clean(out, nf_slice_str(c->url));
	buf_addf(out, " alone would have sent %s in that time, and all in %s\n", part,
		 time);
}

static size_t count_unused(const struct fetch_result *r)
{
	size_t count = 0;

	for (size_t i = 0; i < r->cache_count; i++)
		count += r->caches[i].left_out || r->caches[i].silent_ms;
	return count;
}

void run_summary_add(struct buf *out, const struct fetch_result *r, double seconds)
{
	size_t unused = count_unused(r);
	char size[HUMAN_MAX];

	if (seconds < SECONDS_MIN)
		return;
	buf_addf(out, "took %s", human_duration(size, (uint64_t)(seconds + 0.5)));
	if (r->fetched_bytes) {
		buf_addf(out, ", received %s", human_size(size, r->fetched_bytes));
		buf_addf(
			out, " at %s/s",
			human_size(size, (uint64_t)((double)r->fetched_bytes / seconds)));
	}
	if (unused)
		buf_addf(out, "; %zu %s not used", unused,
			 plural(unused, "cache was", "caches were"));
	buf_add_char(out, '\n');
	add_slowest(out, r, seconds);
}

void run_summary_tell(struct ui *ui, const struct fetch_result *r)
{
	AUTO_BUF struct buf text = { 0 };

	run_report_tell_caches(ui, r);
	buf_init(&text, SUMMARY_MAX);
	run_summary_add(&text, r, ui_elapsed(ui));
	ui_note_lines(ui, buf_slice(&text));
	ui_time_is_told(ui);
}

void run_summary_tell_next(struct ui *ui, bool is_dry_run)
{
	if (!ui_is_interactive(ui))
		return;
	if (is_dry_run)
		ui_note(ui, "to fetch them, run the same command without --dry-run");
	else
		ui_note(ui, "to import them, add --store ROOT to the same command; "
			    "to pack them, --output FILE");
}
