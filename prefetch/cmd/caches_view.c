#include "cmd/caches_view.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "cmd/human.h"

enum column {
	COLUMN_URL,
	COLUMN_STATE,
	COLUMN_USED,
	COLUMN_LATENCY,
	COLUMN_SPEED,
	COLUMN_HTTP,
	COLUMN_PRIORITY,
	COLUMN_HAS,
	COLUMN_SIGNED_BY,
	COLUMNS,
};

static const char *const titles[COLUMNS] = {
	"CACHE", "STATE",    "USED", "LATENCY",	  "SPEED",
	"HTTP",	 "PRIORITY", "HAS",  "SIGNED BY",
};

#define CELL_MAX 1024

struct row {
	char *cells[COLUMNS];
};

static void rows_free(struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (int c = 0; c < COLUMNS; c++)
			free(rows[i].cells[c]);
	free(rows);
}

/* ---- cells ---- */

static char *clean(const char *text)
{
	struct buf out;

	buf_init(&out, CELL_MAX);
	human_clean(&out, nf_slice_str(text));
	return buf_take(&out);
}

static char *latency(uint32_t us)
{
	char text[HUMAN_MAX];

	return mem_strdup(us ? human_latency(text, us) : "-");
}

static char *speed(uint64_t bytes)
{
	char size[HUMAN_MAX];

	return bytes ? mem_printf("%s/s", human_size(size, bytes)) : mem_strdup("-");
}

static char *http(const struct probe_report *r)
{
	if (!r->http_version[0])
		return mem_strdup("-");
	return mem_printf("%s%s", r->http_version, r->tls ? " TLS" : "");
}

static const char *remark_on(enum probe_key_state state)
{
	static const char *const remarks[] = {
		[PROBE_KEY_TRUSTED] = "",
		[PROBE_KEY_WRONG] = " (wrong)",
		[PROBE_KEY_UNKNOWN] = " (not trusted)",
	};

	return remarks[state];
}

static char *signed_by(const struct probe_report *r)
{
	AUTO_BUF struct buf all = { 0 };

	buf_init(&all, CELL_MAX);
	for (size_t i = 0; i < r->key_count; i++)
		buf_addf(&all, "%s%s%s", i ? ", " : "", r->keys[i].name,
			 remark_on(r->keys[i].state));
	if (r->no_sig)
		buf_addf(&all, "%sunsigned", r->key_count ? ", " : "");
	if (!all.len && r->trusted)
		buf_add_str(&all, r->conf->trusted ? "unsigned (trusted anyway)"
						   : "content address");
	return all.len ? clean(all.ptr) : mem_strdup(r->state == PROBE_OK ? "?" : "-");
}

static char *priority(const struct probe_report *r)
{
	if (r->state != PROBE_OK)
		return mem_strdup("-");
	return mem_printf("%d", r->priority);
}

static char *has(const struct probe_report *r)
{
	if (r->asked == 0)
		return mem_strdup("-");
	return mem_printf("%zu/%zu", r->found + r->malformed, r->asked);
}

static void fill_row(struct row *row, const struct caches_view *v, size_t i)
{
	const struct probe_report *r = &v->reports[i];
	char state[PROBE_STATE_TEXT_MAX];

	row->cells[COLUMN_URL] = clean(r->conf->url);
	row->cells[COLUMN_STATE] = mem_strdup(probe_report_state_text(state, r));
	row->cells[COLUMN_USED] = mem_strdup(probe_report_usable(r) ? "yes" : "no");
	row->cells[COLUMN_LATENCY] = latency(r->latency_us);
	row->cells[COLUMN_SPEED] = speed(r->throughput);
	row->cells[COLUMN_HTTP] = http(r);
	row->cells[COLUMN_PRIORITY] = priority(r);
	row->cells[COLUMN_HAS] = has(r);
	row->cells[COLUMN_SIGNED_BY] = signed_by(r);
}

