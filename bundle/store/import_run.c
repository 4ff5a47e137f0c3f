#include "store/import_run.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/workers.h"
#include "format/nar_checked.h"
#include "store/import_patch.h"

#define IDLE_MS 500
/* A NAR is large if its size exceeds this fraction of one thread's share of the work. */
#define LARGE_PART 32

struct import_run {
	const struct import_run_options *opts;
	bool seekable;
	pthread_mutex_t lock;	   /* guards the errors */
	struct nf_err error;	   /* the first failure */
	atomic_int failed;	   /* its code, negative */
	struct nf_err patch_error; /* the first of a patch */
	int patch_failed;
};

/* One member of the bundle and the paths that it holds. */
struct import_job {
	struct import_run *run;
	struct import_path **paths;
	size_t count;
	uint64_t size; /* total size of their NARs */
	bool large;
	struct nf_source *src; /* already opened, for a stream */
};

struct counted_source {
	struct nf_source source;
	struct nf_source *in;
	struct import_run *run;
	int item; /* in the progress */
	uint64_t done, total;
};

static int counted_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct counted_source *w = (struct counted_source *)s;
	int rc;

	if (w->run->failed)
		return err_set(err, NF_E_INTR, "given up");
	rc = source_next(w->in, ret, err);
	if (rc)
		return rc;
	w->done += ret->len;
	progress_add(w->run->opts->progress, PROGRESS_BYTES_DONE, ret->len);
	progress_item(w->run->opts->progress, w->item, w->done, w->total);
	return 0;
}

static void counted_close(struct nf_source *s)
{
	struct counted_source *w = (struct counted_source *)s;

	source_close(w->in);
	free(w);
}

static struct nf_source *watch(struct nf_source *in, struct import_run *run, int item,
			       uint64_t total)
{
	struct counted_source *w = mem_calloc(1, sizeof(*w));

	w->source = (struct nf_source){ counted_next, counted_close };
	w->in = in;
	w->run = run;
	w->item = item;
	w->total = total;
	return &w->source;
}

static void set_failed(struct import_run *run, int rc, const struct nf_err *err)
{
	pthread_mutex_lock(&run->lock);
	if (!run->failed) {
		run->error = *err;
		run->failed = rc;
	}
	pthread_mutex_unlock(&run->lock);
}

/* A patch that cannot be applied does not keep the other paths out. */
static int lose_patch(struct import_run *run, struct import_path *path, int rc,
		      struct nf_err *err)
{
	rc = import_patch_explain(run->opts->plan, path, rc, err);
	rc = err_prefix(err, rc, "'" NF_STORE_DIR "/%s'", path->ni.info.path.base);
	progress_note(run->opts->progress, "%s", err->text);
	pthread_mutex_lock(&run->lock);
	if (!run->patch_failed) {
		run->patch_error = *err;
		run->patch_failed = rc;
	}
	pthread_mutex_unlock(&run->lock);
	return 0;
}

static bool is_lost_patch(const struct import_run *run, const struct import_path *path,
			  int rc)
{
	return import_patch_is(run->opts->plan, path) &&
	       (rc == -NF_E_HASH || rc == -NF_E_FORMAT || rc == -NF_E_MISSING);
}

static int pass_by(struct nf_source *member, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *in = member;

	return source_drain(in, err);
}

static int consume_nar(struct import_run *run, struct import_path *path,
		       struct nf_source *member, struct nf_err *err)
{
	const struct import_run_options *o = run->opts;
	const char *base = path->ni.info.path.base;
	int item = progress_begin(o->progress, o->verb, base);
	AUTO(source_closep)
	struct nf_source *nar =
		watch(nar_checked_source(
			      import_patch_decode(o->plan, path, o->store_fd, member),
			      &path->trusted),
		      run, item, path->ni.info.nar_size);
	int rc = o->consume(o->ctx, path, nar, err);

	progress_end(o->progress, item);
	if (is_lost_patch(run, path, rc))
		return lose_patch(run, path, rc, err);
	if (rc)
		return rc == -NF_E_INTR
			       ? rc
			       : err_prefix(err, rc, "'" NF_STORE_DIR "/%s'", base);
	path->state = IMPORT_UNPACKED;
	progress_add(o->progress, PROGRESS_PATHS_DONE, 1);
	return 0;
}

static int consume(struct import_run *run, struct import_path *path,
		   struct nf_source *member, struct nf_err *err)
{
	const struct import_run_options *o = run->opts;

	return o->store_fd < 0 && import_patch_is(o->plan, path)
		       ? pass_by(member, err)
		       : consume_nar(run, path, member, err);
}

