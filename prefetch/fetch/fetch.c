#include "fetch/fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fetch/loop.h"

/* Reports what resolving left open, and the totals. */
static void take_stock(struct engine *e)
{
	for (uint32_t id = 0; id < resolver_count(e->resolver); id++) {
		const struct resolver_node *n = resolver_node(e->resolver, id);

		e->result->nar_bytes += n->nar_size;
		if (n->state != RESOLVER_UNKNOWN)
			continue;
		engine_fail(e, n->base, n->why ? n->why : NF_E_MISSING,
			    n->why_text ? n->why_text : "it is not in any cache");
	}
}

/* Who lacks a reference, or refers to a path that does, is not closed. */
static bool is_open(const struct engine *e, const bool *open, uint32_t id)
{
	const struct resolver_node *n = resolver_node(e->resolver, id);
	bool ret = n->state != RESOLVER_KNOWN;

	for (uint32_t i = 0; !ret && i < n->nrefs; i++)
		ret = open[n->refs[i]];
	return ret;
}

static void take_closed(const struct engine *e, struct inventory *ret)
{
	uint32_t count = resolver_count(e->resolver);
	AUTO_FREE bool *open = mem_calloc(count, sizeof(*open));
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t id = 0; id < count; id++) {
			if (open[id] || !is_open(e, open, id))
				continue;
			open[id] = changed = true;
		}
	}
	for (uint32_t id = 0; id < count; id++) {
		struct nf_hash hash = { .algo = NF_SHA256 };
		struct nf_storepath path;

		if (open[id])
			continue;
		resolver_path(e->resolver, id, &path);
		memcpy(hash.bytes, resolver_node(e->resolver, id)->nar_hash,
		       sizeof(resolver_node(e->resolver, id)->nar_hash));
		inventory_add(ret, &path, &hash);
	}
	inventory_sort(ret);
}

static void tell_lost(void *ctx, const char *base)
{
	engine_fail(ctx, base, NF_E_FORMAT,
		    "it is valid in the target store, but missing on the disk");
}

/* The references of an unavailable path are unknown. */
static void tell_known(struct engine *e)
{
	struct fetch_result *r = e->result;
	uint32_t count = resolver_count(e->resolver);

	r->known = mem_calloc(count, sizeof(*r->known));
	for (uint32_t id = 0; id < count; id++)
		resolver_path(e->resolver, id, &r->known[r->known_count++]);
}

/* Paths that are missing because the target could not be written, and those that no cache
 * has: report the more severe failure. */
static void finish_destination(struct engine *e)
{
	struct nf_err why;
	int rc = destination_finish(e->destination, &why);

	if (rc)
		engine_fail(e, NULL, rc, why.text);
	if (!e->opts->dry_run)
		destination_each_lost(e->destination, tell_lost, e);
}

int fetch_closure(const struct fetch_options *opts, struct fetch_result *ret,
		  struct nf_err *err)
{
	struct engine e;
	int rc;

	rc = loop_open(&e, opts, ret, err);
	if (rc) {
		loop_close(&e);
		return rc;
	}
	for (size_t i = 0; i < opts->path_count; i++)
		resolver_want(e.resolver, &opts->paths[i]);
	rc = loop_run(&e, err);
	take_stock(&e);
	if (opts->ret_closed)
		take_closed(&e, opts->ret_closed);
	ingests_wait(e.ingests);
	if (opts->intake)
		progress_phase(opts->progress, "registering");
	finish_destination(&e);
	if (rc || e.rc)
		tell_known(&e);
	if (!rc && e.rc) {
		rc = e.rc;
		if (err)
			*err = e.err;
	} else if (!rc) {
		rc = destination_why_waiting(e.destination, err);
	}
	loop_close(&e);
	return rc;
}

void fetch_result_release(struct fetch_result *r)
{
	for (size_t i = 0; i < r->failure_count; i++) {
		free(r->failures[i].path);
		free(r->failures[i].text);
	}
	free(r->failures);
	free(r->known);
	for (size_t i = 0; i < r->cache_count; i++) {
		free(r->caches[i].url);
		free(r->caches[i].last_failure);
		free(r->caches[i].left_out);
	}
	free(r->caches);
	dispute_list_release(&r->disputes);
	*r = (struct fetch_result){ 0 };
}
