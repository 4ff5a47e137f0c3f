#include "fetch/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "fetch/engine.h"
#include "format/left_out.h"

/* Over HTTP/1.1 a closure's narinfos come in as many round trips as it is deep only if
 * its widest level does not queue: of 400 paths that level has some 200, and with 96 at
 * once the queue is hidden behind the deeper ones. */
#define CONNECTIONS_DEFAULT	   96
#define CONNECT_TIMEOUT_DEFAULT_MS 5000
#define STALL_TIMEOUT_DEFAULT_S	   30
#define POLL_MS			   200
#define WORKER_QUEUE		   256
/* Each has a decoder's memory. */
#define FOLLOWERS_MAX 4
/* Less says more of latency than of throughput. */
#define THROUGHPUT_BYTES_MIN (1 * MIB)

int64_t engine_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* xorshift32: for jitter, nothing else. */
uint32_t engine_random(struct engine *e)
{
	e->random ^= e->random << 13;
	e->random ^= e->random >> 17;
	e->random ^= e->random << 5;
	return e->random;
}

void engine_fail(struct engine *e, const char *path, int code, const char *text)
{
	struct fetch_result *r = e->result;

	code = code < 0 ? -code : code;
	if (path) {
		r->failures = mem_realloc(r->failures, r->failure_count + 1,
					  sizeof(r->failures[0]));
		r->failures[r->failure_count++] = (struct fetch_failure){
			.path = mem_strdup(path),
			.code = code,
			.text = mem_strdup(text),
		};
	}
	if (err_gravity(code) <= err_gravity(e->rc))
		return;
	e->rc = path ? err_set(&e->err, (enum nf_error)code, "path '%s': %s", path, text)
		     : err_set(&e->err, (enum nf_error)code, "%s", text);
}

void engine_broken(struct engine *e, const char *where, int code, const char *text)
{
	bool is_full = code == NF_E_NOSPACE || code == -NF_E_NOSPACE;
	AUTO_FREE char *whole = NULL;

	e->stopping = true;
	if (atomic_exchange(&e->is_broken, true))
		return;
	whole = mem_printf("'%s': %s%s", where, text,
			   is_full ? "; make room, then run the same command again" : "");
	engine_fail(e, NULL, code, whole);
}

/* Nobody signs it: more than can be is not believed. */
static uint64_t file_size_of(const struct resolver_node *n)
{
	uint64_t told = n->sources->file_size, most = NAR_FILE_SIZE_MAX(n->nar_size);

	return told < most ? told : most;
}

void engine_want_nar(struct engine *e, uint32_t node, bool on_this_machine)
{
	const struct resolver_node *n = resolver_node(e->resolver, node);
	struct nf_err err;
	int rc = destination_check(e->destination, n->base, n->nar_hash, &err);

	if (rc) {
		engine_fail(e, n->base, rc, err.text);
		return;
	}
	e->wanted_paths++;
	e->wanted_bytes += n->nar_size;
	if (!on_this_machine) {
		e->result->to_fetch_bytes += n->sources->file_size;
		rest_set(&e->rest, node, file_size_of(n));
	}
	download_want(e, node);
}

static void remember_failure(struct cache *c, enum health_event event, const char *text)
{
	history_failed(&c->learned, time(NULL), event == HEALTH_UNREACHABLE,
		       nf_slice_str(text));
	free(c->stats->last_failure);
	c->stats->last_failure = mem_strdup(text);
}

/* What a transfer over the network failed of, the transfer has counted. */
static void count_failure(struct cache *c, enum health_event event)
{
	size_t *failures = c->stats->net.failures;

	if (event == HEALTH_LIED || event == HEALTH_OK)
		failures[TRANSFER_FAILED_CONTENT]++;
	else if (c->conf->kind != SUBSTITUTER_HTTP)
		failures[TRANSFER_FAILED_REACH]++;
}

