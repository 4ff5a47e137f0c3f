#include "store/daemon_send.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/workers.h"
#include "format/drv_nar.h"
#include "store/daemon_store.h"

#define IDLE_MS 100
/* More connections than processors: one waits for the daemon while another sends. */
#define LANES_EXTRA 2
/* How far past the first waiting path another one is looked for. Neighbours in a bundle
 * share blocks. */
#define WINDOW 64

#define NO_ITEM SIZE_MAX

enum item_state {
	ITEM_WAITS,
	ITEM_TAKEN,
	ITEM_VALID,
};

struct send_run {
	const struct daemon_send_options *opts;
	struct map by_base;	   /* base name -> index */
	pthread_mutex_t open_lock; /* taken before LOCK */
	pthread_mutex_t lock;	   /* of what follows */
	pthread_cond_t changed;	   /* an item has become valid, or the run has failed */
	enum item_state *states;
	size_t first; /* all before it are taken */
	size_t lanes;
	struct daemon_conn **conns; /* of each lane, while it works */
	struct nf_err error;	    /* the first */
	atomic_int failed;	    /* its code, negative */
};

struct lane {
	struct send_run *run;
	size_t index;
};

/* ---- failing ---- */

/* Ends all waits for the daemon. */
static void fail_run(struct send_run *run, int rc, const struct nf_err *err)
{
	pthread_mutex_lock(&run->lock);
	if (!run->failed) {
		run->error = *err;
		run->failed = rc;
		for (size_t i = 0; i < run->lanes; i++)
			if (run->conns[i])
				daemon_conn_abort(run->conns[i]);
	}
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

static int given_up(struct nf_err *err)
{
	return err_set(err, NF_E_INTR, "given up");
}

/* ---- what is sent next ---- */

static bool is_ready(const struct send_run *run, size_t i)
{
	const struct nf_pathinfo *info = run->opts->infos[i];

	for (size_t r = 0; r < info->nrefs; r++) {
		const uintptr_t *ref = map_get(&run->by_base, info->refs[r]);

		if (ref && *ref != i && run->states[*ref] != ITEM_VALID)
			return false;
	}
	return true;
}

/* The first item that can be sent now. All items before run->first are taken, and they
 * include what that item refers to. So an item is being sent, or that one is ready. */
static size_t find_ready(const struct send_run *run)
{
	size_t end = run->first + WINDOW;

	for (size_t i = run->first; i < run->opts->count && i < end; i++)
		if (run->states[i] == ITEM_WAITS && is_ready(run, i))
			return i;
	return NO_ITEM;
}

static size_t mark_taken(struct send_run *run, size_t i)
{
	run->states[i] = ITEM_TAKEN;
	while (run->first < run->opts->count && run->states[run->first] != ITEM_WAITS)
		run->first++;
	return i;
}

/* Called with the lock held. */
static int wait_change(struct send_run *run, struct nf_err *err)
{
	if (run->failed)
		return given_up(err);
	pthread_cond_wait(&run->changed, &run->lock);
	return 0;
}

/* *ret is NO_ITEM when none is left. */
static int take_ready(struct send_run *run, size_t *ret, struct nf_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&run->lock);
	*ret = NO_ITEM;
	while (!rc && run->first < run->opts->count) {
		size_t i = run->failed ? NO_ITEM : find_ready(run);

		if (i != NO_ITEM) {
			*ret = mark_taken(run, i);
			break;
		}
		rc = wait_change(run, err);
	}
	pthread_mutex_unlock(&run->lock);
	return rc;
}

static void take_next(struct send_run *run, size_t *ret)
{
	pthread_mutex_lock(&run->lock);
	*ret = run->first < run->opts->count ? mark_taken(run, run->first) : NO_ITEM;
	pthread_mutex_unlock(&run->lock);
}

