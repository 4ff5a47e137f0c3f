/* Invariants of the engine in every world. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "world_run.h"

/* Of one file of a cache that answers, in one run. */
#define NARS_MAX 24

static unsigned run_count(const struct world_run *r)
{
	return r->world->killed_at_ms > 0 ? 2 : 1;
}

static bool is_sound(const struct fetch_world *w, size_t cache)
{
	return world_is_reliable(w, cache) && world_is_honest(w, cache);
}

/* ---- paths of honest caches ---- */

static bool some_cache(const struct fetch_world *w, size_t path,
		       bool (*has)(const struct net_offer *o))
{
	for (size_t i = 0; i < w->cache_count; i++)
		if (is_sound(w, i) && has(world_offer(w, i, path)))
			return true;
	return false;
}

/* References are earlier paths: whoever refers to a path was seen before it. */
static void check_all_came(struct world_run *r)
{
	const struct fetch_world *w = r->world;
	AUTO_FREE bool *is_known = mem_calloc(w->path_count, sizeof(bool));

	for (size_t i = w->path_count; i-- > 0 && !w->stops_at_first;) {
		const struct world_path *p = &w->paths[i];

		if (!is_known[i] && !p->is_target)
			continue;
		if (!r->came[i] && some_cache(w, i, world_is_good))
			world_run_broken(r, "path %zu did not come: %s", i,
					 world_run_failure_of(r, i)
						 ? world_run_failure_of(r, i)->text
						 : "no reason is told");
		for (size_t k = 0; k < p->ref_count; k++)
			is_known[p->refs[k]] |= some_cache(w, i, world_is_vouched);
	}
}

/* ---- accusations ---- */

static void check_accused(struct world_run *r)
{
	for (size_t i = 0; i < r->world->cache_count; i++) {
		const struct fetch_cache_stats *c = &r->result.caches[i];

		if (world_is_honest(r->world, i) && world_run_accused(r, i))
			world_run_broken(r, "cache %zu is accused, and honest: %s", i,
					 c->last_failure);
		if (is_sound(r->world, i) && c->left_out)
			world_run_broken(r, "cache %zu is left out without a reason: %s",
					 i, c->left_out);
	}
}

/* The cache that alone brought the whole file; the cache count if there is none. */
static size_t only_bringer(const struct world_run *r, size_t path)
{
	const struct fetch_world *w = r->world;
	size_t found = w->cache_count;

	for (size_t i = 0; i < w->cache_count; i++) {
		const struct net_offer *o = world_offer(w, i, path);
		uint64_t bytes = net_counts(r->net, i, path)->nar_bytes;

		if (bytes && (found != w->cache_count ||
			      bytes < w->paths[path].goods.files[o->encoding].size))
			return w->cache_count;
		if (bytes)
			found = i;
	}
	return found;
}

/* A cache that lied, with no other that could have helped, is accused. */
static void check_liars(struct world_run *r)
{
	const struct fetch_world *w = r->world;

	for (size_t i = 0; i < w->path_count && !w->stops_at_first; i++) {
		size_t c = only_bringer(r, i);

		if (r->came[i] || c == w->cache_count || w->killed_at_ms > 0)
			continue;
		if (world_offer(w, c, i)->nar_faults & NAR_LIES &&
		    !world_run_accused(r, c))
			world_run_broken(r, "cache %zu lied about path %zu, unnoticed", c,
					 i);
	}
}

/* ---- reasons ---- */

/* If all caches answer without a fault, the most severe reason counts. */
static int expected_code(const struct fetch_world *w, size_t path)
{
	bool is_doubted = false;

	for (size_t i = 0; i < w->cache_count; i++) {
		const struct net_offer *o = world_offer(w, i, path);

		if (!is_sound(w, i))
			return 0;
		is_doubted |= o->is_there && !world_is_vouched(o);
	}
	return is_doubted ? NF_E_TRUST : NF_E_MISSING;
}

static void check_codes(struct world_run *r)
{
	for (size_t i = 0; i < r->world->path_count; i++) {
		const struct fetch_failure *f = world_run_failure_of(r, i);
		int code = expected_code(r->world, i);

		if (f && code && f->code != code)
			world_run_broken(r, "path %zu is %s, not %s: %s", i,
					 nf_error_name(f->code), nf_error_name(code),
					 f->text);
	}
}

