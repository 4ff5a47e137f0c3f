#include "cmd/preflight.h"

#include <libgen.h>

#include "base/mem.h"
#include "cmd/space_check.h"
#include "pool/pack_output.h"

/* With more free space than this, the first NARs do not wait for the last narinfo. */
#define ENOUGH (16ULL << 30)

int preflight_output(const char *output, bool json, bool read_only, struct nf_err *err)
{
	if (json && pack_output_is_stdout(output))
		return err_set(err, NF_E_USAGE,
			       "--json and --output - both want standard output");
	return pack_output_check(output, read_only, err);
}

void preflight_grant_output(struct sandbox *s, const char *output)
{
	AUTO_FREE char *copy = output ? mem_strdup(output) : NULL;

	if (output)
		sandbox_grant(s, pack_output_is_file(output) ? dirname(copy) : output,
			      SANDBOX_REPLACE);
}

/* ---- file systems ---- */

enum {
	USE_POOL,
	USE_OUTPUT,
	USE_STORE,
	USES
};

/* A file system that is not written to, or cannot be inspected, has no name. */
static void find_uses(struct space_use uses[USES], const struct preflight *p)
{
	const char *pool = pool_dir(p->pool), *output = p->bundle->output;
	struct space_use *u = uses;

	for (int i = 0; i < USES; i++)
		uses[i] = (struct space_use){ 0 };
	if (!free_space_of_path(&u[USE_POOL].space, pool, NULL)) {
		u[USE_POOL].kind = "pool";
		u[USE_POOL].name = pool;
	}
	if (output && pack_output_is_file(output)) {
		AUTO_FREE char *copy = mem_strdup(output);

		if (!free_space_of_path(&u[USE_OUTPUT].space, dirname(copy), NULL)) {
			u[USE_OUTPUT].kind = "output";
			u[USE_OUTPUT].name = output;
		}
	}
	if (p->store) {
		u[USE_STORE].space = intake_space(p->store);
		u[USE_STORE].kind = "store";
		u[USE_STORE].name = intake_root(p->store);
	}
}

static int check_uses(const struct space_use uses[USES], struct nf_err *err)
{
	struct space_use named[USES];
	size_t count = 0;

	for (int i = 0; i < USES; i++)
		if (uses[i].name)
			named[count++] = uses[i];
	return space_check(named, count, err);
}

/* ---- required space ---- */

/* One file for the NAR and one for the narinfo; partial downloads already take up
 * space. */
static void need_pool(struct space_use *u, const struct preflight *p,
		      const struct fetch_sizes *s)
{
	uint64_t partial = pool_partial_total(p->pool);

	u->bytes = s->least_bytes > partial ? s->least_bytes - partial : 0;
	u->inodes = 2 * (uint64_t)s->paths;
}

/* A bundle is about as large as the files that it is made of. If some paths are
 * unavailable, files that are already in the pool cannot be assigned, and are not
 * counted. */
static void need_output(struct space_use *u, const struct fetch_sizes *s,
			const struct forecast *w)
{
	u->bytes = w->unknown ? 0 : s->least_bytes + s->here_bytes;
	u->inodes = 1;
	for (uint32_t id = 0; w->unknown && id < resolver_count(s->resolver); id++) {
		const struct resolver_node *n = resolver_node(s->resolver, id);

		if (!w->lacks[id] && !n->here)
			u->bytes += sizes_least(n, s->level);
	}
}

/* Paths with complete closures are imported, unless they are already there. */
static int need_store(struct space_use *u, const struct preflight *p,
		      const struct fetch_sizes *s, const struct forecast *w,
		      struct nf_err *err)
{
	uint64_t bytes = 0, paths = 0;

	for (uint32_t id = 0; id < resolver_count(s->resolver); id++) {
		struct nf_storepath path;
		bool is_valid = true;
		int rc = 0;

		resolver_path(s->resolver, id, &path);
		if (!w->lacks[id])
			rc = intake_is_valid(p->store, &path, &is_valid, err);
		if (rc)
			return rc;
		if (is_valid)
			continue;
		bytes += resolver_node(s->resolver, id)->nar_size;
		paths++;
	}
	u->bytes = intake_bytes_needed(bytes, paths);
	u->inodes = paths;
	return 0;
}

static int check_space(const struct preflight *p, const struct fetch_sizes *s,
		       const struct forecast *w, struct nf_err *err)
{
	struct space_use uses[USES];
	int rc = 0;

	find_uses(uses, p);
	need_pool(&uses[USE_POOL], p, s);
	need_output(&uses[USE_OUTPUT], s, w);
	if (p->store)
		rc = need_store(&uses[USE_STORE], p, s, w, err);
	return rc ? rc : check_uses(uses, err);
}

int preflight_sizes(void *ctx, const struct fetch_sizes *s, struct nf_err *err)
{
	const struct preflight *p = ctx;
	AUTO(forecast_release) struct forecast w = { 0 };

	forecast_make(&w, s->resolver);
	if (p->keeps_going && w.unknown)
		fetched_bundle_foretell(p->bundle, p->progress, s->resolver, &w);
	return p->fills_nothing ? 0 : check_space(p, s, &w, err);
}

bool preflight_comes_first(const struct preflight *p)
{
	struct space_use uses[USES];

	if (p->keeps_going)
		return true;
	find_uses(uses, p);
	for (int i = 0; i < USES; i++)
		if (uses[i].name && uses[i].space.bytes < ENOUGH)
			return true;
	return false;
}
