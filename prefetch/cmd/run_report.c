#include "cmd/run_report.h"

#include <string.h>

#include <nixferry/storepath.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/plural.h"
#include "cmd/human.h"

#define DISPUTES_SHOWN 10
#define LINE_MAX_BYTES 4096

/* ---- JSON ---- */

static void add_latency(struct json_doc *doc, const char *key, const struct histogram *h)
{
	if (!h->count)
		return;
	json_begin_object(doc, key);
	json_add_number(doc, "answers", h->count);
	json_add_number(doc, "p50", histogram_percentile(h, 50));
	json_add_number(doc, "p90", histogram_percentile(h, 90));
	json_add_number(doc, "p99", histogram_percentile(h, 99));
	json_end(doc);
}

static void add_failures(struct json_doc *doc, const struct fetch_cache_stats *c)
{
	json_add_number(doc, "failures", transfer_stats_failures(&c->net));
	json_begin_object(doc, "failuresByKind");
	for (int f = 0; f < TRANSFER_FAILURES; f++)
		if (c->net.failures[f])
			json_add_number(doc, transfer_failure_name(f),
					c->net.failures[f]);
	json_end(doc);
	if (c->last_failure)
		json_add_str(doc, "lastFailure", c->last_failure);
	if (c->left_out)
		json_add_str(doc, "leftOut", c->left_out);
	if (c->silent_ms)
		json_add_number(doc, "noAnswerMilliseconds", (uint64_t)c->silent_ms);
	json_add_number(doc, "unansweredRequests", c->unanswered);
}

static void add_cache(struct json_doc *doc, const struct fetch_cache_stats *c)
{
	uint64_t throughput = transfer_stats_throughput(&c->net);

	json_begin_object(doc, NULL);
	json_add_str(doc, "url", c->url);
	json_add_number(doc, "narinfos", c->narinfos);
	json_add_number(doc, "nars", c->nars);
	json_add_number(doc, "bytes", c->bytes);
	json_add_number(doc, "requests", c->net.requests);
	json_add_number(doc, "receivedBytes", c->net.bytes);
	if (throughput)
		json_add_number(doc, "bytesPerSecond", throughput);
	add_latency(doc, "narinfoLatencyMicroseconds", &c->net.narinfo_us);
	add_latency(doc, "narLatencyMicroseconds", &c->net.nar_us);
	add_failures(doc, c);
	json_end(doc);
}

static void add_word(struct json_doc *doc, const char *key, const struct dispute_word *w)
{
	json_begin_object(doc, key);
	json_add_str(doc, "cache", w->cache);
	json_add_str(doc, "narHash", w->nar_hash);
	json_add_number(doc, "narSize", w->nar_size);
	json_add_bool(doc, "trusted", w->vouched_by != NULL);
	if (w->vouched_by)
		json_add_str(doc, "by", w->vouched_by);
	json_end(doc);
}

void run_report_add_disputes(struct json_doc *doc, const struct fetch_result *r)
{
	const struct dispute_list *l = &r->disputes;

	json_add_number(doc, "disagreementCount", l->total);
	json_begin_array(doc, "disagreements");
	for (size_t i = 0; i < l->count; i++) {
		const struct dispute *d = &l->items[i];
		AUTO_FREE char *path = mem_printf(NF_STORE_DIR "/%s", d->path);

		json_begin_object(doc, NULL);
		json_add_str(doc, "path", path);
		add_word(doc, "taken", &d->known);
		add_word(doc, "other", &d->other);
		json_end(doc);
	}
	json_end(doc);
}

void run_report_add_forbidden(struct json_doc *doc, const struct fetch_result *r)
{
	json_begin_array(doc, "forbiddenCaches");
	for (size_t i = 0; i < r->cache_count; i++)
		if (transfer_stats_all_forbidden(&r->caches[i].net))
			json_add_str(doc, NULL, r->caches[i].url);
	json_end(doc);
}

