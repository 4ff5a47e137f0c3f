/* Parts of files, as the real engine requests them: ranges, ETags and refusals. */
#include "fetch/part.h"

#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine_fixture.h"

/* A large path, and the request for its NAR. */
struct part_fixture {
	struct engine_fixture *f;
	struct made m;
	const char *file, *url;
	struct fake_answer whole;
};

static void fixture_make(struct part_fixture *x, void **state, size_t len, bool says_size)
{
	x->f = *state;
	made_init_random(&x->m, x->f->pool, "large", len);
	x->file = engine_fixture_nar_file(x->f, &x->m);
	x->url = engine_fixture_url(x->f, 0, x->file);
	x->whole = (struct fake_answer){
		.status = 200,
		.body = buf_slice(&x->m.nar),
		.has_ranges = true,
		.etag = "\"a\"",
	};
	engine_fixture_add_cache(x->f);
	engine_fixture_answer_text(
		x->f, 0, engine_fixture_narinfo_file(x->f, &x->m),
		engine_fixture_narinfo_of(x->f, &x->m, "none",
					  says_size ? x->m.nar.len : 0));
	engine_fixture_want(x->f, &x->m);
}

static void fixture_init(struct part_fixture *x, void **state, size_t len)
{
	fixture_make(x, state, len, true);
}

static void fixture_add(struct part_fixture *x, const struct fake_answer *a)
{
	engine_fixture_answer(x->f, 0, x->file, a);
}

static const struct fake_request *request(const struct part_fixture *x, size_t n)
{
	return fake_transport_request(x->f->net, x->url, n);
}

static size_t count(const struct part_fixture *x)
{
	return fake_transport_count(x->f->net, x->url);
}

static void fixture_release(struct part_fixture *x)
{
	made_release(&x->m);
}

/* Not every server has ranges: none is requested without need. */
static void whole_file_is_requested_without_a_range(void **state)
{
	struct part_fixture x;

	fixture_init(&x, state, 300000);
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(count(&x), 1);
	assert_int_equal(request(&x, 0)->range_start, 0);
	assert_int_equal(request(&x, 0)->range_end, 0);
	assert_null(request(&x, 0)->if_range);
	assert_int_equal(x.f->result.fetched_bytes, x.m.nar.len);
	fixture_release(&x);
}

static void broken_transfer_resumes_where_it_stopped(void **state)
{
	struct part_fixture x;
	struct fake_answer broken;

	fixture_init(&x, state, 300000);
	broken = x.whole;
	broken.breaks_at = 100001;
	fixture_add(&x, &broken);
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(count(&x), 2);
	assert_int_equal(request(&x, 1)->range_start, 100001);
	assert_string_equal(request(&x, 1)->if_range, "\"a\"");
	/* No byte came twice. */
	assert_int_equal(x.f->result.fetched_bytes, x.m.nar.len);
	assert_true(engine_fixture_has(x.f, &x.m));
	fixture_release(&x);
}

/* More failures than a cache without any progress may have. */
static void a_cache_that_keeps_breaking_off_is_used_while_bytes_come(void **state)
{
	struct part_fixture x;

	fixture_init(&x, state, 2 * MIB);
	x.whole.breaks_at = 100000;
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(count(&x), x.m.nar.len / 100000 + 1);
	assert_int_equal(x.f->result.fetched_bytes, x.m.nar.len);
	assert_null(x.f->result.caches[0].left_out);
	fixture_release(&x);
}

/* It starts from nothing each time: bytes that come again are no progress. */
static void waiting_ends_for_a_cache_that_gets_nowhere(void **state)
{
	struct part_fixture x;
	struct fake_answer broken;

	fixture_init(&x, state, 300000);
	x.f->opts.retry_for_ms = (int64_t)60 * 1000;
	x.whole.has_ranges = false;
	broken = x.whole;
	broken.breaks_at = 1000;
	for (int i = 0; i < 50; i++)
		fixture_add(&x, &broken);
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_int_equal(x.f->rc, -NF_E_NET);
	assert_in_range(fake_transport_now(x.f->net), 60000, 100000);
	fixture_release(&x);
}

/* Some servers send the whole file as a range. Without its size, the range may be any
 * beginning of the file. */
static void an_unrequested_range_must_be_the_whole_file(void **state)
{
	for (int no_total = 0; no_total < 2; no_total++) {
		struct part_fixture x;

		fixture_make(&x, state, 1000, false);
		x.whole.always_ranges = true;
		x.whole.no_total = no_total;
		fixture_add(&x, &x.whole);
		engine_fixture_fetch(x.f);
		if (no_total) {
			assert_int_equal(x.f->rc, -NF_E_FORMAT);
			assert_text(x.f->err.text, "another range than requested");
			assert_int_equal(x.f->result.fetched_bytes, 0);
		} else {
			assert_fetched(x.f);
		}
		fixture_release(&x);
		engine_fixture_teardown(state);
		engine_fixture_setup(state);
	}
}

