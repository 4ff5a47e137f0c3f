#include "cmd/plan_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/human.h"
#include "cmd/run_report.h"
#include "plan/estimate.h"

#define LARGEST_SHOWN 5
#define LINES_SHOWN   20

/* ---- sums ---- */

struct sums {
	size_t here, pool, fetch;
	uint64_t pool_nar, fetch_nar, download;
	size_t unsized; /* to be fetched, but no cache says how large the download is */
};

/* Per cache: what would come from it if the best source of each path is taken. */
struct cache_sums {
	size_t paths;
	uint64_t download, nar;
	const char *by; /* who vouches for the first of them */
	bool mixed;	/* and somebody else for another */
};

static const struct resolver_source *best_source(const struct resolver_node *n)
{
	return n ? n->sources : NULL;
}

static struct sums add_up(const struct plan *p)
{
	struct sums s = { 0 };

	for (uint32_t id = 0; id < missing_count(p->missing); id++) {
		const struct missing_node *node = missing_node(p->missing, id);
		const struct resolver_node *n = query_node(p->query, id);

		s.here += node->state == MISSING_VALID || node->state == MISSING_READ;
		if (!node->substitute)
			continue;
		if (n && n->in_pool) {
			s.pool++;
			s.pool_nar += node->nar_size;
			continue;
		}
		s.fetch++;
		s.fetch_nar += node->nar_size;
		s.download += node->download_size;
		s.unsized += node->download_size == 0;
	}
	return s;
}

static struct cache_sums *sums_by_cache(const struct plan *p, size_t count)
{
	struct cache_sums *sums = mem_calloc(count, sizeof(*sums));

	for (uint32_t id = 0; id < missing_count(p->missing); id++) {
		const struct missing_node *node = missing_node(p->missing, id);
		const struct resolver_node *n = query_node(p->query, id);
		const struct resolver_source *source = best_source(n);
		struct cache_sums *c;

		if (!node->substitute || !source || n->in_pool || source->cache >= count)
			continue;
		c = &sums[source->cache];
		c->paths++;
		c->nar += node->nar_size;
		c->download += source->file_size;
		if (!c->by)
			c->by = n->by;
		c->mixed |= strcmp(c->by, n->by) != 0;
	}
	return sums;
}

/* ---- time ---- */

static uint64_t round_up(double seconds)
{
	uint64_t whole = (uint64_t)seconds;

	return whole + (seconds > (double)whole);
}

/* What is on this machine is not waited for. */
static struct estimate_share *shares(const struct plan *p, size_t count)
{
	AUTO_FREE struct cache_sums *sums = sums_by_cache(p, count);
	struct estimate_share *list = mem_calloc(count, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		const struct profile_entry *known =
			profile_find(p->profile, query_result(p->query)->caches[i].url);

		if (query_result(p->query)->caches[i].local)
			continue;
		list[i].bytes = sums[i].download;
		list[i].throughput = known ? known->throughput : 0;
		list[i].latency_us = known ? known->latency_us : 0;
	}
	return list;
}

/* ---- for people ---- */

static void print_caches(const struct plan *p)
{
	const struct fetch_result *r = query_result(p->query);
	AUTO_FREE struct cache_sums *sums = sums_by_cache(p, r->cache_count);
	char download[HUMAN_MAX], nar[HUMAN_MAX];

	for (size_t i = 0; i < r->cache_count; i++) {
		const struct fetch_cache_stats *c = &r->caches[i];

		printf("    %-40s %6zu  %10s  %10s", c->url, sums[i].paths,
		       human_size(download, sums[i].download),
		       human_size(nar, sums[i].nar));
		if (sums[i].by)
			printf("  vouched for by %s%s", sums[i].by,
			       sums[i].mixed ? " and others" : "");
		else if (c->last_failure)
			printf("  %s", c->last_failure);
		putchar('\n');
	}
}

