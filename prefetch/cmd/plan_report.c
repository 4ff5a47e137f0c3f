#include "cmd/plan_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "cmd/human.h"
#include "cmd/plan_sums.h"
#include "cmd/run_report.h"
#include "cmd/say.h"

#define LARGEST_SHOWN 5

static uint64_t round_up(double seconds)
{
	uint64_t whole = (uint64_t)seconds;

	return whole + (seconds > (double)whole);
}

/* ---- text ---- */

#define LINE_MAX_SHOWN 8192

static void add_names(struct buf *line, const struct plan_cache *c)
{
	for (size_t i = 0; i < c->voucher_count; i++)
		buf_addf(line, "%s%s", i ? ", " : "  vouched for by ", c->vouchers[i]);
}

static void print_caches(const struct plan *p, const struct plan_sums *s)
{
	char download[HUMAN_MAX], nar[HUMAN_MAX];

	for (size_t i = 0; i < s->cache_count; i++) {
		const struct fetch_cache_stats *c = &query_result(p->query)->caches[i];
		const struct plan_cache *sums = &s->caches[i];
		AUTO_BUF struct buf line = { 0 };

		buf_init(&line, LINE_MAX_SHOWN);
		buf_addf(&line, "    %-40s %6zu  %10s  %10s", c->url, sums->paths,
			 human_size(download, sums->download),
			 human_size(nar, sums->nar));
		if (sums->voucher_count)
			add_names(&line, sums);
		else if (c->last_failure)
			buf_addf(&line, "  %s", c->last_failure);
		say_line("%.*s", NF_SLICE_ARG(buf_slice(&line)));
	}
}

static void print_time(const struct plan *p, const struct plan_sums *s)
{
	char speed[HUMAN_MAX], time[HUMAN_MAX];
	double seconds;

	if (estimate_seconds(s->speeds, s->cache_count, &seconds))
		say_line("    takes about %s at the measured speeds:",
			 human_duration(time, round_up(seconds)));
	for (size_t i = 0; i < s->cache_count; i++) {
		const struct estimate_cache *c = &s->speeds[i];
		const char *url = query_result(p->query)->caches[i].url;

		if (c->local || !c->bytes)
			continue;
		if (c->throughput)
			say_line("      %s: %s/s", url, human_size(speed, c->throughput));
		else
			say_line("      %s: not measured yet ('nixferry caches' does)",
				 url);
	}
}

static void print_largest(const struct plan *p, const struct plan_sums *s)
{
	char size[HUMAN_MAX];

	say_line("%s", "");
	say_line("  largest, unpacked");
	for (size_t i = 0; i < s->fetch_count && i < LARGEST_SHOWN; i++) {
		const struct planner_node *node = planner_node(p->planner, s->fetches[i]);

		say_line("    %10s  %s", human_size(size, node->nar_size), node->base);
	}
}

void plan_print(const struct plan *p)
{
	AUTO(plan_sums_release) struct plan_sums s = { 0 };
	char download[HUMAN_MAX], nar[HUMAN_MAX];

	plan_sums_init(&s, p);
	say_line("  %-42s %6s  %10s  %10s", "", "paths", "download", "unpacked");
	say_line("  %-42s %6zu", "present, with their closures", s.here);
	if (s.derivations)
		say_line("  %-42s %6zu", "derivations read", s.derivations);
	say_line("  %-42s %6zu  %10s  %10s", "in the pool", s.pool, "",
		 human_size(nar, s.pool_nar));
	say_line("  %-42s %6zu  %10s  %10s", "to be fetched", s.fetch_count,
		 human_size(download, s.download), human_size(nar, s.fetch_nar));
	print_caches(p, &s);
	if (s.race)
		say_line(
			"    up to %s more where caches race for a NAR (none with --no-race)",
			human_size(download, s.race));
	if (s.unsized)
		say_line("    the download size of %zu of them is not known", s.unsized);
	if (s.fetch_count) {
		print_time(p, &s);
		print_largest(p, &s);
	}
	plan_causes_print(p->causes);
}

/* ---- JSON ---- */

static void add_path(struct json_doc *doc, const char *key, const char *base)
{
	AUTO_FREE char *path = mem_printf(NF_STORE_DIR "/%s", base);

	json_add_str(doc, key, path);
}

static void add_offers(struct json_doc *doc, const struct plan *p,
		       const struct resolver_node *n)
{
	const struct fetch_result *r = query_result(p->query);

	json_begin_array(doc, "sources");
	for (const struct resolver_offer *s = n ? n->offers : NULL; s; s = s->next) {
		json_begin_object(doc, NULL);
		json_add_str(doc, "cache", r->caches[s->cache].url);
		json_add_number(doc, "downloadSize", s->file_size);
		json_add_str(doc, "compression", s->compression);
		json_end(doc);
	}
	json_end(doc);
}

