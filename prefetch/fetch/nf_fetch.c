#include <nixferry/fetch.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/watch.h"
#include "caches/patience.h"
#include "config/credentials.h"
#include "config/netrc.h"
#include "config/substituter_list.h"
#include "fetch/fetch.h"
#include "fetch/fetch_target.h"
#include "store/import_target.h"

#define TIMEOUT_MAX_S (24 * 3600)

/* Everything that a call has opened. */
struct nf_fetch {
	const struct nf_fetch_options *opts;
	struct watcher *watcher;
	struct substituter_list substituters;
	struct credentials *credentials;
	struct pool *pool;
	struct local_store *from_store;
	struct fetch_target target;
};

static void nf_fetch_close(struct nf_fetch *f)
{
	fetch_target_release(&f->target);
	local_store_free(f->from_store);
	pool_free(f->pool);
	credentials_free(f->credentials);
	substituter_list_release(&f->substituters);
	watcher_free(f->watcher);
}

/* ---- options ---- */

static int check_given(const struct nf_fetch_options *o, struct nf_err *err)
{
	if (!o->path_count)
		return err_set(err, NF_E_USAGE, "no path is given");
	if (!o->keys)
		return err_set(err, NF_E_USAGE, "no trusted keys are given");
	if (!o->pool_dir)
		return err_set(err, NF_E_USAGE, "no pool is given");
	if (!o->store_root && (o->profile || o->gc_root || o->repair))
		return err_set(err, NF_E_USAGE,
			       "a profile, a GC root or a repair needs a target store");
	if (o->repair && import_target_is_daemon(o->store_root))
		return err_set(err, NF_E_USAGE, "nix-daemon's store cannot be repaired");
	if (o->profile && o->path_count != 1)
		return err_set(err, NF_E_USAGE,
			       "profile '%s' can hold one path, but there are %zu",
			       o->profile, o->path_count);
	return o->store_root
		       ? import_target_check(o->store_root, o->profile, o->gc_root, err)
		       : 0;
}

static int check_numbers(const struct nf_fetch_options *o, struct nf_err *err)
{
	const struct {
		const char *name;
		uint64_t value, max;
	} numbers[] = {
		{ "connections", o->connections, FETCH_CONNECTIONS_MAX },
		{ "connections_per_cache", o->connections_per_cache,
		  FETCH_CONNECTIONS_MAX },
		{ "connect_timeout", o->connect_timeout, TIMEOUT_MAX_S },
		{ "stall_timeout", o->stall_timeout, TIMEOUT_MAX_S },
		{ "retry_for", o->retry_for, PATIENCE_MAX_S },
		{ "limit_rate", o->limit_rate, RATE_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].value > numbers[i].max)
			return err_set(err, NF_E_USAGE, "%s %llu is more than %llu",
				       numbers[i].name,
				       (unsigned long long)numbers[i].value,
				       (unsigned long long)numbers[i].max);
	if (o->limit_rate && o->limit_rate < RATE_MIN)
		return err_set(err, NF_E_USAGE, "limit_rate %llu is less than %d",
			       (unsigned long long)o->limit_rate, RATE_MIN);
	if (o->level < POOL_KEEP || o->level > ZSTD_LEVEL_MAX)
		return err_set(err, NF_E_USAGE, "level %d is not one of 0 to %d",
			       o->level, ZSTD_LEVEL_MAX);
	return 0;
}

static int read_substituters(struct nf_fetch *f, struct nf_err *err)
{
	const struct substituter *added;
	int rc = 0;

	for (size_t i = 0; !rc && i < f->opts->substituter_count; i++)
		rc = substituter_list_add(&f->substituters, f->opts->substituters[i],
					  false, &added, err);
	return rc;
}

static int read_credentials(struct nf_fetch *f, struct nf_err *err)
{
	struct netrc n = NETRC_INIT;
	const char *file = f->opts->netrc_file;
	bool is_public = false;
	int rc = file ? netrc_read(&n, file, &is_public, err) : 0;

	if (is_public)
		progress_note(watcher_progress(f->watcher),
			      "'%s' contains passwords, and every user can read it",
			      file);
	if (!rc)
		f->credentials =
			credentials_new(&n, f->substituters.items, f->substituters.count);
	netrc_release(&n);
	return rc;
}

static int open_pool(struct nf_fetch *f, struct nf_err *err)
{
	const struct nf_fetch_options *o = f->opts;
	int rc;

	if (o->dry_run)
		return pool_open_read(&f->pool, o->pool_dir, err);
	rc = pool_open(&f->pool, o->pool_dir, err);
	return rc ? rc : pool_check_writable(f->pool, err);
}

static int open_stores(struct nf_fetch *f, struct nf_err *err)
{
	const struct nf_fetch_options *o = f->opts;
	const struct fetch_target_options target = {
		.root = o->store_root,
		.read_only = o->dry_run,
		.repair = o->repair,
		.optimise = o->optimise,
		.jobs = o->jobs,
		.progress = watcher_progress(f->watcher),
	};
	int rc = 0;

	if (o->from_store)
		rc = local_store_open(&f->from_store, o->from_store, err);
	return rc ? rc : fetch_target_open(&f->target, &target, err);
}

