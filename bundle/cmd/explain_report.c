#include "cmd/explain_report.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "cmd/human.h"
#include "cmd/say.h"

/* Without --all, the slowest. */
#define BUILDS_SHOWN 10

/* ---- text ---- */

static char *duration(char out[HUMAN_MAX], uint64_t ms)
{
	return ms < 10000 ? human_latency(out, (uint32_t)ms * 1000)
			  : human_duration(out, ms / 1000);
}

#define TIME_TEXT_MAX (HUMAN_MAX + 2)

/* ", 7 s", or nothing. */
static const char *and_time(char out[TIME_TEXT_MAX], const struct build_account *a,
			    uint64_t ms)
{
	char text[HUMAN_MAX];

	snprintf(out, TIME_TEXT_MAX, "%s%s", a->has_times ? ", " : "",
		 a->has_times ? duration(text, ms) : "");
	return out;
}

static struct nf_slice short_name(struct nf_slice path)
{
	while (path.len && memchr(path.ptr, '/', path.len))
		slice_cut(&path, '/');
	slice_cut(&path, '-');
	if (slice_ends_with(path, ".drv"))
		path.len -= strlen(".drv");
	return path;
}

static uint64_t took(const struct build_account_build *b)
{
	return b->to_ms - b->from_ms;
}

static int by_duration(const void *a, const void *b)
{
	const struct build_account_build *const *x = a, *const *y = b;

	if (took(*x) != took(*y))
		return took(*x) < took(*y) ? 1 : -1;
	return (*x > *y) - (*x < *y);
}

static const char *reason_text(enum build_account_reason reason)
{
	static const char *const texts[] = {
		[BUILD_ACCOUNT_UNKNOWN] = "",
		[BUILD_ACCOUNT_IN_NO_CACHE] = "no cache that was asked had it",
		[BUILD_ACCOUNT_NOT_ASKED] =
			"no cache was asked (a local build is preferred, or the answer was already known)",
	};

	return texts[reason];
}

static const char *state_text(enum build_account_state state)
{
	static const char *const texts[] = {
		[BUILD_ACCOUNT_STARTED] = "",
		[BUILD_ACCOUNT_ENDED] = "",
		[BUILD_ACCOUNT_FAILED] = "failed",
	};

	return texts[state];
}

static void print_build(const struct build_account *a,
			const struct build_account_build *b)
{
	const char *reason = reason_text(b->reason), *state = state_text(b->state);
	char time[HUMAN_MAX];

	say_line("  %*s%s%.*s%s%.*s%s%s%s%s", a->has_times ? 10 : 0,
		 a->has_times ? duration(time, took(b)) : "", a->has_times ? "  " : "",
		 NF_SLICE_ARG(short_name(b->drv)), b->machine.len ? " on " : "",
		 NF_SLICE_ARG(b->machine), *state ? ", " : "", state, *reason ? ": " : "",
		 reason);
}

static void print_builds(const struct build_account *a, bool all)
{
	AUTO_FREE const struct build_account_build **sorted =
		mem_calloc(a->nbuilds + 1, sizeof(*sorted));
	size_t shown = all || a->nbuilds <= BUILDS_SHOWN ? a->nbuilds : BUILDS_SHOWN;
	char time[TIME_TEXT_MAX];

	say_line("built: %zu %s%s", a->nbuilds,
		 plural(a->nbuilds, "derivation", "derivations"),
		 a->nbuilds ? and_time(time, a, a->times.building) : "");
	for (size_t i = 0; i < a->nbuilds; i++)
		sorted[i] = &a->builds[i];
	qsort(sorted, a->nbuilds, sizeof(*sorted), by_duration);
	for (size_t i = 0; i < shown; i++)
		print_build(a, sorted[i]);
	if (shown < a->nbuilds)
		say_line("  and %zu more: --all lists them", a->nbuilds - shown);
}

static void print_copies(const struct build_account *a)
{
	char size[HUMAN_MAX], time[TIME_TEXT_MAX];

	say_line("copied: %zu %s", a->ncopies, plural(a->ncopies, "path", "paths"));
	for (size_t i = 0; i < a->ncaches; i++) {
		const struct build_account_cache *c = &a->caches[i];

		if (c->copies)
			say_line("  %zu from %.*s: %s%s", c->copies,
				 NF_SLICE_ARG(c->name),
				 c->downloaded ? human_size(size, c->downloaded)
					       : "size not known",
				 and_time(time, a, c->busy_ms));
	}
}