static int wait_ready(struct send_run *run, size_t i, struct nf_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&run->lock);
	while (!rc && !is_ready(run, i))
		rc = wait_change(run, err);
	pthread_mutex_unlock(&run->lock);
	return rc;
}

/* ---- sending ---- */

/* Counts what passes, and ends where another lane has failed. */
struct lane_source {
	struct nf_source source;
	struct nf_source *in;
	struct send_run *run;
	char *bytes; /* that IN reads, or NULL */
};

static int lane_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct lane_source *l = (struct lane_source *)s;
	int rc = l->run->failed ? given_up(err) : interrupt_check(err);

	if (!rc)
		rc = source_next(l->in, ret, err);
	if (!rc)
		progress_add(l->run->opts->progress, PROGRESS_BYTES_DONE, ret->len);
	return rc;
}

static void lane_close(struct nf_source *s)
{
	struct lane_source *l = (struct lane_source *)s;

	source_close(l->in);
	free(l->bytes);
	free(l);
}

/* The daemon accepts any NAR as a derivation, so *NAR is read and checked first. It then
 * reads from *RET_BYTES (free()). */
static int check_drv(const struct nf_storepath *path, struct nf_source **nar,
		     char **ret_bytes, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *copy = NULL;
	AUTO_BUF struct buf bytes = { 0 };
	struct buf_sink sink;
	uint64_t inodes;
	int rc;

	buf_init(&bytes, DERIVATION_MAX + MIB);
	buf_sink_init(&sink, &bytes);
	rc = source_copy(*nar, &sink.sink, err);
	if (rc)
		return rc;
	copy = nf_source_of_memory(bytes.ptr, bytes.len);
	rc = drv_nar_check(path, copy, &inodes, err);
	if (rc)
		return rc;
	source_close(*nar);
	*nar = nf_source_of_memory(bytes.ptr, bytes.len);
	*ret_bytes = buf_take(&bytes);
	return 0;
}

static int open_nar(struct send_run *run, size_t i, struct nf_source **ret,
		    struct nf_err *err)
{
	const struct nf_storepath *path = &run->opts->infos[i]->path;
	AUTO(source_closep) struct nf_source *in = NULL;
	struct lane_source *l;
	char *bytes = NULL;
	int rc = run->opts->open(run->opts->ctx, i, &in, err);

	if (!rc && nf_storepath_is_drv(path))
		rc = check_drv(path, &in, &bytes, err);
	if (rc)
		return rc;
	l = mem_alloc(sizeof(*l));
	*l = (struct lane_source){ { lane_next, lane_close }, TAKE_PTR(in), run, bytes };
	*ret = &l->source;
	return 0;
}

static int take_item(struct send_run *run, size_t *ret, struct nf_source **ret_nar,
		     struct nf_err *err)
{
	int rc = 0;

	*ret = NO_ITEM;
	if (!run->opts->is_stream)
		rc = take_ready(run, ret, err);
	pthread_mutex_lock(&run->open_lock);
	if (run->opts->is_stream)
		take_next(run, ret);
	if (!rc && *ret != NO_ITEM)
		rc = open_nar(run, *ret, ret_nar, err);
	pthread_mutex_unlock(&run->open_lock);
	if (!rc && *ret != NO_ITEM && run->opts->is_stream)
		rc = wait_ready(run, *ret, err);
	return rc;
}

static void mark_valid(struct send_run *run, size_t i)
{
	pthread_mutex_lock(&run->lock);
	run->states[i] = ITEM_VALID;
	if (run->opts->done)
		run->opts->done(run->opts->ctx, i);
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
	progress_add(run->opts->progress, PROGRESS_PATHS_DONE, 1);
}

static int send_item(struct send_run *run, struct daemon_conn *c, size_t i,
		     struct nf_source *nar, struct nf_err *err)
{
	const struct nf_pathinfo *info = run->opts->infos[i];
	int item = progress_begin(run->opts->progress, "add", info->path.base);
	int rc = daemon_store_add(c, info, nar, err);