void engine_cache_event(struct cache *c, enum health_event event, const char *text)
{
	bool was_gone = engine_cache_is_gone(c);

	health_event(&c->health, event, engine_now_ms());
	if (event == HEALTH_OK)
		history_answered(&c->learned, time(NULL));
	if (!text)
		return;
	remember_failure(c, event, text);
	count_failure(c, event);
	if (!was_gone && engine_cache_is_gone(c))
		progress_note(c->engine->opts->progress, "cache '%s' is left out: %s",
			      c->conf->url, text);
}

void engine_cache_denied(struct cache *c, const char *text)
{
	engine_cache_event(c, HEALTH_OK, NULL);
	remember_failure(c, HEALTH_OK, text);
}

bool engine_cache_is_gone(const struct cache *c)
{
	return c->state == CACHE_REFUSED || health_is_gone(&c->health);
}

void engine_transferring(struct cache *c, int change)
{
	int64_t now = engine_now_ms();

	if (c->transferring == 0)
		c->busy_since = now;
	c->transferring += change;
	c->engine->transferring += change;
	if (c->transferring == 0)
		c->busy_ms += now - c->busy_since;
}

const char *engine_why_gone(const struct cache *c)
{
	if (c->refused)
		return c->refused;
	return c->stats->last_failure ? c->stats->last_failure : "it is down";
}

/* A cache that is believed to be down is not waited for as long as others are, unless
 * nothing works: then it is the link that was down. The only cache may take its time:
 * nothing would be gained without it. */
static void recall(struct engine *e, int timeout_ms)
{
	AUTO(history_release) struct history known = HISTORY_INIT;
	size_t count = e->opts->substituter_count;
	const struct history_entry *entry;
	int64_t now = time(NULL);
	bool all_down = true;

	if (e->opts->history && history_load(&known, e->opts->history, now, NULL))
		known = (struct history)HISTORY_INIT; /* remember tells */
	for (size_t i = 0; i < count && all_down; i++) {
		entry = history_find(&known, e->caches[i].conf->url);
		all_down = history_is_down(entry, now);
	}
	for (size_t i = 0; i < count; i++) {
		struct cache *c = &e->caches[i];

		entry = history_find(&known, c->conf->url);
		c->known_latency_us = entry ? entry->latency_us : 0;
		c->known_throughput = entry ? entry->throughput : 0;
		if (count > 1)
			c->first_timeout_ms = history_first_timeout_ms(
				all_down ? NULL : entry, timeout_ms, now);
	}
}

/* How fast this machine's own files are, is not asked for. */
static void learn_throughput(struct cache *c)
{
	int64_t busy = c->busy_ms;

	if (c->stats->local || transfers_were_held_back(c->engine->transfers))
		return;
	if (c->transferring)
		busy += engine_now_ms() - c->busy_since;
	if (c->stats->bytes >= THROUGHPUT_BYTES_MIN)
		history_measured(&c->learned, time(NULL), 0,
				 c->stats->bytes * 1000 /
					 (uint64_t)(busy > 0 ? busy : 1));
}

/* Other runs may have written meanwhile: what was learned is added to what is there now.
 */
static void remember(struct engine *e)
{
	AUTO(history_release) struct history known = HISTORY_INIT;
	const char *file = e->opts->history;
	struct nf_err err;
	int rc;

	if (!file || atomic_load(&e->is_broken))
		return;
	rc = history_load(&known, file, time(NULL), &err);
	for (size_t i = 0; !rc && i < e->opts->substituter_count; i++) {
		learn_throughput(&e->caches[i]);
		history_learn(&known, e->caches[i].conf->url, &e->caches[i].learned);
	}
	if (!rc)
		rc = history_save(&known, file, &err);
	/* Who only asks may do so where nothing can be written. */
	if (rc && !e->opts->dry_run)
		progress_note(e->opts->progress,
			      "what was learned of the caches is not kept: %s", err.text);
}

static void open_first(struct engine *e, enum cache_role role, struct local_source *local,
		       enum substituter_kind kind, const char *scheme, const char *path)
{
	struct substituter *conf = &e->first_confs[e->first_count];
	struct cache *c = &e->firsts[e->first_count++];