static void print_failures(const struct build_account *a)
{
	char time[HUMAN_MAX];

	for (size_t i = 0; i < a->ncaches; i++) {
		const struct build_account_cache *c = &a->caches[i];
		uint64_t ms = a->has_times ? c->failed_ms : c->retry_ms;

		if (c->failures)
			say_line("failed: %zu %s from %.*s, %s%s: %.*s", c->failures,
				 plural(c->failures, "download", "downloads"),
				 NF_SLICE_ARG(c->name), a->has_times ? "" : "at least ",
				 duration(time, ms), NF_SLICE_ARG(c->why));
	}
}

static void print_times(const struct build_account *a)
{
	static const char *const labels[] = { "building", "only copying",
					      "only asking caches",
					      "only failed downloads", "other work" };
	const struct build_account_times *t = &a->times;
	const uint64_t values[] = { t->building, t->copying, t->asking, t->failing,
				    t->other };
	char time[HUMAN_MAX];

	if (!a->has_times)
		return;
	say_line("time: %s", duration(time, t->total));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (values[i])
			say_line("  %10s  %s", duration(time, values[i]), labels[i]);
	say_line("a prefetch would have saved %s: the time in which only copies ran",
		 duration(time, t->copying));
}

void explain_report_print(const struct explain_log *log, bool all)
{
	print_copies(log->account);
	print_builds(log->account, all);
	print_failures(log->account);
	print_times(log->account);
}

/* ---- two logs ---- */

static uint64_t downloaded(const struct build_account *a)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->ncaches; i++)
		sum = sum > UINT64_MAX - a->caches[i].downloaded
			      ? UINT64_MAX
			      : sum + a->caches[i].downloaded;
	return sum;
}

static void compare_row(const char *label, const char *before, const char *after)
{
	say_line("%-22s  %14s  %14s", label, before, after);
}

static void compare_counts(const char *label, size_t before, size_t after)
{
	char x[HUMAN_MAX], y[HUMAN_MAX];

	snprintf(x, sizeof(x), "%zu", before);
	snprintf(y, sizeof(y), "%zu", after);
	compare_row(label, x, y);
}