/* ---- text ---- */

static void add_row(struct buf *out, const struct row *row, const int widths[COLUMNS])
{
	for (int c = 0; c < COLUMN_SIGNED_BY; c++)
		buf_addf(out, "%-*s  ", widths[c], row->cells[c]);
	buf_addf(out, "%s\n", row->cells[COLUMN_SIGNED_BY]);
}

static void add_line(struct buf *out, const char *what, struct nf_slice text)
{
	buf_addf(out, "  %s: ", what);
	human_clean(out, text);
	buf_add_char(out, '\n');
}

static void add_advice(struct buf *out, const struct probe_report *r)
{
	AUTO_BUF struct buf lines = { 0 };
	struct nf_slice rest;

	buf_init(&lines, CACHES_VIEW_MAX);
	probe_report_advise(&lines, r);
	for (rest = buf_slice(&lines); rest.len;)
		add_line(out, "hint", slice_cut(&rest, '\n'));
}

static void add_failure_before(struct buf *out, const struct caches_view *v, size_t i)
{
	const struct history_entry *e = history_find(v->before, v->reports[i].conf->url);
	char ago[HUMAN_MAX];

	if (!e || !e->failed)
		return;
	human_duration(ago, v->now > e->failed ? (uint64_t)(v->now - e->failed) : 0);
	buf_addf(out, "  failed %s ago: ", ago);
	human_clean(out, nf_slice_str(e->failure));
	buf_add_char(out, '\n');
}

static void add_details(struct buf *out, const struct probe_report *r)
{
	AUTO_FREE char *connect = latency(r->connect_us);
	const char *dir = r->info.store_dir[0] ? r->info.store_dir : "not stated";

	if (!r->answered)
		return;
	buf_add_str(out, "  store directory: ");
	human_clean(out, nf_slice_str(dir));
	buf_addf(out, "; wants mass queries: %s; connected in: %s; priority: %s\n",
		 r->info.want_mass_query ? "yes" : "no", connect,
		 r->conf->has_priority	? "from the URL"
		 : r->info.has_priority ? "from the cache"
					: "not stated");
}

static void add_cache(struct buf *out, const struct caches_view *v, size_t i)
{
	const struct probe_report *r = &v->reports[i];

	if (r->cause)
		add_line(out, "why", nf_slice_str(r->cause));
	add_advice(out, r);
	add_failure_before(out, v, i);
	if (v->verbose)
		add_details(out, r);
}

void caches_view_text(struct buf *out, const struct caches_view *v)
{
	struct row *rows = mem_calloc(v->count, sizeof(rows[0]));
	struct row head;
	int widths[COLUMNS];

	for (int c = 0; c < COLUMNS; c++) {
		head.cells[c] = (char *)titles[c];
		widths[c] = (int)strlen(titles[c]);
	}
	for (size_t i = 0; i < v->count; i++) {
		fill_row(&rows[i], v, i);
		for (int c = 0; c < COLUMNS; c++)
			if ((int)strlen(rows[i].cells[c]) > widths[c])
				widths[c] = (int)strlen(rows[i].cells[c]);
	}
	add_row(out, &head, widths);
	for (size_t i = 0; i < v->count; i++) {
		add_row(out, &rows[i], widths);
		add_cache(out, v, i);
	}
	rows_free(rows, v->count);
}

/* ---- JSON ---- */

/* Identifiers for programs: they must not change. */
static const char *state_word(enum probe_state state)
{
	static const char *const words[] = {
		[PROBE_OK] = "ok",
		[PROBE_NO_HOST] = "no-host",
		[PROBE_REFUSED] = "refused",
		[PROBE_TIMEOUT] = "timeout",
		[PROBE_TLS] = "tls",
		[PROBE_HTTP] = "http",
		[PROBE_BROKEN] = "broken",
		[PROBE_NO_CACHE] = "no-cache",
		[PROBE_OTHER_STORE] = "other-store",
	};

	return words[state];
}