static int nf_fetch_open(struct nf_fetch *f, struct nf_err *err)
{
	int rc = check_given(f->opts, err);

	if (!rc)
		rc = check_numbers(f->opts, err);
	if (!rc)
		rc = read_substituters(f, err);
	if (!rc)
		rc = read_credentials(f, err);
	if (!rc)
		rc = open_pool(f, err);
	return rc ? rc : open_stores(f, err);
}

/* ---- the result ---- */

static void take_failures(struct nf_fetch_result *ret, struct fetch_result *from)
{
	ret->failures = mem_calloc(from->failure_count, sizeof(*ret->failures));
	ret->failure_count = from->failure_count;
	for (size_t i = 0; i < from->failure_count; i++) {
		struct fetch_failure *failure = &from->failures[i];

		ret->failures[i] = (struct nf_fetch_failure){
			.path = TAKE_PTR(failure->path),
			.code = failure->code,
			.text = TAKE_PTR(failure->text),
		};
	}
}

static void take_caches(struct nf_fetch_result *ret, struct fetch_result *from)
{
	ret->caches = mem_calloc(from->cache_count, sizeof(*ret->caches));
	ret->cache_count = from->cache_count;
	for (size_t i = 0; i < from->cache_count; i++) {
		struct fetch_cache_stats *cache = &from->caches[i];

		ret->caches[i] = (struct nf_fetch_cache){
			.url = TAKE_PTR(cache->url),
			.narinfos = cache->narinfos,
			.nars = cache->nars,
			.bytes = cache->bytes,
			.last_failure = TAKE_PTR(cache->last_failure),
			.left_out = TAKE_PTR(cache->left_out),
		};
	}
}

/* RET takes over what FROM contains. */
static void take_result(struct nf_fetch_result *ret, struct fetch_result *from)
{
	ret->paths = from->paths;
	ret->present = from->present;
	ret->in_pool = from->in_pool;
	ret->in_store = from->in_store;
	ret->fetched = from->fetched;
	ret->copied = from->from_pool + from->dumped;
	ret->nar_bytes = from->nar_bytes;
	ret->to_fetch_bytes = from->to_fetch_bytes;
	ret->fetched_bytes = from->fetched_bytes;
	ret->resumed_bytes = from->resumed_bytes;
	ret->imported.present = from->present;
	take_failures(ret, from);
	take_caches(ret, from);
	fetch_result_release(from);
}

void nf_fetch_result_release(struct nf_fetch_result *r)
{
	for (size_t i = 0; i < r->failure_count; i++) {
		free(r->failures[i].path);
		free(r->failures[i].text);
	}
	free(r->failures);
	for (size_t i = 0; i < r->cache_count; i++) {
		free(r->caches[i].url);
		free(r->caches[i].last_failure);
		free(r->caches[i].left_out);
	}
	free(r->caches);
	nf_import_result_release(&r->imported);
	*r = (struct nf_fetch_result){ 0 };
}

/* ---- the call ---- */

static int run_fetch(struct nf_fetch *f, struct nf_fetch_result *ret, struct nf_err *err)
{
	const struct nf_fetch_options *o = f->opts;
	const struct fetch_options opts = {
		.paths = o->paths,
		.path_count = o->path_count,
		.substituters = f->substituters.items,
		.substituter_count = f->substituters.count,
		.store = f->from_store,
		.keys = o->keys,
		.pool = f->pool,
		.level = o->level,
		.intake = f->target.intake,
		.daemon = f->target.daemon,
		.http = {
			.connections = o->connections,
			.connections_per_host = o->connections_per_cache,
			.connect_timeout_ms = (int)o->connect_timeout * 1000,
			.stall_timeout_s = (int)o->stall_timeout,
			.limit = { .rate = o->limit_rate },
			.credentials = f->credentials,
			.ca_file = o->ca_file,
			.user_agent_suffix = o->user_agent_suffix,
		},
		.jobs = o->jobs,
		.history = o->history_file,
		.keep_going = o->keep_going,
		.dry_run = o->dry_run,
		.retry_for_ms = (int64_t)o->retry_for * 1000,
		.no_race = o->no_race,
		.progress = watcher_progress(f->watcher),
	};
	struct fetch_result result;
	int rc = fetch_closure(&opts, &result, err);

	take_result(ret, &result);
	return rc;
}

static int finish_store(struct nf_fetch *f, int rc, struct nf_fetch_result *ret,
			struct nf_err *err)
{
	const struct nf_fetch_options *o = f->opts;
	const struct daemon_target_fill fill = {
		.pool = f->pool,
		.keys = o->keys,
		.jobs = o->jobs,
		.roots = {
			.paths = o->paths,
			.count = o->path_count,
			.profile = o->profile,
			.gc_root = o->gc_root,
		},
	};

	if (o->dry_run)
		return rc;
	return fetch_target_finish(&f->target, rc, &fill, &ret->imported, err);
}

int nf_fetch(const struct nf_fetch_options *opts, struct nf_fetch_result *ret,
	     struct nf_err *err)
{
	AUTO(nf_fetch_close)
	struct nf_fetch f = {
		.opts = opts,
		.watcher = watcher_start(opts->watch),
	};
	int rc;

	*ret = (struct nf_fetch_result){ 0 };
	rc = nf_fetch_open(&f, err);
	if (rc)
		return rc;
	rc = run_fetch(&f, ret, err);
	return finish_store(&f, rc, ret, err);
}