/* A stream passes each member only once. */
static int spool(struct import_job *j, int *ret_fd, uint64_t *ret_size,
		 struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *src = TAKE_PTR(j->src);
	AUTO_FD int fd =
		openat(j->run->opts->spool_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct fd_sink sink;
	int rc;

	if (fd < 0)
		return err_sys(err, "cannot create a temporary file");
	fd_sink_init(&sink, fd, NULL, NULL);
	rc = source_copy(src, &sink.sink, err);
	if (rc)
		return rc;
	*ret_size = sink.written;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int run_spooled(struct import_job *j, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	uint64_t size = 0;
	int rc = spool(j, &fd, &size, err);

	for (size_t i = 0; !rc && i < j->count; i++)
		rc = consume(j->run, j->paths[i], nf_source_of_fd_range(fd, 0, size),
			     err);
	return rc;
}

static int run_paths(struct import_job *j, struct nf_err *err)
{
	struct nf_bundle *b = j->run->opts->plan->bundle;
	int rc = 0;

	if (j->src && j->count > 1)
		return run_spooled(j, err);
	if (j->src)
		return consume(j->run, j->paths[0], TAKE_PTR(j->src), err);
	for (size_t i = 0; !rc && i < j->count; i++) {
		struct nf_source *src;

		rc = nf_bundle_member_source(b, j->paths[i]->member, &src, err);
		if (!rc)
			rc = consume(j->run, j->paths[i], src, err);
	}
	return rc;
}

static void run_job(void *job, size_t worker)
{
	struct import_job *j = job;
	struct nf_err err = { 0 };
	int rc;

	(void)worker;
	if (!j->run->failed) {
		rc = run_paths(j, &err);
		if (rc)
			set_failed(j->run, rc, &err);
	}
	source_closep(&j->src);
}

/* Large members by size, then the others in file order. */
static int cmp_jobs(const void *a, const void *b)
{
	const struct import_job *x = a, *y = b;

	if (x->large != y->large)
		return x->large ? -1 : 1;
	if (x->large && x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return import_plan_cmp_members(x->paths, y->paths);
}

static size_t collect_wanted(struct import_plan *plan, struct import_path **ret)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		if (plan->paths[i].state == IMPORT_WANTED)
			ret[count++] = &plan->paths[i];
	if (count)
		qsort(ret, count, sizeof(struct import_path *), import_plan_cmp_members);
	return count;
}

/* JOBS has room for one job per path; returns the number of jobs. */
static size_t make_jobs(struct import_run *run, struct import_path **paths, size_t count,
			struct import_job *jobs)
{
	size_t njobs = 0;

	for (size_t i = 0; i < count; i++) {
		struct import_job *j = &jobs[njobs ? njobs - 1 : 0];

		if (!njobs || j->paths[0]->member != paths[i]->member) {
			j = &jobs[njobs++];
			*j = (struct import_job){ .run = run, .paths = &paths[i] };
		}
		j->count++;
		j->size += paths[i]->ni.info.nar_size;
	}
	return njobs;
}

/* In file order, references come first, so that their referrers can be registered soon,
 * and neighbours share blocks, each of which is verified as a whole. But a large NAR at
 * the end would occupy one thread while the others are idle. Therefore the large ones,
 * the largest first, are interleaved with the others from the start, byte for byte. */
static void order_jobs(struct import_job *jobs, size_t count, size_t threads)
{
	AUTO_FREE struct import_job *sorted = mem_dup(jobs, count * sizeof(*jobs));
	uint64_t total = 0, large_bytes = 0, other_bytes = 0;
	size_t nlarge = 0, large = 0, other;

	for (size_t i = 0; i < count; i++)
		total += jobs[i].size;
	for (size_t i = 0; i < count; i++) {
		sorted[i].large = jobs[i].size > total / threads / LARGE_PART;
		nlarge += sorted[i].large;
	}
	if (count)
		qsort(sorted, count, sizeof(*sorted), cmp_jobs);
	other = nlarge;
	for (size_t i = 0; i < count; i++) {
		if (large < nlarge && (other == count || large_bytes <= other_bytes)) {
			large_bytes += sorted[large].size;
			jobs[i] = sorted[large++];
		} else {
			other_bytes += sorted[other].size;
			jobs[i] = sorted[other++];
		}
	}
}

/* Called between jobs on the calling thread; returns false to end the run. */
static bool go_on(struct import_run *run)
{
	struct nf_err err = { 0 };
	int rc = interrupt_check(&err);

	if (!rc && !run->failed && run->opts->idle)
		rc = run->opts->idle(run->opts->ctx, &err);
	if (rc)
		set_failed(run, rc, &err);
	return !run->failed;
}

/* A stream's members are opened here, in order. At most as many wait as there are
 * threads. */
static void submit(struct import_run *run, struct workers *w, struct import_job *jobs,
		   size_t count)
{
	struct nf_err err = { 0 };
	int rc = 0;

	for (size_t i = 0; i < count && go_on(run); i++) {
		if (!run->seekable)
			rc = nf_bundle_member_source(run->opts->plan->bundle,
						     jobs[i].paths[0]->member,
						     &jobs[i].src, &err);
		if (rc) {
			set_failed(run, rc, &err);
			break;
		}
		workers_submit(w, run_job, &jobs[i]);
	}
	while (!workers_wait(w, IDLE_MS))
		go_on(run);
}

const char *import_run_temp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir ? dir : "/tmp";
}

int import_run(const struct import_run_options *opts, struct nf_err *err)
{
	struct import_run run = { .opts = opts, .lock = PTHREAD_MUTEX_INITIALIZER };
	size_t threads = opts->jobs ? opts->jobs : workers_cpu_count();
	AUTO_FREE struct import_path **paths =
		mem_calloc(opts->plan->count, sizeof(struct import_path *));
	AUTO_FREE struct import_job *jobs = mem_calloc(opts->plan->count, sizeof(*jobs));
	size_t count = collect_wanted(opts->plan, paths);
	struct import_totals totals = import_plan_totals(opts->plan, IMPORT_WANTED);
	struct workers *w;

	run.seekable = nf_bundle_is_seekable(opts->plan->bundle);
	count = make_jobs(&run, paths, count, jobs);
	if (run.seekable)
		order_jobs(jobs, count, threads);
	progress_add(opts->progress, PROGRESS_PATHS_TOTAL, totals.paths);
	progress_add(opts->progress, PROGRESS_BYTES_TOTAL, totals.bytes);
	w = workers_new(threads, run.seekable && count > threads ? count : threads);
	submit(&run, w, jobs, count);
	workers_free(w);
	pthread_mutex_destroy(&run.lock);
	if (err && (run.failed || run.patch_failed))
		*err = run.failed ? run.error : run.patch_error;
	return run.failed ? run.failed : run.patch_failed;
}