void run_report_add_json(struct json_doc *doc, const struct fetch_result *r)
{
	uint64_t requests = 0;

	json_begin_array(doc, "caches");
	for (size_t i = 0; i < r->cache_count; i++) {
		requests += r->caches[i].net.requests;
		add_cache(doc, &r->caches[i]);
	}
	json_end(doc);
	json_add_number(doc, "requests", requests);
	if (r->paths)
		json_add_ratio(doc, "requestsPerPath", requests, r->paths);
	run_report_add_forbidden(doc, r);
	run_report_add_disputes(doc, r);
}

/* ---- text ---- */

static void append_nars(struct buf *line, const struct fetch_cache_stats *c)
{
	uint64_t throughput = transfer_stats_throughput(&c->net);
	char size[HUMAN_MAX], speed[HUMAN_MAX];

	buf_addf(line, "%zu %s, %s", c->nars, plural(c->nars, "NAR", "NARs"),
		 human_size(size, c->net.nar_bytes));
	if (throughput)
		buf_addf(line, " at %s/s", human_size(speed, throughput));
}

static void append_latency(struct buf *line, const struct histogram *h)
{
	char half[HUMAN_MAX], most[HUMAN_MAX];

	if (h->count)
		buf_addf(line, "; p50 %s, p99 %s",
			 human_latency(half, histogram_percentile(h, 50)),
			 human_latency(most, histogram_percentile(h, 99)));
}

static void append_failures(struct buf *line, const struct fetch_cache_stats *c)
{
	size_t failures = transfer_stats_failures(&c->net);

	if (c->left_out)
		buf_add_str(line, "; not used");
	if (!failures)
		return;
	buf_addf(line, "; %zu failure%s", failures, plural(failures, "", "s"));
	if (c->last_failure)
		buf_addf(line, "%s: %s", plural(failures, "", ", last"), c->last_failure);
}

/* A cache that was never reachable was reported when it was given up; one line is
 * enough. */
static bool has_news(const struct fetch_cache_stats *c)
{
	if (c->narinfos || c->net.nar_bytes || c->unanswered)
		return true;
	return !c->left_out && transfer_stats_failures(&c->net);
}

static void tell_cache(struct ui *ui, const struct fetch_cache_stats *c)
{
	AUTO_BUF struct buf line = { 0 };

	buf_init(&line, LINE_MAX_BYTES);
	buf_addf(&line, "%s: ", c->url);
	append_nars(&line, c);
	buf_addf(&line, "; %zu %s", c->narinfos,
		 plural(c->narinfos, "narinfo", "narinfos"));
	if (ui_is_verbose(ui))
		append_latency(&line, &c->net.narinfo_us);
	append_failures(&line, c);
	if (c->unanswered)
		buf_addf(&line, "; no answer to %zu %s", c->unanswered,
			 plural(c->unanswered, "request", "requests"));
	ui_note(ui, "%.*s", NF_SLICE_ARG(buf_slice(&line)));
}

void run_report_tell_forbidden(struct ui *ui, const struct fetch_result *r)
{
	for (size_t i = 0; i < r->cache_count; i++)
		if (transfer_stats_all_forbidden(&r->caches[i].net))
			ui_warn(ui, "cache '%s': " TRANSFER_ALL_FORBIDDEN_TEXT,
				r->caches[i].url);
}

void run_report_tell_caches(struct ui *ui, const struct fetch_result *r)
{
	for (size_t i = 0; i < r->cache_count; i++) {
		const struct fetch_cache_stats *c = &r->caches[i];

		if (c->silent_ms)
			ui_note(ui, "%s: no answer in %.1f s", c->url,
				(double)c->silent_ms / 1000);
		else if (has_news(c))
			tell_cache(ui, c);
	}
}

/* "cache 'URL' (vouched for by 'KEY') says sha256:..." */
static char *word_text(const struct dispute_word *w, bool with_size)
{
	AUTO_FREE char *size =
		with_size ? mem_printf(", NarSize %llu", (unsigned long long)w->nar_size)
			  : mem_strdup("");

	if (!w->vouched_by)
		return mem_printf("cache '%s' (without a trusted signature) says %s%s",
				  w->cache, w->nar_hash, size);
	return mem_printf("cache '%s' (vouched for by '%s') says %s%s", w->cache,
			  w->vouched_by, w->nar_hash, size);
}

