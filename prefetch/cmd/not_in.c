#include "cmd/not_in.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cmd/cache_options.h"
#include "cmd/network_sandbox.h"

static const struct cmd_option options[] = {
	{ .name = "not-in",
	  .value = "URL",
	  .help = "leave out what this cache has: 'import --fetch-rest' fetches it where the target is",
	  .kind = CMD_VALUE_CACHE,
	  .repeatable = true },
	{ 0 },
};
const struct cmd_option_group not_in_group = { "What targets can fetch", options };

static int add_cache(struct not_in *n, const char *url, struct nf_err *err)
{
	const struct substituter *added;
	int rc = substituter_list_add(&n->caches, url, true, &added, err);

	if (!rc)
		return 0;
	if (err)
		err->code = NF_E_USAGE;
	return err_prefix(err, -NF_E_USAGE, "option '--not-in'");
}

int not_in_read(struct not_in *n, const struct cmd_args *args,
		struct nix_settings *settings, struct nf_err *err)
{
	struct fetch_options *f = &n->fetch;
	const char *url;
	int rc = 0;

	for (size_t i = 0; !rc && (url = cmd_args_nth(args, "not-in", i)); i++)
		rc = add_cache(n, url, err);
	if (rc || !n->caches.count)
		return rc;
	rc = cache_options_transfers(f, args, settings, err);
	if (!rc)
		rc = cache_options_credentials(&n->credentials, &n->caches, args,
					       settings, err);
	f->http.credentials = n->credentials;
	f->substituters = n->caches.items;
	f->substituter_count = n->caches.count;
	f->dry_run = f->keep_going = f->caches_only = true;
	return rc;
}

void not_in_release(struct not_in *n)
{
	credentials_free(n->credentials);
	substituter_list_release(&n->caches);
}

void not_in_grant(const struct not_in *n, struct sandbox *s)
{
	if (n->caches.count)
		network_sandbox_grant(s, &n->fetch, SANDBOX_READ, NULL);
}

static int resolve(const struct fetch_options *opts, struct nf_err *err)
{
	struct fetch_result result;
	int rc = fetch_closure(opts, &result, err);

	fetch_result_release(&result);
	return rc;
}

/* What cannot be resolved is reported when it is fetched or packed. */
static int find_closure(struct inventory *ret, const struct fetch_options *sources,
			struct nf_err *err)
{
	struct fetch_options opts = *sources;
	int rc;

	opts.dry_run = opts.keep_going = true;
	opts.ret_closed = ret;
	rc = resolve(&opts, err);
	return rc == -NF_E_INTR || rc == -NF_E_SYS ? rc : 0;
}

/* A cache that cannot be asked is no reason to carry everything, unasked. */
static int ask_caches(struct not_in *n, struct inventory *ret,
		      const struct inventory *closure,
		      const struct fetch_options *sources, struct nf_err *err)
{
	AUTO_FREE struct nf_storepath *paths = mem_calloc(closure->count, sizeof(*paths));
	struct fetch_options opts = n->fetch;
	int rc;

	for (size_t i = 0; i < closure->count; i++)
		paths[i] = closure->items[i].path;
	opts.paths = paths;
	opts.path_count = closure->count;
	opts.keys = sources->keys;
	opts.pool = sources->pool;
	opts.jobs = sources->jobs;
	opts.progress = sources->progress;
	opts.ret_closed = ret;
	rc = resolve(&opts, err);
	if (rc == -NF_E_NET || rc == -NF_E_INTR || rc == -NF_E_SYS || rc == -NF_E_USAGE)
		return err_prefix(err, rc, "option '--not-in'");
	return 0;
}

int not_in_find(struct not_in *n, struct have **have, const struct fetch_options *sources,
		struct nf_err *err)
{
	AUTO(inventory_release) struct inventory closure = { 0 };
	AUTO(inventory_release) struct inventory there = { 0 };
	int rc;

	if (!n->caches.count)
		return 0;
	rc = find_closure(&closure, sources, err);
	if (!rc)
		rc = ask_caches(n, &there, &closure, sources, err);
	if (rc)
		return rc;
	if (!there.count)
		progress_note(
			sources->progress,
			"--not-in: the bundle carries everything: no cache has a path of it, with its closure, signed by a trusted key");
	have_add(have, &there);
	return 0;
}