static void add_measured(struct json_doc *doc, const char *key, uint64_t n)
{
	if (n)
		json_add_number(doc, key, n);
	else
		json_add_null(doc, key);
}

static void add_answer(struct json_doc *doc, const struct probe_report *r)
{
	json_add_bool(doc, "tls", r->tls);
	json_add_str(doc, "httpVersion", r->http_version);
	if (r->status)
		json_add_number(doc, "httpStatus", (uint64_t)r->status);
	add_measured(doc, "connectMicroseconds", r->connect_us);
	add_measured(doc, "latencyMicroseconds", r->latency_us);
	add_measured(doc, "bytesPerSecond", r->throughput);
	json_add_str(doc, "storeDir", r->info.store_dir);
	json_add_bool(doc, "wantMassQuery", r->info.want_mass_query);
	json_add_number(doc, "priority", r->priority > 0 ? (uint64_t)r->priority : 0);
	json_add_str(doc, "priorityFrom",
		     r->conf->has_priority  ? "url"
		     : r->info.has_priority ? "cache"
					    : "default");
}

static void add_sample(struct json_doc *doc, const struct probe_report *r)
{
	static const char *const states[] = {
		[PROBE_KEY_TRUSTED] = "trusted",
		[PROBE_KEY_WRONG] = "wrong",
		[PROBE_KEY_UNKNOWN] = "unknown",
	};

	json_begin_object(doc, "sample");
	json_add_number(doc, "asked", r->asked);
	json_add_number(doc, "found", r->found);
	json_add_number(doc, "trusted", r->trusted);
	json_add_number(doc, "unsigned", r->no_sig);
	json_add_number(doc, "malformed", r->malformed);
	json_end(doc);
	json_begin_array(doc, "keys");
	for (size_t i = 0; i < r->key_count; i++) {
		json_begin_object(doc, NULL);
		json_add_str(doc, "name", r->keys[i].name);
		json_add_str(doc, "state", states[r->keys[i].state]);
		json_add_number(doc, "paths", r->keys[i].paths);
		json_end(doc);
	}
	json_end(doc);
}

static void add_last_failure(struct json_doc *doc, const struct caches_view *v,
			     const struct probe_report *r)
{
	const struct history_entry *e = history_find(v->before, r->conf->url);

	if (!e || !e->failed)
		return;
	json_begin_object(doc, "lastFailure");
	json_add_number(doc, "time", (uint64_t)e->failed);
	json_add_str(doc, "cause", e->failure);
	json_end(doc);
}

static void add_advice_json(struct json_doc *doc, const struct probe_report *r)
{
	AUTO_BUF struct buf lines = { 0 };
	struct nf_slice rest;

	buf_init(&lines, CACHES_VIEW_MAX);
	probe_report_advise(&lines, r);
	json_begin_array(doc, "advice");
	for (rest = buf_slice(&lines); rest.len;)
		json_add_slice(doc, NULL, slice_cut(&rest, '\n'));
	json_end(doc);
}

void caches_view_json(struct json_doc *doc, const struct caches_view *v)
{
	size_t usable = 0;

	json_begin_array(doc, "caches");
	for (size_t i = 0; i < v->count; i++) {
		const struct probe_report *r = &v->reports[i];

		usable += probe_report_usable(r);
		json_begin_object(doc, NULL);
		json_add_str(doc, "url", r->conf->url);
		json_add_str(doc, "state", state_word(r->state));
		if (r->cause)
			json_add_str(doc, "cause", r->cause);
		json_add_bool(doc, "usable", probe_report_usable(r));
		if (r->answered)
			add_answer(doc, r);
		add_sample(doc, r);
		add_last_failure(doc, v, r);
		add_advice_json(doc, r);
		json_end(doc);
	}
	json_end(doc);
	json_add_number(doc, "usable", usable);
}