static void compare_times(const struct build_account *b, const struct build_account *a)
{
	static const char *const labels[] = {
		"time",
		"building",
		"only copying",
		"only asking caches",
		"only failed downloads",
		"other work",
	};
	const struct build_account_times *x = &b->times, *y = &a->times;
	const uint64_t values[][2] = {
		{ x->total, y->total },	    { x->building, y->building },
		{ x->copying, y->copying }, { x->asking, y->asking },
		{ x->failing, y->failing }, { x->other, y->other },
	};
	char before[HUMAN_MAX], after[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		compare_row(labels[i],
			    b->has_times ? duration(before, values[i][0]) : "?",
			    a->has_times ? duration(after, values[i][1]) : "?");
}

/* The builds of B whose derivation is not in A, but one of the same name is. */
static size_t changed_inputs(const struct build_account *a, const struct build_account *b)
{
	struct map drvs, names;
	size_t count = 0;
	bool is_new;

	map_init(&drvs);
	map_init(&names);
	for (size_t i = 0; i < a->nbuilds; i++) {
		*map_put(&drvs, a->builds[i].drv, &is_new) = 1;
		*map_put(&names, short_name(a->builds[i].drv), &is_new) = 1;
	}
	for (size_t i = 0; i < b->nbuilds; i++)
		count += !map_get(&drvs, b->builds[i].drv) &&
			 map_get(&names, short_name(b->builds[i].drv));
	map_release(&drvs);
	map_release(&names);
	return count;
}

void explain_report_compare(const struct explain_log *before,
			    const struct explain_log *after)
{
	const struct build_account *b = before->account, *a = after->account;
	size_t changed = changed_inputs(b, a);
	char x[HUMAN_MAX], y[HUMAN_MAX];

	compare_row("", "before", "after");
	compare_counts("paths copied", b->ncopies, a->ncopies);
	compare_row("downloaded", human_size(x, downloaded(b)),
		    human_size(y, downloaded(a)));
	compare_counts("derivations built", b->nbuilds, a->nbuilds);
	compare_times(b, a);
	if (changed)
		say_line("%zu %s in both logs with the same name and other inputs",
			 changed, plural(changed, "build is", "builds are"));
}

/* ---- JSON ---- */

static void add_time(struct json_doc *doc, const char *key, const struct build_account *a,
		     uint64_t ms)
{
	if (a->has_times)
		json_add_number(doc, key, ms);
	else
		json_add_null(doc, key);
}

static void add_size(struct json_doc *doc, const char *key, uint64_t size)
{
	if (size)
		json_add_number(doc, key, size);
	else
		json_add_null(doc, key);
}

static void add_caches(struct json_doc *doc, const struct build_account *a)
{
	json_begin_array(doc, "caches");
	for (size_t i = 0; i < a->ncaches; i++) {
		const struct build_account_cache *c = &a->caches[i];

		json_begin_object(doc, NULL);
		json_add_slice(doc, "url", c->name);
		json_add_number(doc, "paths", c->copies);
		add_size(doc, "downloadedBytes", c->downloaded);
		add_time(doc, "copyMilliseconds", a, c->busy_ms);
		json_add_number(doc, "failures", c->failures);
		json_add_number(doc, "retryMilliseconds", c->retry_ms);
		add_time(doc, "failedMilliseconds", a, c->failed_ms);
		if (c->failures)
			json_add_slice(doc, "cause", c->why);
		else
			json_add_null(doc, "cause");
		json_end(doc);
	}
	json_end(doc);
}

static void add_copies(struct json_doc *doc, const struct build_account *a)
{
	json_begin_array(doc, "copies");
	for (size_t i = 0; i < a->ncopies; i++) {
		const struct build_account_copy *c = &a->copies[i];

		json_begin_object(doc, NULL);
		json_add_slice(doc, "path", c->path);
		json_add_slice(doc, "cache", a->caches[c->cache].name);
		add_size(doc, "narSize", c->nar_size);
		add_time(doc, "startMilliseconds", a, c->from_ms);
		add_time(doc, "milliseconds", a, c->to_ms - c->from_ms);
		json_end(doc);
	}
	json_end(doc);
}

static void add_builds(struct json_doc *doc, const struct build_account *a)
{
	static const char *const states[] = {
		[BUILD_ACCOUNT_STARTED] = "started",
		[BUILD_ACCOUNT_ENDED] = "ended",
		[BUILD_ACCOUNT_FAILED] = "failed",
	};
	static const char *const reasons[] = {
		[BUILD_ACCOUNT_UNKNOWN] = "unknown",
		[BUILD_ACCOUNT_IN_NO_CACHE] = "in-no-cache",
		[BUILD_ACCOUNT_NOT_ASKED] = "not-asked",
	};

	json_begin_array(doc, "builds");
	for (size_t i = 0; i < a->nbuilds; i++) {
		const struct build_account_build *b = &a->builds[i];

		json_begin_object(doc, NULL);
		json_add_slice(doc, "derivation", b->drv);
		json_add_slice(doc, "machine", b->machine);
		json_add_str(doc, "state", states[b->state]);
		json_add_str(doc, "cause", reasons[b->reason]);
		add_time(doc, "startMilliseconds", a, b->from_ms);
		add_time(doc, "milliseconds", a, took(b));
		json_end(doc);
	}
	json_end(doc);
}

void explain_report_add_json(const struct explain_log *log, struct json_doc *doc)
{
	const struct build_account *a = log->account;

	json_begin_object(doc, NULL);
	json_add_str(doc, "name", log->name);
	add_time(doc, "totalMilliseconds", a, a->times.total);
	add_time(doc, "buildingMilliseconds", a, a->times.building);
	add_time(doc, "onlyCopyingMilliseconds", a, a->times.copying);
	add_time(doc, "onlyAskingMilliseconds", a, a->times.asking);
	add_time(doc, "onlyFailingMilliseconds", a, a->times.failing);
	add_time(doc, "otherMilliseconds", a, a->times.other);
	add_caches(doc, a);
	add_copies(doc, a);
	add_builds(doc, a);
	json_add_number(doc, "unreadableLines", a->broken);
	json_end(doc);
}