static void tell_dispute(struct ui *ui, const struct dispute *d)
{
	bool same_hash = strcmp(d->known.nar_hash, d->other.nar_hash) == 0;
	AUTO_FREE char *known = word_text(&d->known, same_hash);
	AUTO_FREE char *other = word_text(&d->other, same_hash);

	ui_warn(ui, "caches disagree on path '%s': %s, %s; the first is used", d->path,
		known, other);
}

void run_report_tell_disputes(struct ui *ui, const struct fetch_result *r)
{
	const struct dispute_list *l = &r->disputes;
	size_t shown = l->count < DISPUTES_SHOWN ? l->count : DISPUTES_SHOWN;

	for (size_t i = 0; i < shown; i++)
		tell_dispute(ui, &l->items[i]);
	if (l->total > shown)
		ui_warn(ui, "caches disagree on content %zu %s more (see --json)",
			l->total - shown, plural(l->total - shown, "time", "times"));
}

void run_report_add_failures(struct json_doc *doc, const struct fetch_result *r)
{
	json_begin_array(doc, "failures");
	for (size_t i = 0; i < r->failure_count; i++) {
		json_begin_object(doc, NULL);
		json_add_str(doc, "path", r->failures[i].path);
		json_add_str(doc, "class", nf_error_name(r->failures[i].code));
		json_add_str(doc, "cause", r->failures[i].text);
		json_end(doc);
	}
	json_end(doc);
}

/* A long list is truncated. */
#define FAILURES_SHOWN 20

void run_report_tell_failures(struct ui *ui, const struct fetch_result *r)
{
	for (size_t i = 0; i < r->failure_count && i < FAILURES_SHOWN; i++)
		ui_warn(ui, "path '%s': %s", r->failures[i].path, r->failures[i].text);
	if (r->failure_count > FAILURES_SHOWN)
		ui_warn(ui, "and %zu more %s (--json lists all)",
			r->failure_count - FAILURES_SHOWN,
			plural(r->failure_count - FAILURES_SHOWN, "path", "paths"));
}

/* ---- counts ---- */

static void add_in_target(struct buf *out, size_t count, const char *verb,
			  const struct run_counts *c)
{
	buf_addf(out, "%zu%s in '", count, verb);
	human_clean(out, nf_slice_str(c->root));
	buf_add_str(out, "', ");
}

static void add_required(struct buf *out, const struct run_counts *c)
{
	if (c->has_have)
		buf_addf(out, "%zu required of the target, ", c->result->present);
}

static void add_would_fetch(struct buf *out, const struct run_counts *c)
{
	size_t here = c->result->present + c->result->in_pool + c->result->in_store;
	char size[HUMAN_MAX];

	if (c->root)
		add_in_target(out, c->result->present, "", c);
	buf_addf(out, "%zu in the pool, ", c->result->in_pool);
	add_required(out, c);
	if (c->result->in_store)
		buf_addf(out, "%zu in the store, ", c->result->in_store);
	buf_addf(out, "%zu to fetch (%s)\n", c->result->paths - here,
		 human_size(size, c->result->to_fetch_bytes));
}

static void add_fetched(struct buf *out, const struct run_counts *c)
{
	char size[HUMAN_MAX];

	if (c->root)
		add_in_target(out, c->result->present,
			      plural(c->result->present, " was", " were"), c);
	if (!c->fills_store)
		buf_addf(out, "%zu %s in the pool, ", c->result->in_pool,
			 plural(c->result->in_pool, "was", "were"));
	add_required(out, c);
	if (c->result->from_pool)
		buf_addf(out, "%zu from the pool, ", c->result->from_pool);
	if (c->result->dumped)
		buf_addf(out, "%zu from the store, ", c->result->dumped);
	buf_addf(out, "%zu fetched (%s)\n", c->result->fetched,
		 human_size(size, c->result->fetched_bytes));
}

void run_report_add_counts(struct buf *out, const struct run_counts *c)
{
	if (c->dry_run)
		add_would_fetch(out, c);
	else
		add_fetched(out, c);
}
