#include "cmd/plan_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "cmd/human.h"
#include "cmd/plan_sums.h"
#include "cmd/run_report.h"

#define LARGEST_SHOWN 5
#define LINES_SHOWN   20

static uint64_t round_up(double seconds)
{
	uint64_t whole = (uint64_t)seconds;

	return whole + (seconds > (double)whole);
}

/* ---- for people ---- */

static void print_names(const struct plan_cache *c)
{
	for (size_t i = 0; i < c->by_count; i++)
		printf("%s%s", i ? ", " : "  vouched for by ", c->by[i]);
}

static void print_caches(const struct plan *p, const struct plan_sums *s)
{
	char download[HUMAN_MAX], nar[HUMAN_MAX];

	for (size_t i = 0; i < s->cache_count; i++) {
		const struct fetch_cache_stats *c = &query_result(p->query)->caches[i];
		const struct plan_cache *sums = &s->caches[i];

		printf("    %-40s %6zu  %10s  %10s", c->url, sums->paths,
		       human_size(download, sums->download), human_size(nar, sums->nar));
		if (sums->by_count)
			print_names(sums);
		else if (c->last_failure)
			printf("  %s", c->last_failure);
		putchar('\n');
	}
}

static void print_time(const struct plan *p, const struct plan_sums *s)
{
	char speed[HUMAN_MAX], time[HUMAN_MAX];
	double seconds;

	if (estimate_seconds(s->speeds, s->cache_count, &seconds))
		printf("    takes about %s, at the speeds that were measured:\n",
		       human_duration(time, round_up(seconds)));
	for (size_t i = 0; i < s->cache_count; i++) {
		const struct estimate_cache *c = &s->speeds[i];
		const char *url = query_result(p->query)->caches[i].url;

		if (c->local || !c->bytes)
			continue;
		if (c->throughput)
			printf("      %s: %s/s\n", url, human_size(speed, c->throughput));
		else
			printf("      %s: not measured yet (nixferry caches does)\n",
			       url);
	}
}

static const char *reason_text(const struct missing_node *node)
{
	switch (missing_reason(node)) {
	case MISSING_NOT_ALLOWED:
		return "allowSubstitutes = false";
	case MISSING_FLOATING:
		return "its outputs' paths are known only after building";
	case MISSING_NO_CACHE:
		break;
	}
	return "in no cache";
}

static void print_builds(const struct plan *p)
{
	size_t count;
	const uint32_t *ids = missing_builds(p->missing, &count);

	if (count)
		printf("\n  must be built: %zu\n", count);
	for (size_t i = 0; i < count && i < LINES_SHOWN; i++) {
		const struct missing_node *node = missing_node(p->missing, ids[i]);

		printf("    " NF_STORE_DIR "/%s  (%s)\n", node->base, reason_text(node));
	}
	if (count > LINES_SHOWN)
		printf("    and %zu more (--json lists all)\n", count - LINES_SHOWN);
}

static const char *unknown_text(const struct plan *p, uint32_t id)
{
	const struct resolver_node *n = query_node(p->query, id);

	if (n && n->why_text)
		return n->why_text;
	if (missing_node(p->missing, id)->state == MISSING_NOWHERE)
		return "in no cache, and nobody knows how to build it";
	return "not in the local store, where derivations are read";
}

static void print_unknown(const struct plan *p)
{
	size_t total = missing_totals(p->missing).unknown, shown = 0;

	if (total)
		printf("\n  unknown: %zu\n", total);
	for (uint32_t id = 0; id < missing_count(p->missing) && shown < LINES_SHOWN;
	     id++) {
		const struct missing_node *node = missing_node(p->missing, id);

		if (!node->unknown)
			continue;
		printf("    " NF_STORE_DIR "/%s  (%s)\n", node->base,
		       unknown_text(p, id));
		shown++;
	}
	if (total > shown)
		printf("    and %zu more (--json lists all)\n", total - shown);
}

static void print_largest(const struct plan *p, const struct plan_sums *s)
{
	char size[HUMAN_MAX];

	printf("\n  the largest, unpacked\n");
	for (size_t i = 0; i < s->fetch_count && i < LARGEST_SHOWN; i++) {
		const struct missing_node *node = missing_node(p->missing, s->fetches[i]);

		printf("    %10s  %s\n", human_size(size, node->nar_size), node->base);
	}
}

void plan_print(const struct plan *p)
{
	AUTO(plan_sums_release) struct plan_sums s = { 0 };
	char download[HUMAN_MAX], nar[HUMAN_MAX];

	plan_sums_init(&s, p);
	printf("  %-42s %6s  %10s  %10s\n", "", "paths", "download", "unpacked");
	printf("  %-42s %6zu\n", "here, with all that they need", s.here);
	printf("  %-42s %6zu  %10s  %10s\n", "in the pool", s.pool, "",
	       human_size(nar, s.pool_nar));
	printf("  %-42s %6zu  %10s  %10s\n", "to be fetched", s.fetch_count,
	       human_size(download, s.download), human_size(nar, s.fetch_nar));
	print_caches(p, &s);
	if (s.unsized)
		printf("    of %zu of them no cache says how large the download is\n",
		       s.unsized);
	if (s.fetch_count) {
		print_time(p, &s);
		print_largest(p, &s);
	}
	print_builds(p);
	print_unknown(p);
}

/* ---- JSON ---- */

static void add_path(struct json_doc *doc, const char *key, const char *base)
{
	AUTO_FREE char *path = mem_printf(NF_STORE_DIR "/%s", base);

	json_add_str(doc, key, path);
}