	conf->kind = kind;
	conf->url = mem_printf("%s%s", scheme, path);
	conf->path = mem_strdup(path);
	c->conf = conf;
	c->role = role;
	c->state = CACHE_READY;
	c->local = local;
}

/* They are the last of the caches. */
static int open_firsts(struct engine *e, struct nf_err *err)
{
	const struct fetch_options *o = e->opts;

	if (o->intake && pool_is_there(o->pool)) {
		const char *dir = pool_dir(o->pool);
		struct local_source *pool;
		int rc = local_source_of_directory(&pool, dir, err);

		if (rc)
			return rc;
		open_first(e, CACHE_POOL, pool, SUBSTITUTER_FILE, "file://", dir);
	}
	if (o->store)
		open_first(e, CACHE_STORE, local_source_of_store(o->store),
			   SUBSTITUTER_PATH, "local?root=", local_store_root(o->store));
	return 0;
}

static int open_caches(struct engine *e, struct nf_err *err)
{
	const struct fetch_options *o = e->opts;
	size_t firsts = (o->intake ? 1 : 0) + (o->store ? 1 : 0);
	int rc;

	e->caches = mem_calloc(o->substituter_count + firsts, sizeof(e->caches[0]));
	e->firsts = e->caches + o->substituter_count;
	rc = open_firsts(e, err);
	e->cache_count = o->substituter_count + e->first_count;
	e->result->caches = mem_calloc(e->cache_count, sizeof(e->result->caches[0]));
	e->result->cache_count = e->cache_count;
	for (size_t i = 0; i < e->cache_count; i++) {
		struct cache *c = &e->caches[i];

		c->engine = e;
		c->index = (uint32_t)i;
		if (c->role == CACHE_SUBSTITUTER)
			c->conf = &o->substituters[i];
		c->priority = c->conf->priority;
		c->stats = &e->result->caches[i];
		c->stats->url = mem_strdup(c->conf->url);
		c->stats->priority = c->priority;
		c->stats->local = c->conf->kind != SUBSTITUTER_HTTP;
	}
	return rc;
}

static void recall_answers(struct engine *e)
{
	struct answers *a = e->opts->answers;

	for (size_t i = 0; a && i < e->opts->substituter_count; i++) {
		struct cache *c = &e->caches[i];
		const char *why = answers_left_out(a, c->index, &c->refused_code);

		c->stats->net = *answers_stats(a, c->index);
		if (!why)
			continue;
		c->state = CACHE_REFUSED;
		c->refused = mem_strdup(why);
	}
}

static void keep_answers(struct engine *e)
{
	struct answers *a = e->opts->answers;

	for (size_t i = 0; a && i < e->opts->substituter_count; i++) {
		const struct cache *c = &e->caches[i];

		*answers_stats(a, c->index) = c->stats->net;
		if (engine_cache_is_gone(c))
			answers_leave_out(a, c->index,
					  c->refused ? c->refused_code : NF_E_NET,
					  engine_why_gone(c));
	}
}

int engine_open(struct engine *e, const struct fetch_options *o,
		struct fetch_result *result, struct nf_err *err)
{
	size_t connections = o->connections ? o->connections : CONNECTIONS_DEFAULT;
	struct transfers_options t = {
		.connections = connections,
		.connections_per_host =
			o->connections_per_cache ? o->connections_per_cache : connections,
		.connect_timeout_ms = o->connect_timeout_ms ? o->connect_timeout_ms
							    : CONNECT_TIMEOUT_DEFAULT_MS,
		.stall_timeout_s =
			o->stall_timeout_s ? o->stall_timeout_s : STALL_TIMEOUT_DEFAULT_S,
		.credentials = o->credentials,
		.ca_file = o->ca_file,
		.user_agent_suffix = o->user_agent_suffix,
		.limit = o->limit,
	};

	size_t jobs = o->jobs ? o->jobs : workers_cpu_count();
	int rc;

