/* The sizes that the pool will need, and how long NARs wait for them. */
#include "fetch/sizes.h"

#include <string.h>

#include "engine_fixture.h"

static void least_size_allows_for_another_encoding(void **state)
{
	static const struct {
		const char *compression;
		int level;
		uint64_t size, least;
	} rows[] = {
		{ "zstd", POOL_KEEP, 4000, 4000 },
		{ "zstd", 3, 4000, 3000 },
		{ "xz", 19, 4000, 3000 },
		{ "none", POOL_KEEP, 4000, 4000 },
		{ "none", 3, 4000, 0 },
		{ "lz4", 3, 4000, 0 },
		{ "unheard-of", 3, 4000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct resolver_offer o = { .compression = rows[i].compression,
					    .file_size = rows[i].size };
		const struct resolver_node n = { .offers = &o };

		if (sizes_least(&n, rows[i].level) != rows[i].least)
			fail_msg("%s, level %d", rows[i].compression, rows[i].level);
	}
}

static void least_size_is_that_of_the_smallest_offer(void **state)
{
	struct resolver_offer large = { .compression = "xz", .file_size = 4000 };
	struct resolver_offer small = { .compression = "zstd", .file_size = 1000 };
	const struct resolver_node n = { .offers = &large }, none = { 0 };

	(void)state;
	large.next = &small;
	assert_int_equal(sizes_least(&n, POOL_KEEP), 1000);
	assert_int_equal(sizes_least(&none, POOL_KEEP), 0);
}

static int count_call(void *ctx, const struct fetch_sizes *sizes, struct nf_err *err)
{
	(void)sizes;
	(void)err;
	(*(int *)ctx)++;
	return 0;
}

/* A path whose narinfo arrives after LATE_MS, and the time at which the NAR of another
 * one is requested. */
static int64_t nar_requested_at(struct engine_fixture *f, int64_t late_ms, int *ret_calls)
{
	struct fake_answer late = { .status = 200, .after_ms = late_ms };
	const char *text;
	struct made a, b;
	int64_t at;

	made_init(&a, f->pool, "a", "text", NULL);
	made_init(&b, f->pool, "b", "other text", NULL);
	engine_fixture_add_cache(f);
	engine_fixture_offer(f, 0, &a);
	text = engine_fixture_narinfo(f, &b);
	late.body = nf_slice_str(text);
	engine_fixture_answer(
		f, 0, engine_fixture_nar_file(f, &b),
		&(struct fake_answer){ .status = 200, .body = buf_slice(&b.nar) });
	engine_fixture_answer(f, 0, engine_fixture_narinfo_file(f, &b), &late);
	engine_fixture_want(f, &a);
	engine_fixture_want(f, &b);
	*ret_calls = 0;
	f->opts.check_sizes = count_call;
	f->opts.check_ctx = ret_calls;
	engine_fixture_fetch(f);
	assert_fetched(f);
	at = fake_transport_request(
		     f->net, engine_fixture_url(f, 0, engine_fixture_nar_file(f, &a)), 0)
		     ->at;
	made_release(&a);
	made_release(&b);
	return at;
}

static void nars_wait_for_the_sizes_but_not_for_a_slow_cache(void **state)
{
	static const struct {
		bool first;
		int64_t late_ms, least, most;
	} rows[] = {
		{ true, 2000, 2000, 3000 },
		{ true, 20000, 10000, 11000 },
		{ false, 2000, 0, 1000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct engine_fixture *f = *state;
		int calls;
		int64_t at;

		f->opts.check_first = rows[i].first;
		at = nar_requested_at(f, rows[i].late_ms, &calls);
		assert_in_range(at, rows[i].least, rows[i].most);
		assert_int_equal(calls, 1);
		engine_fixture_teardown(state);
		engine_fixture_setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(least_size_allows_for_another_encoding),
		cmocka_unit_test(least_size_is_that_of_the_smallest_offer),
		ENGINE_TEST(nars_wait_for_the_sizes_but_not_for_a_slow_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