static void begin_node(struct json_doc *doc, const struct planner_node *node,
		       const char *status)
{
	json_begin_object(doc, NULL);
	add_path(doc, "path", node->base);
	json_add_str(doc, "status", status);
}

static void add_fetch(struct json_doc *doc, const struct plan *p,
		      const struct plan_sums *s, uint32_t id)
{
	const struct planner_node *node = planner_node(p->planner, id);
	const struct resolver_node *n = query_node(p->query, id);
	const struct resolver_offer *from = s->offers[id];

	begin_node(doc, node, n && n->here ? "pool" : "fetch");
	json_add_number(doc, "narSize", node->nar_size);
	json_add_str(doc, "trustedBy", n && n->vouched_by ? n->vouched_by : "");
	if (from)
		json_add_str(doc, "cache",
			     query_result(p->query)->caches[from->cache].url);
	add_offers(doc, p, n);
	json_end(doc);
}

static void add_why(struct json_doc *doc, const struct plan *p, uint32_t id)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, PLAN_CAUSE_WORDS_MAX);
	plan_causes_detail(p->causes, id, &text);
	json_add_slice(doc, "why", buf_slice(&text));
}

/* As in Nix, a path may be in more than one of the sets: a missing derivation is unknown,
 * but may also be fetched because a path refers to it. */
static void add_node(struct json_doc *doc, const struct plan *p,
		     const struct plan_sums *s, uint32_t id)
{
	const struct planner_node *node = planner_node(p->planner, id);
	bool here = node->state == PLANNER_VALID || node->state == PLANNER_READ;

	if (node->substitute)
		add_fetch(doc, p, s, id);
	if (node->build || node->unknown) {
		begin_node(doc, node, node->build ? "build" : "unknown");
		add_why(doc, p, id);
		plan_causes_add_node(p->causes, doc, id);
		json_end(doc);
	} else if (here) {
		begin_node(doc, node, "here");
		json_end(doc);
	}
}

static void add_cache(struct json_doc *doc, const struct plan *p,
		      const struct plan_sums *s, size_t i)
{
	const struct fetch_cache_stats *stats = &query_result(p->query)->caches[i];
	const struct plan_cache *c = &s->caches[i];

	json_begin_object(doc, NULL);
	json_add_str(doc, "url", stats->url);
	json_add_number(doc, "paths", c->paths);
	json_add_number(doc, "downloadSize", c->download);
	json_add_number(doc, "narSize", c->nar);
	json_begin_array(doc, "trustedBy");
	for (size_t k = 0; k < c->voucher_count; k++)
		json_add_str(doc, NULL, c->vouchers[k]);
	json_end(doc);
	if (s->speeds[i].throughput)
		json_add_number(doc, "bytesPerSecond", s->speeds[i].throughput);
	else
		json_add_null(doc, "bytesPerSecond");
	if (stats->last_failure)
		json_add_str(doc, "lastFailure", stats->last_failure);
	if (stats->left_out)
		json_add_str(doc, "leftOut", stats->left_out);
	json_end(doc);
}

static void add_caches(struct json_doc *doc, const struct plan *p,
		       const struct plan_sums *s)
{
	double seconds;

	if (estimate_seconds(s->speeds, s->cache_count, &seconds))
		json_add_number(doc, "estimatedSeconds", round_up(seconds));
	else
		json_add_null(doc, "estimatedSeconds");
	json_begin_array(doc, "caches");
	for (size_t i = 0; i < s->cache_count; i++)
		add_cache(doc, p, s, i);
	json_end(doc);
}

void plan_print_json(const struct plan *p)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	AUTO(plan_sums_release) struct plan_sums s = { 0 };
	struct planner_totals t = planner_totals(p->planner);

	plan_sums_init(&s, p);
	json_add_number(doc, "here", s.here);
	json_add_number(doc, "derivations", s.derivations);
	json_add_number(doc, "inPool", s.pool);
	json_add_number(doc, "fetch", s.fetch_count);
	json_add_number(doc, "build", t.build);
	json_add_number(doc, "unknown", t.unknown);
	json_add_number(doc, "downloadSize", s.download);
	json_add_number(doc, "raceSize", s.race);
	json_add_number(doc, "narSize", s.fetch_nar);
	add_caches(doc, p, &s);
	json_begin_array(doc, "paths");
	for (uint32_t id = 0; id < planner_count(p->planner); id++)
		add_node(doc, p, &s, id);
	json_end(doc);
	plan_causes_add_json(p->causes, doc);
	run_report_add_forbidden(doc, query_result(p->query));
	run_report_add_disputes(doc, query_result(p->query));
	json_print(doc, stdout);
}

/* ---- why ---- */

#define CHAIN_SHOWN 64

/* The installable first: requests are stored in the opposite order. Returns the
 * length. */