	*e = (struct engine){ .opts = o, .result = result, .connections = connections };
	*result = (struct fetch_result){ 0 };
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->came_back, NULL);
	e->random = (uint32_t)getpid() * 2654435761U | 1;
	e->resolver = resolver_new();
	e->workers = workers_new(jobs, WORKER_QUEUE);
	e->follower_count = jobs < FOLLOWERS_MAX ? jobs : FOLLOWERS_MAX;
	e->followers = workers_new(e->follower_count, e->follower_count);
	e->destination = destination_new(o->pool, o->level, o->intake, o->progress);
	if (!o->dry_run)
		destination_sweep(e->destination);
	rc = open_caches(e, err);
	recall(e, t.connect_timeout_ms);
	recall_answers(e);
	download_begin(e);
	return rc ? rc : transfers_new(&e->transfers, &t, err);
}

void engine_close(struct engine *e)
{
	download_let_go(e);
	workers_free(e->followers);
	workers_free(e->workers);
	download_end(e);
	transfers_free(e->transfers);
	keep_answers(e);
	lookup_end(e);
	resolver_free(e->resolver);
	destination_free(e->destination);
	for (size_t i = 0; i < e->cache_count; i++) {
		local_source_free(e->caches[i].local);
		free(e->caches[i].refused);
	}
	free(e->caches);
	rest_release(&e->rest);
	free(e->again);
	free(e->doubted);
	free(e->unsigned_here);
	for (size_t i = 0; i < e->first_count; i++)
		substituter_release(&e->first_confs[i]);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->came_back);
}

static bool is_done(const struct engine *e)
{
	if (e->ingesting)
		return false;
	if (e->stopping)
		return true;
	if (e->ask)
		return resolver_open_count(e->resolver) == 0 && lookup_is_done(e);
	/* What is here already waits for signatures, if it is worth asking for them. */
	return resolver_open_count(e->resolver) == 0 && download_is_done(e) &&
	       (e->unsigned_len == 0 || lookup_is_done(e));
}

/* Once all is here, what is done with it is what takes the time. */
static void tell_phase(struct engine *e)
{
	struct progress *p = e->opts->progress;
	bool is_here = e->rest.total == 0;

	progress_phase(p, e->ingesting && is_here && !resolver_open_count(e->resolver)
				  ? destination_phase(e->destination)
				  : "fetching");
}

/* Sizes become known while we go, and more may come than was planned: the totals are told
 * again at each turn. */
static void tell_totals(struct engine *e)
{
	struct fetch_result *r = e->result;
	uint64_t done = progress_get(e->opts->progress, PROGRESS_BYTES_DONE);

	r->paths = resolver_count(e->resolver);
	download_tell_rest(e);
	progress_set(e->opts->progress, PROGRESS_PATHS_TOTAL,
		     r->paths - (e->opts->intake ? r->present : r->in_pool));
	progress_set(e->opts->progress, PROGRESS_BYTES_TOTAL, done + e->rest.total);
	if (e->opts->dry_run)
		return;
	progress_set(e->opts->progress, PROGRESS_WORK_TOTAL, e->wanted_bytes);
	tell_phase(e);
}

static void stop_if_interrupted(struct engine *e)
{
	struct nf_err why;
	int rc = interrupt_check(&why);

	if (!rc)
		return;
	engine_fail(e, NULL, rc, why.text);
	e->stopping = true;
}

/* True if whoever decides what is asked for wanted more. */
static bool asks_more(struct engine *e, int *rc, struct nf_err *err)
{
	uint32_t before = resolver_count(e->resolver);

	if (!e->ask || e->stopping)
		return false;
	*rc = e->ask(e->ask_ctx, err);
	return resolver_count(e->resolver) != before;
}

static void tell_left_out(struct engine *e)
{
	for (size_t i = 0; i < e->cache_count; i++) {
		struct cache *c = &e->caches[i];

		if (engine_cache_is_gone(c))
			c->stats->left_out = mem_strdup(engine_why_gone(c));
		else if (c->state == CACHE_NEW && c->lookups && !c->health.ever_ok)
			c->stats->silent_ms = engine_now_ms() - e->began_at + 1;
	}
}