	progress_end(run->opts->progress, item);
	if (!rc)
		mark_valid(run, i);
	return rc;
}

/* Sends items until none is left. */
static int send_items(struct send_run *run, struct daemon_conn *c, struct nf_err *err)
{
	for (;;) {
		AUTO(source_closep) struct nf_source *nar = NULL;
		size_t i;
		int rc = take_item(run, &i, &nar, err);

		if (!rc && i == NO_ITEM)
			return 0;
		if (!rc)
			rc = send_item(run, c, i, nar, err);
		if (rc == -NF_E_INTR || (rc && i == NO_ITEM))
			return rc;
		if (rc)
			return err_prefix(err, rc, "'" NF_STORE_DIR "/%s'",
					  run->opts->infos[i]->path.base);
	}
}

static void set_conn(struct lane *l, struct daemon_conn *c)
{
	pthread_mutex_lock(&l->run->lock);
	l->run->conns[l->index] = c;
	if (c && l->run->failed)
		daemon_conn_abort(c);
	pthread_mutex_unlock(&l->run->lock);
}

static void run_lane(void *job, size_t worker)
{
	struct lane *l = job;
	AUTO(daemon_conn_freep) struct daemon_conn *c = NULL;
	struct nf_err err = { 0 };
	int rc;

	(void)worker;
	rc = daemon_conn_open(&c, l->run->opts->socket, l->run->opts->progress, &err);
	if (!rc) {
		set_conn(l, c);
		rc = send_items(l->run, c, &err);
		set_conn(l, NULL);
	}
	if (rc)
		fail_run(l->run, rc, &err);
}

static void run_lanes(struct send_run *run)
{
	struct workers *w = workers_new(run->lanes, run->lanes);
	AUTO_FREE struct lane *lanes = mem_calloc(run->lanes, sizeof(*lanes));
	struct nf_err err = { 0 };
	size_t count = run->lanes;
	int rc;

	for (size_t i = 0; i < count; i++) {
		lanes[i] = (struct lane){ run, i };
		workers_submit(w, run_lane, &lanes[i]);
	}
	while (!workers_wait(w, IDLE_MS)) {
		rc = interrupt_check(&err);
		if (rc)
			fail_run(run, rc, &err);
	}
	workers_free(w);
}

static size_t lane_count(const struct daemon_send_options *opts)
{
	size_t lanes = opts->jobs ? opts->jobs : workers_cpu_count() + LANES_EXTRA;

	return lanes < opts->count ? lanes : opts->count;
}

static uint64_t index_items(struct send_run *run)
{
	const struct daemon_send_options *o = run->opts;
	uint64_t bytes = 0;
	bool is_new;

	map_init(&run->by_base);
	for (size_t i = 0; i < o->count; i++) {
		*map_put(&run->by_base, nf_storepath_base(&o->infos[i]->path), &is_new) =
			i;
		bytes += o->infos[i]->nar_size;
	}
	return bytes;
}

int daemon_send(const struct daemon_send_options *opts, struct nf_err *err)
{
	struct send_run run = {
		.opts = opts,
		.open_lock = PTHREAD_MUTEX_INITIALIZER,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.lanes = lane_count(opts),
	};

	if (!opts->count)
		return 0;
	progress_add(opts->progress, PROGRESS_PATHS_TOTAL, opts->count);
	progress_add(opts->progress, PROGRESS_BYTES_TOTAL, index_items(&run));
	run.states = mem_calloc(opts->count, sizeof(*run.states));
	run.conns = mem_calloc(run.lanes, sizeof(struct daemon_conn *));
	run_lanes(&run);
	free(run.states);
	free(run.conns);
	map_release(&run.by_base);
	pthread_cond_destroy(&run.changed);
	pthread_mutex_destroy(&run.lock);
	pthread_mutex_destroy(&run.open_lock);
	if (run.failed && err)
		*err = run.error;
	return run.failed;
}
