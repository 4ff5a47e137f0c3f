/* Reading with several threads, in pieces, and out of step. */
#include <nixferry/bundle.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/stream.h"
#include "base/workers.h"
#include "bundle_fixture.h"

/* Made once: it has 20 MB. */
static struct {
	struct fixture f;
	uint8_t *bytes;
	size_t len;
} large;

static int make_large(void **state)
{
	(void)state;
	fixture_large(&large.f);
	large.bytes = fixture_bytes(&large.f, &large.len);
	return 0;
}

static int drop_large(void **state)
{
	(void)state;
	free(large.bytes);
	fixture_release(&large.f);
	return 0;
}

struct opened {
	struct nf_bundle *b;
	int fd;			   /* of a file */
	struct fixture_pipe *pipe; /* or this */
};

static void open_large(struct opened *o, bool pipe)
{
	*o = (struct opened){ .fd = -1 };
	if (pipe)
		o->pipe = fixture_pipe_open(large.bytes, large.len);
	else
		o->fd = fixture_file(large.bytes, large.len);
	assert_int_equal(nf_bundle_open(&o->b, pipe ? fixture_pipe_fd(o->pipe) : o->fd,
					"x", large.f.ring, NULL, NULL),
			 0);
	assert_int_equal(nf_bundle_is_seekable(o->b), !pipe);
}

static void close_large(struct opened *o)
{
	nf_bundle_free(o->b);
	if (o->pipe)
		fixture_pipe_close(o->pipe);
	else
		close(o->fd);
}

struct job {
	size_t member;
	struct nf_source *src;
	size_t runs; /* that are read before it is closed */
	int rc;
	bool same;
};

static void read_job(void *arg, size_t worker)
{
	struct job *job = arg;
	const char *expected = large.f.bytes[job->member];
	struct nf_slice run = NF_SLICE_LIT("?");
	size_t done = 0;

	(void)worker;
	job->same = true;
	while (job->runs--) {
		job->rc = source_next(job->src, &run, NULL);
		if (job->rc || run.len == 0)
			break;
		job->same &= memcmp(run.ptr, expected + done, run.len) == 0;
		done += run.len;
	}
	if (!job->rc && run.len == 0)
		job->same &= done == large.f.inputs[job->member].size;
	source_close(job->src);
}

static void open_job(struct opened *o, struct job *job, size_t member, size_t runs)
{
	*job = (struct job){ .member = member, .runs = runs };
	assert_int_equal(nf_bundle_member_source(o->b, member, &job->src, NULL), 0);
}

/* As an import does: one thread opens the members in order and reads the narinfos itself;
 * NARs wait for one of the workers. */
static void read_with_workers(struct opened *o, size_t threads, size_t runs)
{
	struct workers *w = workers_new(threads, 2 * threads);
	struct job jobs[FIXTURE_MEMBERS] = { 0 };

	for (size_t i = 0; i < large.f.count; i++) {
		open_job(o, &jobs[i], i, runs);
		if (strncmp(large.f.inputs[i].name, "nar/", 4) == 0)
			workers_submit(w, read_job, &jobs[i]);
		else
			read_job(&jobs[i], 0);
	}
	workers_free(w);
	for (size_t i = 0; i < large.f.count; i++) {
		assert_int_equal(jobs[i].rc, 0);
		assert_true(jobs[i].same);
	}
	assert_int_equal(nf_bundle_check_rest(o->b, NULL), 0);
}

static void many_threads_read_a_file(void **state)
{
	struct opened o;

	(void)state;
	open_large(&o, false);
	read_with_workers(&o, 12, SIZE_MAX);
	close_large(&o);
}

static void many_threads_read_a_pipe(void **state)
{
	(void)state;
	for (size_t threads = 1; threads <= 8; threads *= 2) {
		struct opened o;

		open_large(&o, true);
		read_with_workers(&o, threads, SIZE_MAX);
		close_large(&o);
	}
}

static void members_may_be_closed_early(void **state)
{
	(void)state;
	for (size_t runs = 0; runs < 3; runs++)
		for (int pipe = 0; pipe < 2; pipe++) {
			struct opened o;

			open_large(&o, pipe);
			read_with_workers(&o, 3, runs);
			close_large(&o);
		}
}