/* What nobody vouches for, and not every Nix could read, came no further. */
static void note_left_out(const struct engine *e)
{
	struct progress *progress = e->opts->progress;

	for (size_t i = 0; i < e->cache_count; i++) {
		const struct cache *c = &e->caches[i];
		AUTO_FREE char *where = mem_printf("cache '%s'", c->conf->url);

		left_out_note(progress, where, c->left_out);
	}
	if (destination_is_store(e->destination))
		left_out_note_store(progress, destination_name(e->destination),
				    e->left_out_here);
}

static const char *url_of(const void *ctx, uint32_t cache)
{
	const struct engine *e = ctx;

	if (cache == RESOLVER_HERE)
		return destination_name(e->destination);
	return e->caches[cache].conf->url;
}

/* Registers what came; and what is sure not to fit is told as soon as it is known. */
static void pump_destination(struct engine *e, int64_t now)
{
	struct nf_err why;
	int rc = destination_pump(e->destination, now, &why);

	if (!rc)
		rc = destination_check_space(e->destination, e->wanted_bytes,
					     e->wanted_paths, &why);
	if (!rc)
		return;
	engine_fail(e, NULL, rc, why.text);
	e->stopping = true;
}

int engine_run(struct engine *e, struct nf_err *err)
{
	int rc = 0;

	progress_phase(e->opts->progress, e->opts->dry_run ? "resolving" : "fetching");
	e->began_at = engine_now_ms();
	patience_begin(&e->patience, e->opts->retry_for_ms, e->began_at);
	lookup_begin(e);
	while (!rc) {
		int64_t now = engine_now_ms(), wait;

		outage_look(e, now);

		if (!e->stopping)
			stop_if_interrupted(e);
		lookup_pump(e, now);
		if (!e->stopping)
			pump_destination(e, now);
		if (!e->stopping)
			sizes_pump(e);
		download_pump(e, now);
		if (asks_more(e, &rc, err))
			continue;
		tell_totals(e);
		if (rc || is_done(e))
			break;
		wait = lookup_next_due(e, now, POLL_MS);
		wait = download_next_due(e, now, wait);
		rc = transfers_run(e->transfers, (int)wait, err);
	}
	progress_wait(e->opts->progress, "");
	remember(e);
	tell_left_out(e);
	note_left_out(e);
	dispute_list_collect(&e->result->disputes, e->resolver, url_of, e);
	return rc;
}

/* What resolving left open, and the sums. */
static void take_stock(struct engine *e)
{
	for (uint32_t id = 0; id < resolver_count(e->resolver); id++) {
		const struct resolver_node *n = resolver_node(e->resolver, id);

		e->result->nar_bytes += n->nar_size;
		if (n->state != RESOLVER_UNKNOWN)
			continue;
		engine_fail(e, n->base, n->why ? n->why : NF_E_MISSING,
			    n->why_text ? n->why_text : "it is in no cache");
	}
}

static void tell_lost(void *ctx, const char *base)
{
	engine_fail(ctx, base, NF_E_FORMAT,
		    "it is valid in the target store, but missing on the disk");
}

/* A path that could not be had does not tell what others refer to. */
static void tell_known(struct engine *e)
{
	struct fetch_result *r = e->result;
	uint32_t count = resolver_count(e->resolver);

	r->known = mem_calloc(count, sizeof(*r->known));
	for (uint32_t id = 0; id < count; id++)
		resolver_path(e->resolver, id, &r->known[r->known_count++]);
}

/* Of what is not there because the target could not be written, and of what no cache has,
 * the graver is told. */
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

	rc = engine_open(&e, opts, ret, err);
	if (rc) {
		engine_close(&e);
		return rc;
	}
	for (size_t i = 0; i < opts->target_count; i++)
		resolver_want(e.resolver, &opts->targets[i]);
	rc = engine_run(&e, err);
	take_stock(&e);
	workers_wait(e.workers, -1);
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
	engine_close(&e);
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