static void check_failures(struct world_run *r)
{
	for (size_t i = 0; i < r->result.failure_count; i++) {
		const struct fetch_failure *f = &r->result.failures[i];

		if (!f->code || !f->text[0])
			world_run_broken(r, "no reason is told for '%s'", f->path);
	}
	for (size_t i = 0; i < r->world->path_count; i++)
		if (r->came[i] && world_run_failure_of(r, i))
			world_run_broken(r, "path %zu came, and failed: %s", i,
					 world_run_failure_of(r, i)->text);
}

static bool is_in_result(const struct world_run *r, size_t path)
{
	const char *base = r->world->paths[path].goods.info.path.base;

	for (size_t i = 0; i < r->result.known_count; i++)
		if (strcmp(r->result.known[i].base, base) == 0)
			return true;
	return false;
}

static void check_status(struct world_run *r)
{
	const struct fetch_world *w = r->world;

	if (r->rc == 0 && r->came_count != r->result.paths)
		world_run_broken(r, "%zu paths are wanted, %zu came, and all is well",
				 r->result.paths, r->came_count);
	if (r->rc != 0 && r->result.failure_count == 0)
		world_run_broken(r, "it failed, and no path did: %s", r->err.text);
	if (-r->rc == NF_E_SYS || -r->rc == NF_E_INTR || -r->rc == NF_E_USAGE)
		world_run_broken(r, "the caches are not what failed: %s", r->err.text);
	for (size_t i = 0; i < w->path_count && !w->stops_at_first; i++)
		if (!r->came[i] && is_in_result(r, i) && !world_run_failure_of(r, i))
			world_run_broken(r, "path %zu is missing without a reason", i);
}

/* ---- requests ---- */

static void check_requests(struct world_run *r, size_t cache, size_t path)
{
	const struct net_counts *c = net_counts(r->net, cache, path);
	const struct net_offer *o = world_offer(r->world, cache, path);
	bool is_gone = o->nar_faults & (NAR_GONE | NAR_MOVED);
	unsigned runs = run_count(r);

	if (c->infos > runs * (is_gone ? 2 : 1))
		world_run_broken(r, "cache %zu is asked %u times for path %zu", cache,
				 c->infos, path);
	if (c->nars > NARS_MAX * runs)
		world_run_broken(r, "cache %zu is asked %u times for the NAR of path %zu",
				 cache, c->nars, path);
	if (c->nars && !world_is_vouched(o))
		world_run_broken(r, "cache %zu is asked for the NAR of path %zu", cache,
				 path);
}

/* No request about the path fails or returns something unexpected. */
static bool is_plain(const struct fetch_world *w, size_t path)
{
	for (size_t i = 0; i < w->cache_count; i++) {
		const struct net_cache *c = &w->caches[i];
		const struct net_offer *o = world_offer(w, i, path);

		if (!is_sound(w, i) || c->no_range || c->no_length || c->no_etag ||
		    (o->is_there && (o->info_faults || o->nar_faults)))
			return false;
	}
	return true;
}

static uint64_t largest_file(const struct fetch_world *w, size_t path)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < w->cache_count; i++) {
		const struct net_offer *o = world_offer(w, i, path);
		uint64_t size = w->paths[path].goods.files[o->encoding].size;

		if (o->is_there && size > largest)
			largest = size;
	}
	return largest;
}

/* Once is enough, unless it is raced. */
static void check_bytes_once(struct world_run *r, size_t path)
{
	const struct fetch_world *w = r->world;
	uint64_t bytes = 0, most = largest_file(w, path);

	for (size_t i = 0; i < w->cache_count; i++)
		bytes += net_counts(r->net, i, path)->nar_bytes;
	if (!w->no_race)
		most *= 2;
	if (is_plain(w, path) && bytes > most)
		world_run_broken(
			r, "%" PRIu64 " bytes came for path %zu, %" PRIu64 " are enough",
			bytes, path, most);
}

static void check_traffic(struct world_run *r)
{
	for (size_t i = 0; i < r->world->path_count; i++) {
		check_bytes_once(r, i);
		for (size_t c = 0; c < r->world->cache_count; c++)
			if (world_is_reliable(r->world, c))
				check_requests(r, c, i);
	}
	for (size_t c = 0; c < r->world->cache_count; c++)
		if (world_is_reliable(r->world, c) &&
		    net_greetings(r->net, c) > run_count(r))
			world_run_broken(r, "cache %zu is asked %u times what it is", c,
					 net_greetings(r->net, c));
}

void world_judge(struct world_run *r)
{
	check_status(r);
	check_all_came(r);
	check_accused(r);
	check_liars(r);
	check_failures(r);
	check_codes(r);
	check_traffic(r);
}