static void add_sources(struct json_doc *doc, const struct plan *p,
			const struct resolver_node *n)
{
	const struct fetch_result *r = query_result(p->query);

	json_begin_array(doc, "sources");
	for (const struct resolver_source *s = n ? n->sources : NULL; s; s = s->next) {
		json_begin_object(doc, NULL);
		json_add_str(doc, "cache", r->caches[s->cache].url);
		json_add_number(doc, "downloadSize", s->file_size);
		json_add_str(doc, "compression", s->compression);
		json_end(doc);
	}
	json_end(doc);
}

static void begin_node(struct json_doc *doc, const struct missing_node *node,
		       const char *status)
{
	json_begin_object(doc, NULL);
	add_path(doc, "path", node->base);
	json_add_str(doc, "status", status);
}

static void add_fetch(struct json_doc *doc, const struct plan *p,
		      const struct plan_sums *s, uint32_t id)
{
	const struct missing_node *node = missing_node(p->missing, id);
	const struct resolver_node *n = query_node(p->query, id);
	const struct resolver_source *from = s->sources[id];

	begin_node(doc, node, n && n->here ? "pool" : "fetch");
	json_add_number(doc, "narSize", node->nar_size);
	json_add_str(doc, "trustedBy", n && n->by ? n->by : "");
	if (from)
		json_add_str(doc, "cache",
			     query_result(p->query)->caches[from->cache].url);
	add_sources(doc, p, n);
	json_end(doc);
}

/* A path may be in more than one of the sets, as with Nix: a derivation that is not
 * here is unknown as such, while what refers to it has it fetched. */
static void add_node(struct json_doc *doc, const struct plan *p,
		     const struct plan_sums *s, uint32_t id)
{
	const struct missing_node *node = missing_node(p->missing, id);
	bool here = node->state == MISSING_VALID || node->state == MISSING_READ;

	if (node->substitute)
		add_fetch(doc, p, s, id);
	if (node->build || node->unknown) {
		begin_node(doc, node, node->build ? "build" : "unknown");
		json_add_str(doc, "why",
			     node->build ? reason_text(node) : unknown_text(p, id));
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
	for (size_t k = 0; k < c->by_count; k++)
		json_add_str(doc, NULL, c->by[k]);
	json_end(doc);
	if (s->speeds[i].throughput)
		json_add_number(doc, "bytesPerSecond", s->speeds[i].throughput);
	else
		json_add_null(doc, "bytesPerSecond");
	if (stats->last_failure)
		json_add_str(doc, "lastFailure", stats->last_failure);
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
	struct missing_totals t = missing_totals(p->missing);

	plan_sums_init(&s, p);
	json_add_number(doc, "here", s.here);
	json_add_number(doc, "inPool", s.pool);
	json_add_number(doc, "fetch", s.fetch_count);
	json_add_number(doc, "build", t.build);
	json_add_number(doc, "unknown", t.unknown);
	json_add_number(doc, "downloadSize", s.download);
	json_add_number(doc, "narSize", s.fetch_nar);
	add_caches(doc, p, &s);
	json_begin_array(doc, "paths");
	for (uint32_t id = 0; id < missing_count(p->missing); id++)
		add_node(doc, p, &s, id);
	json_end(doc);
	run_report_add_disputes(doc, query_result(p->query));
	json_print(doc, stdout);
}

/* ---- why ---- */

/* The target first: the chain is kept the other way round. */
static void print_chain(const struct plan *p, const struct missing_request *r)
{
	const struct missing_request *chain[64];
	size_t n = 0;

	for (; r && n < ARRAY_SIZE(chain); r = r->parent)
		chain[n++] = r;
	if (r)
		printf("...\n");
	for (size_t depth = 0; n; depth++) {
		r = chain[--n];
		printf("%*s%s" NF_STORE_DIR "/%s%s%s\n", (int)(2 * depth), "",
		       depth ? "needs " : "", missing_node(p->missing, r->node)->base,
		       r->outputs ? "!" : "", r->outputs ? r->outputs : "");
	}
}

int plan_print_why(const struct plan *p, const struct nf_storepath *path,
		   struct nf_err *err)
{
	uint32_t id = missing_find(p->missing, path);
	const struct missing_node *node =
		id == MISSING_NONE ? NULL : missing_node(p->missing, id);

	if (!node || !node->build)
		return err_set(err, NF_E_USAGE, "'%s' is not among what must be built",
			       path->base);
	print_chain(p, node->why);
	printf("it must be built: %s\n", reason_text(node));
	return 0;
}

int plan_verdict(const struct plan *p, struct nf_err *err)
{
	struct missing_totals t = missing_totals(p->missing);

	for (uint32_t id = 0; id < missing_count(p->missing); id++) {
		const struct resolver_node *n = query_node(p->query, id);

		if (missing_node(p->missing, id)->unknown && n && n->why)
			return err_set(err, (enum nf_error)n->why, "path '%s': %s",
				       n->base, n->why_text);
	}
	if (t.unknown)
		return err_set(err, NF_E_MISSING,
			       "%zu %s in no cache, and nobody knows how to build %s",
			       t.unknown, plural(t.unknown, "path is", "paths are"),
			       plural(t.unknown, "it", "them"));
	if (t.build)
		return err_set(err, NF_E_MISSING, "%zu %s would have to be built",
			       t.build, plural(t.build, "derivation", "derivations"));
	return 0;
}