static size_t read_chain(const struct planner_request *r,
			 const struct planner_request *ret[CHAIN_SHOWN], bool *ret_cut)
{
	size_t n = 0;

	for (; r && n < CHAIN_SHOWN; r = r->parent)
		ret[n++] = r;
	*ret_cut = r != NULL;
	for (size_t i = 0; i < n / 2; i++) {
		const struct planner_request *other = ret[n - 1 - i];

		ret[n - 1 - i] = ret[i];
		ret[i] = other;
	}
	return n;
}

static void print_chain(const struct plan *p, const struct planner_request *r)
{
	const struct planner_request *chain[CHAIN_SHOWN];
	bool cut;
	size_t n = read_chain(r, chain, &cut);

	if (cut)
		say_line("...");
	for (size_t depth = 0; depth < n; depth++) {
		r = chain[depth];
		say_line("%*s%s" NF_STORE_DIR "/%s%s%s", (int)(2 * depth), "",
			 depth ? "needs " : "", planner_node(p->planner, r->node)->base,
			 r->outputs ? "!" : "", r->outputs ? r->outputs : "");
	}
}

static void print_cause(const struct plan *p, uint32_t id)
{
	const struct planner_node *node = planner_node(p->planner, id);
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, PLAN_CAUSE_WORDS_MAX);
	plan_causes_detail(p->causes, id, &text);
	say_line("%s: %.*s", node->build ? "it must be built" : "it is unknown",
		 NF_SLICE_ARG(buf_slice(&text)));
	buf_clear(&text);
	plan_causes_remedy(p->causes, id, &text);
	if (text.len)
		say_line("hint: %.*s", NF_SLICE_ARG(buf_slice(&text)));
}

static void add_chain(struct json_doc *doc, const struct plan *p,
		      const struct planner_request *r)
{
	const struct planner_request *chain[CHAIN_SHOWN];
	bool cut;
	size_t n = read_chain(r, chain, &cut);

	json_add_bool(doc, "chainIsCut", cut);
	json_begin_array(doc, "chain");
	for (size_t i = 0; i < n; i++) {
		json_begin_object(doc, NULL);
		add_path(doc, "path", planner_node(p->planner, chain[i]->node)->base);
		if (chain[i]->outputs)
			json_add_str(doc, "outputs", chain[i]->outputs);
		json_end(doc);
	}
	json_end(doc);
}

static bool is_gap(const struct planner_node *node)
{
	return node->build || node->unknown;
}

static bool has_output(const struct planner_node *node, uint32_t output)
{
	for (size_t i = 0; node->build && i < node->drv->noutputs; i++)
		if (node->drv->outputs[i].node == output)
			return true;
	return false;
}

/* The node for PATH, or for the derivation with the output PATH; or PLANNER_NONE. */
static uint32_t find_gap(const struct plan *p, const struct nf_storepath *path)
{
	uint32_t id = planner_find(p->planner, path);

	if (id == PLANNER_NONE || is_gap(planner_node(p->planner, id)))
		return id;
	for (uint32_t drv = 0; drv < planner_count(p->planner); drv++)
		if (has_output(planner_node(p->planner, drv), id))
			return drv;
	return PLANNER_NONE;
}

int plan_print_why(const struct plan *p, const struct nf_storepath *path,
		   struct json_doc *doc, struct nf_err *err)
{
	uint32_t id = find_gap(p, path);
	const struct planner_node *node;

	if (id == PLANNER_NONE)
		return err_set(err, NF_E_USAGE, "'%s' does not have to be built",
			       path->base);
	node = planner_node(p->planner, id);
	if (!doc) {
		print_chain(p, node->why);
		print_cause(p, id);
		return 0;
	}
	add_path(doc, "path", node->base);
	json_add_str(doc, "status", node->build ? "build" : "unknown");
	plan_causes_add_node(p->causes, doc, id);
	add_chain(doc, p, node->why);
	return 0;
}

/* Finds a node for which a cache reported that error. */
static const struct resolver_node *find_unknown(const struct plan *p, int code)
{
	for (uint32_t id = 0; id < planner_count(p->planner); id++) {
		const struct resolver_node *n = query_node(p->query, id);

		if (planner_node(p->planner, id)->unknown && n && n->why == code)
			return n;
	}
	return NULL;
}

int plan_verdict(const struct plan *p, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	const struct resolver_node *n;
	int code;

	if (plan_causes_count(p->causes) == 0)
		return 0;
	code = plan_causes_code(p->causes, 0);
	n = find_unknown(p, code);
	if (n)
		return err_set(err, (enum nf_error)code, "path '%s': %s", n->base,
			       n->why_text);
	buf_init(&text, PLAN_CAUSE_WORDS_MAX);
	plan_causes_group(p->causes, 0, &text);
	return err_set(err, (enum nf_error)code, "%.*s", NF_SLICE_ARG(buf_slice(&text)));
}