static void members_may_be_skipped(void **state)
{
	(void)state;
	for (int pipe = 0; pipe < 2; pipe++) {
		struct opened o;

		open_large(&o, pipe);
		for (size_t i = 3; i < large.f.count; i += 7) {
			struct job job;

			open_job(&o, &job, i, SIZE_MAX);
			read_job(&job, 0);
			assert_int_equal(job.rc, 0);
			assert_true(job.same);
		}
		assert_int_equal(nf_bundle_check_rest(o.b, NULL), 0);
		close_large(&o);
	}
}

static void a_file_is_read_in_any_order(void **state)
{
	struct opened o;

	(void)state;
	open_large(&o, false);
	for (size_t i = large.f.count; i-- > 0;) {
		struct job job;

		open_job(&o, &job, i, SIZE_MAX);
		read_job(&job, 0);
		assert_int_equal(job.rc, 0);
		assert_true(job.same);
	}
	close_large(&o);
}

static void pipe_cannot_be_read_backwards(void **state)
{
	struct nf_source *src;
	struct nf_err err;
	struct opened o;

	(void)state;
	open_large(&o, true);
	assert_int_equal(nf_bundle_member_source(o.b, 2, &src, NULL), 0);
	source_close(src);
	assert_int_equal(nf_bundle_member_source(o.b, 1, &src, &err), -NF_E_USAGE);
	assert_string_equal(
		err.text,
		"bundle 'x': member '00000000000000000000000000000000.narinfo': the members of a stream can only be read in order");
	assert_int_equal(nf_bundle_check_rest(o.b, NULL), 0);
	assert_int_equal(nf_bundle_member_source(o.b, 50, &src, NULL), -NF_E_USAGE);
	close_large(&o);
}

/* The first member is read last: the other threads continue until the window is full. */
static void slow_reader_blocks_others_only_when_the_window_is_full(void **state)
{
	struct workers *w = workers_new(1, 1);
	struct job slow, fast;
	struct opened o;
	size_t i = 0;

	(void)state;
	open_large(&o, true);
	while (large.f.inputs[i].size != 3000000)
		i++;
	open_job(&o, &slow, i, SIZE_MAX);
	open_job(&o, &fast, large.f.count - 1, SIZE_MAX);
	workers_submit(w, read_job, &fast);
	workers_wait(w, 20);
	read_job(&slow, 0);
	workers_free(w);
	assert_true(slow.same && !slow.rc);
	assert_true(fast.same && !fast.rc);
	close_large(&o);
}

static void damage_reaches_every_thread(void **state)
{
	struct workers *w = workers_new(4, 64);
	struct job jobs[FIXTURE_MEMBERS] = { 0 };
	size_t failed = 0;
	struct opened o;

	(void)state;
	o = (struct opened){ .fd = -1 };
	large.bytes[large.len / 2] ^= 1;
	o.pipe = fixture_pipe_open(large.bytes, large.len);
	assert_int_equal(nf_bundle_open(&o.b, fixture_pipe_fd(o.pipe), "x", large.f.ring,
					NULL, NULL),
			 0);
	for (size_t i = 0; i < large.f.count; i++) {
		open_job(&o, &jobs[i], i, SIZE_MAX);
		workers_submit(w, read_job, &jobs[i]);
	}
	workers_free(w);
	for (size_t i = 0; i < large.f.count; i++) {
		assert_true(jobs[i].rc == 0 || jobs[i].rc == -NF_E_HASH);
		assert_true(jobs[i].same);
		failed += jobs[i].rc != 0;
	}
	assert_true(failed > 10);
	assert_int_equal(nf_bundle_check_rest(o.b, NULL), -NF_E_HASH);
	close_large(&o);
	large.bytes[large.len / 2] ^= 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_threads_read_a_file),
		cmocka_unit_test(many_threads_read_a_pipe),
		cmocka_unit_test(members_may_be_closed_early),
		cmocka_unit_test(members_may_be_skipped),
		cmocka_unit_test(a_file_is_read_in_any_order),
		cmocka_unit_test(pipe_cannot_be_read_backwards),
		cmocka_unit_test(slow_reader_blocks_others_only_when_the_window_is_full),
		cmocka_unit_test(damage_reaches_every_thread),
	};

	return cmocka_run_group_tests(tests, make_large, drop_large);
}