/* The file there is another one by now. */
static void changed_etag_restarts_the_download(void **state)
{
	struct part_fixture x;
	struct fake_answer broken, other;
	AUTO_FREE char *bytes = NULL;

	fixture_init(&x, state, 300000);
	bytes = mem_alloc(x.m.nar.len);
	memset(bytes, 'x', x.m.nar.len);
	broken = other = x.whole;
	broken.body.ptr = bytes;
	broken.breaks_at = 200000;
	other.etag = "\"b\"";
	fixture_add(&x, &broken);
	fixture_add(&x, &other);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_true(engine_fixture_has(x.f, &x.m));
	assert_string_equal(request(&x, 1)->if_range, "\"a\"");
	assert_int_equal(request(&x, count(&x) - 1)->range_start, 0);
	/* The bytes of the first file do not count as a lie. */
	assert_null(strstr(x.f->notes.ptr, "wrong"));
	fixture_release(&x);
}

static void server_without_ranges_resends_everything(void **state)
{
	struct part_fixture x;
	struct fake_answer broken;

	fixture_init(&x, state, 300000);
	x.whole.has_ranges = false;
	broken = x.whole;
	broken.breaks_at = 250000;
	fixture_add(&x, &broken);
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(request(&x, count(&x) - 1)->range_start, 0);
	assert_true(engine_fixture_has(x.f, &x.m));
	fixture_release(&x);
}

/* Its size was never reported, and the last byte arrived before the connection broke:
 * that nothing follows means that it is complete. */
static void error_after_the_last_byte_leaves_the_file_complete(void **state)
{
	struct part_fixture x;
	struct fake_answer broken;

	fixture_make(&x, state, 100000, false);
	x.whole.no_length = true;
	broken = x.whole;
	broken.breaks_at = x.m.nar.len;
	fixture_add(&x, &broken);
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(count(&x), 2);
	assert_int_equal(request(&x, 1)->range_start, x.m.nar.len);
	assert_int_equal(x.f->result.fetched_bytes, x.m.nar.len);
	fixture_release(&x);
}

static void busy_server_is_retried_later(void **state)
{
	struct part_fixture x;

	fixture_init(&x, state, 1000);
	fixture_add(&x, &(struct fake_answer){ .status = 502 });
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(count(&x), 2);
	assert_true(request(&x, 1)->at > request(&x, 0)->at);
	fixture_release(&x);
}