static void print_time(const struct plan *p)
{
	const struct fetch_result *r = query_result(p->query);
	AUTO_FREE struct estimate_share *list = shares(p, r->cache_count);
	char speed[HUMAN_MAX], time[HUMAN_MAX];
	double seconds;

	if (estimate_seconds(list, r->cache_count, &seconds))
		printf("    takes about %s, at the speeds that were measured:\n",
		       human_duration(time, round_up(seconds)));
	for (size_t i = 0; i < r->cache_count; i++) {
		if (!list[i].bytes)
			continue;
		if (list[i].throughput)
			printf("      %s: %s/s\n", r->caches[i].url,
			       human_size(speed, list[i].throughput));
		else
			printf("      %s: not measured yet (nixferry caches does)\n",
			       r->caches[i].url);
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

	return n && n->why_text ? n->why_text
				: "in no cache, and nobody knows how to build it";
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

static int larger_first(const void *a, const void *b)
{
	const struct missing_node *x = *(const struct missing_node *const *)a;
	const struct missing_node *y = *(const struct missing_node *const *)b;

	if (x->nar_size != y->nar_size)
		return x->nar_size < y->nar_size ? 1 : -1;
	return strcmp(x->base, y->base);
}

static void print_largest(const struct plan *p, size_t fetch)
{
	AUTO_FREE const struct missing_node **list = mem_calloc(fetch, sizeof(*list));
	char size[HUMAN_MAX];
	size_t n = 0;

	for (uint32_t id = 0; id < missing_count(p->missing) && n < fetch; id++) {
		const struct resolver_node *known = query_node(p->query, id);
		const struct missing_node *node = missing_node(p->missing, id);

		if (node->substitute && !(known && known->in_pool))
			list[n++] = node;
	}
	qsort(list, n, sizeof(*list), larger_first);
	printf("\n  the largest, unpacked\n");
	for (size_t i = 0; i < n && i < LARGEST_SHOWN; i++)
		printf("    %10s  %s\n", human_size(size, list[i]->nar_size),
		       list[i]->base);
}

void plan_print(const struct plan *p)
{
	struct sums s = add_up(p);
	char download[HUMAN_MAX], nar[HUMAN_MAX];

	printf("  %-42s %6s  %10s  %10s\n", "", "paths", "download", "unpacked");
	printf("  %-42s %6zu\n", "here, with all that they need", s.here);
	printf("  %-42s %6zu  %10s  %10s\n", "in the pool", s.pool, "",
	       human_size(nar, s.pool_nar));
	printf("  %-42s %6zu  %10s  %10s\n", "to be fetched", s.fetch,
	       human_size(download, s.download), human_size(nar, s.fetch_nar));
	print_caches(p);
	if (s.unsized)
		printf("    of %zu of them no cache says how large the download is\n",
		       s.unsized);
	if (s.fetch) {
		print_time(p);
		print_largest(p, s.fetch);
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

static const char *status_of(const struct missing_node *node,
			     const struct resolver_node *n)
{
	if (node->unknown)
		return "unknown";
	if (node->build)
		return "build";
	if (node->substitute)
		return n && n->in_pool ? "pool" : "fetch";
	return "here";
}

static void add_node(struct json_doc *doc, const struct plan *p, uint32_t id)
{
	const struct missing_node *node = missing_node(p->missing, id);
	const struct resolver_node *n = query_node(p->query, id);

	json_begin_object(doc, NULL);
	add_path(doc, "path", node->base);
	json_add_str(doc, "status", status_of(node, n));
	if (node->substitute) {
		json_add_number(doc, "narSize", node->nar_size);
		json_add_str(doc, "trustedBy", n && n->by ? n->by : "");
		add_sources(doc, p, n);
	}
	if (node->build)
		json_add_str(doc, "why", reason_text(node));
	if (node->unknown)
		json_add_str(doc, "why", unknown_text(p, id));
	json_end(doc);
}

static void add_time(struct json_doc *doc, const struct plan *p)
{
	const struct fetch_result *r = query_result(p->query);
	AUTO_FREE struct estimate_share *list = shares(p, r->cache_count);
	double seconds;

	if (estimate_seconds(list, r->cache_count, &seconds))
		json_add_number(doc, "estimatedSeconds", round_up(seconds));
	else
		json_add_null(doc, "estimatedSeconds");
	json_begin_array(doc, "caches");
	for (size_t i = 0; i < r->cache_count; i++) {
		json_begin_object(doc, NULL);
		json_add_str(doc, "url", r->caches[i].url);
		json_add_number(doc, "downloadSize", list[i].bytes);
		if (list[i].throughput)
			json_add_number(doc, "bytesPerSecond", list[i].throughput);
		else
			json_add_null(doc, "bytesPerSecond");
		json_end(doc);
	}
	json_end(doc);
}

void plan_print_json(const struct plan *p)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	struct missing_totals t = missing_totals(p->missing);
	struct sums s = add_up(p);

	json_add_number(doc, "here", s.here);
	json_add_number(doc, "inPool", s.pool);
	json_add_number(doc, "fetch", s.fetch);
	json_add_number(doc, "build", t.build);
	json_add_number(doc, "unknown", t.unknown);
	json_add_number(doc, "downloadSize", s.download);
	json_add_number(doc, "narSize", s.fetch_nar);
	add_time(doc, p);
	json_begin_array(doc, "paths");
	for (uint32_t id = 0; id < missing_count(p->missing); id++) {
		const struct missing_node *node = missing_node(p->missing, id);

		if (node->substitute || node->build || node->unknown ||
		    node->state == MISSING_VALID || node->state == MISSING_READ)
			add_node(doc, p, id);
	}
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
		return err_set(
			err, NF_E_MISSING,
			"%zu paths are in no cache, and nobody knows how to build them",
			t.unknown);
	if (t.build)
		return err_set(err, NF_E_MISSING,
			       "%zu derivations would have to be built", t.build);
	return 0;
}
