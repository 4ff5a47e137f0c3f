/* A whole fetch: what was fetched, what was not, and the counters of the result. */
#include "fetch/fetch.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine_fixture.h"

/* "top" refers to "left" and "right". */
struct made_closure {
	struct made left, right, top;
};

static void closure_init(struct made_closure *c, struct engine_fixture *f)
{
	made_init(&c->left, f->pool, "left", "left, longer", NULL);
	made_init(&c->right, f->pool, "right", "right", NULL);
	made_init(&c->top, f->pool, "top", "top",
		  (struct made *const[]){ &c->left, &c->right, NULL });
	engine_fixture_add_cache(f);
	engine_fixture_want(f, &c->top);
}

static void closure_release(struct made_closure *c)
{
	made_release(&c->left);
	made_release(&c->right);
	made_release(&c->top);
}

static void closure_offer(struct made_closure *c, struct engine_fixture *f)
{
	engine_fixture_offer(f, 0, &c->left);
	engine_fixture_offer(f, 0, &c->right);
	engine_fixture_offer(f, 0, &c->top);
}

static void paths_and_bytes_are_counted(void **state)
{
	struct engine_fixture *f = *state;
	struct made_closure c;
	uint64_t bytes;

	closure_init(&c, f);
	closure_offer(&c, f);
	pool_fixture_ingest(f->pool, &c.right, 1);
	engine_fixture_fetch(f);
	assert_fetched(f);
	bytes = c.left.nar.len + c.top.nar.len;
	assert_int_equal(f->result.paths, 3);
	assert_int_equal(f->result.in_pool, 1);
	assert_int_equal(f->result.fetched, 2);
	assert_int_equal(f->result.nar_bytes, bytes + c.right.nar.len);
	assert_int_equal(f->result.to_fetch_bytes, bytes);
	assert_int_equal(f->result.fetched_bytes, bytes);
	assert_int_equal(f->result.resumed_bytes, 0);
	assert_int_equal(f->result.caches[0].nars, 2);
	assert_int_equal(f->result.caches[0].bytes, bytes);
	assert_int_equal(f->result.failure_count, 0);
	assert_int_equal(engine_fixture_asked(f, 0, "nar/right"), 0);
	closure_release(&c);
}

static void a_second_run_fetches_nothing(void **state)
{
	struct engine_fixture *f = *state;
	struct made_closure c;

	closure_init(&c, f);
	closure_offer(&c, f);
	engine_fixture_fetch(f);
	assert_fetched(f);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(f->result.paths, 3);
	assert_int_equal(f->result.in_pool, 3);
	assert_int_equal(f->result.fetched, 0);
	assert_int_equal(f->result.fetched_bytes, 0);
	assert_int_equal(engine_fixture_asked(f, 0, "nar/top"), 1);
	closure_release(&c);
}

static void dry_run_only_queries(void **state)
{
	struct engine_fixture *f = *state;
	struct made_closure c;

	closure_init(&c, f);
	closure_offer(&c, f);
	f->opts.dry_run = true;
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(f->result.paths, 3);
	assert_int_equal(f->result.fetched, 0);
	assert_int_equal(f->result.to_fetch_bytes,
			 c.left.nar.len + c.right.nar.len + c.top.nar.len);
	assert_int_equal(engine_fixture_asked(f, 0, "nar/top"), 0);
	assert_int_equal(pool_fixture_count(f->pool, "nar"), 0);
	closure_release(&c);
}

/* "right" is missing; "left" is only looked for after that. */
static void make_right_missing(struct made_closure *c, struct engine_fixture *f)
{
	const struct fake_answer late = {
		.status = 200,
		.after_ms = 5000,
		.body = nf_slice_str(engine_fixture_narinfo(f, &c->left)),
	};

	engine_fixture_answer(f, 0, engine_fixture_narinfo_file(f, &c->left), &late);
	engine_fixture_offer(f, 0, &c->left);
	engine_fixture_offer(f, 0, &c->top);
	engine_fixture_offer_narinfo(f, 0, &c->right);
}

static void a_failure_names_the_path_and_keeps_the_rest(void **state)
{
	struct engine_fixture *f = *state;
	struct made_closure c;

	closure_init(&c, f);
	make_right_missing(&c, f);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_MISSING);
	assert_text(f->err.text, "-right'");
	assert_int_equal(f->result.failure_count, 1);
	assert_string_equal(f->result.failures[0].path, c.right.info.path.base);
	assert_int_equal(f->result.failures[0].code, NF_E_MISSING);
	assert_int_equal(f->result.known_count, 3);
	assert_int_equal(f->result.fetched, 2);
	assert_true(engine_fixture_has(f, &c.left));
	assert_true(engine_fixture_has(f, &c.top));
	closure_release(&c);
}