static void implausible_files_are_refused(void **state)
{
	static char large[3 * MIB];
	static const struct {
		struct fake_answer answer;
		int code;
		const char *why;
	} rows[] = {
		{ { .status = 200 }, NF_E_FORMAT, "it is empty" },
		{ { .status = 200, .body = { large, sizeof(large) } },
		  NF_E_LIMIT,
		  "a file of 3145728 bytes for a NAR of" },
		{ { .status = 200, .body = { large, sizeof(large) }, .no_length = true },
		  NF_E_LIMIT,
		  "too long" },
		{ { .status = 401 }, NF_E_NET, "status 401" },
		{ { .status = 410 }, NF_E_MISSING, "status 410" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct part_fixture x;

		fixture_init(&x, state, 1000);
		fixture_add(&x, &rows[i].answer);
		engine_fixture_fetch(x.f);
		if (x.f->rc != -rows[i].code)
			fail_msg("%s: %s", rows[i].why, x.f->err.text);
		assert_text(x.f->err.text, rows[i].why);
		fixture_release(&x);
		engine_fixture_teardown(state);
		engine_fixture_setup(state);
	}
}

/* Bytes in the wrong place would spoil what is right. */
static void unrequested_range_is_refused(void **state)
{
	for (int is_short = 0; is_short < 2; is_short++) {
		struct part_fixture x;
		struct fake_answer broken, other;

		fixture_init(&x, state, 300000);
		broken = other = x.whole;
		broken.breaks_at = 100000;
		other.range_shift = is_short ? 0 : 7;
		other.range_short = is_short ? 7 : 0;
		fixture_add(&x, &broken);
		fixture_add(&x, &other);
		engine_fixture_fetch(x.f);
		assert_int_equal(x.f->rc, -NF_E_FORMAT);
		assert_text(x.f->err.text, "another range than requested");
		assert_int_equal(x.f->result.fetched_bytes, 100000);
		fixture_release(&x);
		engine_fixture_teardown(state);
		engine_fixture_setup(state);
	}
}

/* Leaves bytes [FROM, end) of the file in the pool, as a killed run would. */
static void leave_end(struct part_fixture *x, uint64_t from)
{
	struct pool *pool = x->f->pool->pool;
	char id[80] = "f-";
	struct pool_partial pp;

	nix32_encode(id + 2, x->m.info.nar_hash.bytes, 32);
	strcat(id, "-none");
	assert_int_equal(pool_partial_open(pool, id, &pp, &x->f->err), 0);
	assert_int_equal(pool_partial_write(pool, &pp, from, x->m.nar.ptr + from,
					    x->m.nar.len - from, &x->f->err),
			 0);
	pool_partial_keep(pool, &pp);
}

/* It was asked for the beginning and sends everything: the rest is not needed. */
static void whole_answer_ends_where_bytes_are_present(void **state)
{
	struct part_fixture x;

	fixture_init(&x, state, 256 * KIB);
	leave_end(&x, 128 * KIB);
	x.whole.has_ranges = false;
	fixture_add(&x, &x.whole);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(count(&x), 1);
	assert_int_equal(request(&x, 0)->range_end, 128 * KIB - 1);
	assert_int_equal(x.f->result.resumed_bytes, x.m.nar.len - 128 * KIB);
	assert_int_equal(x.f->result.fetched_bytes, 128 * KIB);
	fixture_release(&x);
}

/* Two equally slow caches that have the file: 10 seconds from each alone. */
static void fixture_of_two(struct part_fixture *x, void **state)
{
	fixture_init(x, state, 2 * MIB);
	x->whole.rate = 200;
	fixture_add(x, &x->whole);
	engine_fixture_add_cache(x->f);
	engine_fixture_offer_narinfo(x->f, 1, &x->m);
	engine_fixture_answer(x->f, 1, x->file, &x->whole);
}

static void another_cache_takes_over_the_end_of_a_large_file(void **state)
{
	struct part_fixture x;
	uint64_t starts[2];

	fixture_of_two(&x, state);
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	for (unsigned i = 0; i < 2; i++) {
		const char *url = engine_fixture_url(x.f, i, x.file);

		starts[i] = fake_transport_request(x.f->net, url, 0)->range_start;
		assert_true(x.f->result.caches[i].bytes > x.m.nar.len / 4);
	}
	assert_true((starts[0] == 0) != (starts[1] == 0));
	assert_in_range(x.f->result.fetched_bytes, x.m.nar.len,
			x.m.nar.len + x.m.nar.len / 50);
	/* More connections to each make it faster still. */
	assert_true(fake_transport_now(x.f->net) < 6000);
	fixture_release(&x);
}

/* One of two caches sends wrong bytes, then something that is not HTTP. The other one
 * continues the file: none of the first one's bytes may stay in it. */
static void bytes_of_a_refused_part_are_replaced(void **state)
{
	AUTO_FREE char *bytes = mem_calloc(1, 3 * MIB);
	struct part_fixture x;
	struct fake_answer wrong;

	fixture_init(&x, state, 2 * MIB);
	x.whole.rate = 200;
	wrong = x.whole;
	wrong.body = nf_slice(bytes, x.m.nar.len);
	wrong.breaks_at = 100000;
	wrong.breaks_with = NF_E_FORMAT;
	fixture_add(&x, &x.whole);
	engine_fixture_add_cache(x.f);
	engine_fixture_offer_narinfo(x.f, 1, &x.m);
	engine_fixture_answer(x.f, 1, x.file, &wrong);
	x.f->caches[1].has_priority = true; /* it is queried second */
	x.f->caches[1].priority = 90;
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_true(engine_fixture_has(x.f, &x.m));
	assert_true(x.f->result.caches[1].bytes >= wrong.breaks_at);
	assert_in_range(x.f->result.caches[0].bytes, x.m.nar.len,
			x.m.nar.len + x.m.nar.len / 50);
	fixture_release(&x);
}

/* Bytes on their way beyond a cut would arrive twice. */
static void without_races_no_byte_is_requested_twice(void **state)
{
	struct part_fixture x;

	fixture_of_two(&x, state);
	x.f->opts.no_race = true;
	engine_fixture_fetch(x.f);
	assert_fetched(x.f);
	assert_int_equal(engine_fixture_asked(x.f, 0, x.file) +
				 engine_fixture_asked(x.f, 1, x.file),
			 1);
	assert_int_equal(x.f->result.fetched_bytes, x.m.nar.len);
	fixture_release(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(whole_file_is_requested_without_a_range),
		ENGINE_TEST(broken_transfer_resumes_where_it_stopped),
		ENGINE_TEST(a_cache_that_keeps_breaking_off_is_used_while_bytes_come),
		ENGINE_TEST(waiting_ends_for_a_cache_that_gets_nowhere),
		ENGINE_TEST(an_unrequested_range_must_be_the_whole_file),
		ENGINE_TEST(changed_etag_restarts_the_download),
		ENGINE_TEST(server_without_ranges_resends_everything),
		ENGINE_TEST(error_after_the_last_byte_leaves_the_file_complete),
		ENGINE_TEST(busy_server_is_retried_later),
		ENGINE_TEST(implausible_files_are_refused),
		ENGINE_TEST(unrequested_range_is_refused),
		ENGINE_TEST(whole_answer_ends_where_bytes_are_present),
		ENGINE_TEST(another_cache_takes_over_the_end_of_a_large_file),
		ENGINE_TEST(bytes_of_a_refused_part_are_replaced),
		ENGINE_TEST(without_races_no_byte_is_requested_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