static void without_keep_going_the_first_failure_ends_the_fetch(void **state)
{
	struct engine_fixture *f = *state;
	struct made_closure c;

	closure_init(&c, f);
	make_right_missing(&c, f);
	f->opts.keep_going = false;
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_MISSING);
	assert_false(engine_fixture_has(f, &c.left));
	assert_true(fake_transport_now(f->net) < 5000);
	closure_release(&c);
}

/* Of several reasons, a fault outweighs an absence. */
static void most_severe_failure_is_returned(void **state)
{
	struct engine_fixture *f = *state;
	struct fake_answer wrong = { .status = 200, .after_ms = 1000 };
	AUTO_FREE char *bytes = NULL;
	struct made_closure c;

	closure_init(&c, f);
	bytes = mem_calloc(c.left.nar.len, 1);
	wrong.body = nf_slice(bytes, c.left.nar.len);
	engine_fixture_offer(f, 0, &c.top);
	engine_fixture_offer_narinfo(f, 0, &c.right);
	engine_fixture_offer_narinfo(f, 0, &c.left);
	engine_fixture_answer(f, 0, "nar/left", &wrong);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_FORMAT);
	assert_text(f->err.text, "-left'");
	assert_int_equal(f->result.failure_count, 2);
	assert_int_equal(f->result.failures[0].code, NF_E_MISSING);
	closure_release(&c);
}

static void paths_of_a_failed_run_are_not_fetched_again(void **state)
{
	struct engine_fixture *f = *state;
	struct fake_answer whole = { .status = 200, .has_ranges = true, .etag = "\"a\"" };
	struct fake_answer broken, down = { .status = 503 };
	struct made m;

	made_init_random(&m, f->pool, "large", 500000);
	engine_fixture_add_cache(f);
	engine_fixture_offer_narinfo(f, 0, &m);
	whole.body = buf_slice(&m.nar);
	broken = whole;
	broken.breaks_at = 400000;
	engine_fixture_answer(f, 0, "nar/large", &broken);
	/* Once per retry. */
	for (int i = 1; i < 5; i++)
		engine_fixture_answer(f, 0, "nar/large", &down);
	engine_fixture_answer(f, 0, "nar/large", &whole);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_NET);
	assert_int_equal(f->result.fetched_bytes, 400000);
	assert_false(engine_fixture_has(f, &m));

	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(f->result.resumed_bytes, 400000);
	assert_int_equal(f->result.fetched_bytes, m.nar.len - 400000);
	assert_true(engine_fixture_has(f, &m));
	made_release(&m);
}

static void without_caches_only_local_paths_are_found(void **state)
{
	struct engine_fixture *f = *state;
	struct made m, absent;

	made_init(&m, f->pool, "here", "here", NULL);
	made_init(&absent, f->pool, "not-here", "x", NULL);
	pool_fixture_ingest(f->pool, &m, 1);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(f->result.in_pool, 1);
	engine_fixture_want(f, &absent);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_MISSING);
	made_release(&m);
	made_release(&absent);
}

/* What the callback was asked, and what it says. */
struct check {
	int rc;
	size_t calls, paths;
};

static int check_sizes(void *ctx, const struct fetch_sizes *sizes, struct nf_err *err)
{
	struct check *c = ctx;

	c->calls++;
	c->paths = sizes->paths;
	return c->rc ? err_set(err, NF_E_NOSPACE, "too large") : 0;
}

static void oversized_closure_is_refused_before_any_nar_request(void **state)
{
	struct engine_fixture *f = *state;
	struct check check = { .rc = 1 };
	struct made_closure c;

	closure_init(&c, f);
	closure_offer(&c, f);
	f->opts.check_sizes = check_sizes;
	f->opts.check_ctx = &check;
	f->opts.check_first = true;
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_NOSPACE);
	assert_int_equal(check.calls, 1);
	assert_int_equal(check.paths, 3);
	assert_int_equal(engine_fixture_asked(f, 0, "nar/top"), 0);
	check = (struct check){ 0 };
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(check.calls, 1);
	assert_int_equal(f->result.fetched, 3);
	closure_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(paths_and_bytes_are_counted),
		ENGINE_TEST(a_second_run_fetches_nothing),
		ENGINE_TEST(dry_run_only_queries),
		ENGINE_TEST(a_failure_names_the_path_and_keeps_the_rest),
		ENGINE_TEST(without_keep_going_the_first_failure_ends_the_fetch),
		ENGINE_TEST(most_severe_failure_is_returned),
		ENGINE_TEST(paths_of_a_failed_run_are_not_fetched_again),
		ENGINE_TEST(without_caches_only_local_paths_are_found),
		ENGINE_TEST(oversized_closure_is_refused_before_any_nar_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
