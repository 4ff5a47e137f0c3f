/* Lookups of the real engine, at caches that answer as each test says. */
#include "fetch/lookup.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine_fixture.h"
#include "http/retry.h"

static void references_are_looked_up_too(void **state)
{
	struct engine_fixture *f = *state;
	struct made leaf, top;

	made_init(&leaf, f->pool, "leaf", "leaf", NULL);
	made_init(&top, f->pool, "top", "top", (struct made *const[]){ &leaf, NULL });
	engine_fixture_add_cache(f);
	engine_fixture_offer(f, 0, &leaf);
	engine_fixture_offer(f, 0, &top);
	engine_fixture_want(f, &top);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_true(engine_fixture_has(f, &leaf));
	assert_true(engine_fixture_has(f, &top));
	assert_int_equal(engine_fixture_asked(f, 0, "nix-cache-info"), 1);
	assert_int_equal(engine_fixture_asked(f, 0, engine_fixture_narinfo_file(f, &top)),
			 1);
	assert_int_equal(
		engine_fixture_asked(f, 0, engine_fixture_narinfo_file(f, &leaf)), 1);
	assert_int_equal(f->result.caches[0].narinfos, 2);
	made_release(&leaf);
	made_release(&top);
}

static void path_in_no_cache_is_missing(void **state)
{
	struct engine_fixture *f = *state;
	struct made m;

	made_init(&m, f->pool, "absent", "absent", NULL);
	for (int i = 0; i < 2; i++)
		engine_fixture_add_cache(f);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_MISSING);
	assert_text(f->err.text, "not in any cache");
	/* "Not there" is an answer: it is not requested again. */
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			engine_fixture_asked(f, i, engine_fixture_narinfo_file(f, &m)),
			1);
		assert_int_equal(f->result.caches[i].narinfos, 0);
		assert_null(f->result.caches[i].left_out);
	}
	made_release(&m);
}

/* Each is named with its cache, and another cache that has the path supplies it. */
static void wrong_narinfo_does_not_count_as_an_answer(void **state)
{
	struct engine_fixture *f = *state;
	struct made m, other, unsigned_one;
	const char *file;
	const struct {
		const char *name, *text;
		int code;
		const char *why;
	} rows[] = {
		{ "garbage", "garbage\n", NF_E_FORMAT, "narinfo of" },
		{ "empty", "", NF_E_FORMAT, "narinfo of" },
		{ "other-path", NULL, NF_E_FORMAT, "other" },
		{ "unsigned", NULL, NF_E_TRUST, "sign" },
	};

	engine_fixture_add_cache(f);
	made_init(&other, f->pool, "other", "other", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = rows[i].text;

		made_init(&m, f->pool, rows[i].name, "x", NULL);
		made_init_nar(&unsigned_one, NULL, rows[i].name, m.nar.ptr, m.nar.len,
			      NULL);
		if (!text)
			text = engine_fixture_narinfo(
				f, rows[i].code == NF_E_TRUST ? &unsigned_one : &other);
		file = engine_fixture_narinfo_file(f, &m);
		engine_fixture_answer_text(f, 0, file, text);
		f->opts.path_count = 0;
		engine_fixture_want(f, &m);
		engine_fixture_fetch(f);
		assert_int_equal(f->rc, -rows[i].code);
		assert_text(f->err.text, rows[i].why);
		assert_text(f->err.text, "cache 'http://c0'");
		assert_int_equal(engine_fixture_asked(f, 0, file), 1);
		made_release(&m);
		made_release(&unsigned_one);
	}
	made_release(&other);
}

static void one_good_answer_is_enough(void **state)
{
	struct engine_fixture *f = *state;
	struct made m;

	made_init(&m, f->pool, "good", "good", NULL);
	for (int i = 0; i < 3; i++)
		engine_fixture_add_cache(f);
	engine_fixture_answer_text(f, 0, engine_fixture_narinfo_file(f, &m), "garbage\n");
	engine_fixture_offer(f, 2, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(f->result.caches[2].nars, 1);
	assert_int_equal(f->result.failure_count, 0);
	made_release(&m);
}

static void busy_cache_is_retried_later(void **state)
{
	struct engine_fixture *f = *state;
	struct made m;
	const char *file, *url;

	made_init(&m, f->pool, "busy", "busy", NULL);
	engine_fixture_add_cache(f);
	file = engine_fixture_narinfo_file(f, &m);
	url = engine_fixture_url(f, 0, file);
	engine_fixture_answer(f, 0, file, &(struct fake_answer){ .status = 500 });
	engine_fixture_offer(f, 0, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(fake_transport_count(f->net, url), 2);
	assert_true(fake_transport_request(f->net, url, 1)->at > 0);
	assert_false(fake_transport_request(f->net, url, 1)->no_cache);
	made_release(&m);
}

/* It answers other requests, so it is not down: only this one is given up. */
static void attempts_are_counted(void **state)
{
	struct engine_fixture *f = *state;
	struct made m;
	const char *file;

	made_init(&m, f->pool, "always-busy", "x", NULL);
	engine_fixture_add_cache(f);
	file = engine_fixture_narinfo_file(f, &m);
	engine_fixture_answer(f, 0, file, &(struct fake_answer){ .status = 500 });
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_NET);
	assert_text(f->err.text, "status 500");
	assert_int_equal(engine_fixture_asked(f, 0, file), RETRY_ATTEMPTS);
	made_release(&m);
}

static void missing_cache_is_dropped(void **state)
{
	struct engine_fixture *f = *state;
	const struct fake_answer dead = { .status = 0 };
	struct made m;

	made_init(&m, f->pool, "one-is-dead", "x", NULL);
	for (int i = 0; i < 2; i++)
		engine_fixture_add_address(f);
	engine_fixture_answer(f, 0, "nix-cache-info", &dead);
	engine_fixture_answer(f, 0, engine_fixture_narinfo_file(f, &m), &dead);
	engine_fixture_offer(f, 1, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_non_null(f->result.caches[0].left_out);
	assert_null(f->result.caches[1].left_out);
	assert_text(f->notes.ptr, "cache 'http://c0' is not used");
	made_release(&m);
}

static void only_cache_is_missing(void **state)
{
	struct engine_fixture *f = *state;
	struct made m;

	made_init(&m, f->pool, "nobody", "x", NULL);
	engine_fixture_add_address(f);
	engine_fixture_answer(f, 0, "nix-cache-info", &(struct fake_answer){ 0 });
	engine_fixture_answer(f, 0, engine_fixture_narinfo_file(f, &m),
			      &(struct fake_answer){ 0 });
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_NET);
	made_release(&m);
}

/* The first round trip is not waited for, but its answer counts. */
static void early_answer_waits_for_nix_cache_info(void **state)
{
	struct engine_fixture *f = *state;
	const struct fake_answer other = { .status = 200,
					   .body = NF_SLICE_LIT("StoreDir: /gnu/store\n"),
					   .after_ms = 100 };
	struct made m;
	const char *file;

	made_init(&m, f->pool, "early", "early", NULL);
	engine_fixture_add_address(f);
	engine_fixture_answer(f, 0, "nix-cache-info", &other);
	engine_fixture_offer(f, 0, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	file = engine_fixture_narinfo_file(f, &m);
	assert_int_equal(
		fake_transport_request(f->net, engine_fixture_url(f, 0, file), 0)->at, 0);
	assert_int_equal(f->rc, -NF_E_NET);
	assert_text(f->err.text, "'/gnu/store'");
	assert_text(f->result.caches[0].left_out, "'/gnu/store'");
	/* Nothing that it vouches for is fetched. */
	assert_int_equal(engine_fixture_asked(f, 0, engine_fixture_nar_file(f, &m)), 0);
	made_release(&m);
}

/* Not even its answer that a path is missing: the user is told that the cache is the
 * wrong one. */
static void early_absence_waits_for_nix_cache_info(void **state)
{
	struct engine_fixture *f = *state;
	const struct fake_answer other = { .status = 200,
					   .body = NF_SLICE_LIT("StoreDir: /gnu/store\n"),
					   .after_ms = 100 };
	struct made m;

	made_init(&m, f->pool, "absent", "absent", NULL);
	engine_fixture_add_address(f);
	engine_fixture_answer(f, 0, "nix-cache-info", &other);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_NET);
	assert_text(f->err.text, "'/gnu/store'");
	made_release(&m);
}

static void early_lookups_leave_connections_for_others(void **state)
{
	struct engine_fixture *f = *state;
	const struct fake_answer late = { .status = 200, .after_ms = 50 };
	struct made many[4];
	size_t early = 0;

	for (int i = 0; i < 2; i++)
		engine_fixture_add_address(f);
	for (unsigned i = 0; i < 2; i++)
		engine_fixture_answer(f, i, "nix-cache-info", &late);
	f->opts.http.connections = 6;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		char name[16];

		snprintf(name, sizeof(name), "many-%zu", i);
		made_init(&many[i], f->pool, name, name, NULL);
		engine_fixture_offer(f, 0, &many[i]);
		engine_fixture_want(f, &many[i]);
	}
	engine_fixture_fetch(f);
	assert_fetched(f);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		const char *file = engine_fixture_narinfo_file(f, &many[i]);
		const char *url = engine_fixture_url(f, 0, file);

		early += fake_transport_request(f->net, url, 0)->at < 50;
		made_release(&many[i]);
	}
	assert_int_equal(early, 2); /* of its three, one is nix-cache-info */
}

static void a_cache_without_nix_cache_info_is_a_cache(void **state)
{
	struct engine_fixture *f = *state;
	struct made m;

	made_init(&m, f->pool, "no-info", "x", NULL);
	engine_fixture_add_address(f);
	engine_fixture_offer(f, 0, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_true(engine_fixture_has(f, &m));
	made_release(&m);
}

static void denying_cache_is_not_queried_twice(void **state)
{
	struct engine_fixture *f = *state;
	const struct fake_answer denied = { .status = 401 };
	struct made m;
	const char *file;

	made_init(&m, f->pool, "denied", "x", NULL);
	engine_fixture_add_cache(f);
	file = engine_fixture_narinfo_file(f, &m);
	engine_fixture_answer(f, 0, file, &denied);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_NET);
	assert_text(f->err.text, "status 401");
	assert_int_equal(engine_fixture_asked(f, 0, file), 1);
	/* Its other answers count: it is still used. */
	assert_null(f->result.caches[0].left_out);
	made_release(&m);
}

/* The NAR is not where the narinfo says: the cache is queried once more, bypassing
 * proxies' caches. */
static void narinfo_of_a_missing_nar_is_requested_again(void **state)
{
	struct engine_fixture *f = *state;
	struct fake_answer nar = { .status = 200 };
	struct made m;
	const char *file, *url;
	AUTO_FREE char *moved = NULL;

	made_init(&m, f->pool, "moved", "moved", NULL);
	engine_fixture_add_cache(f);
	file = engine_fixture_narinfo_file(f, &m);
	url = engine_fixture_url(f, 0, file);
	moved = mem_strdup(engine_fixture_narinfo(f, &m));
	engine_fixture_answer_text(f, 0, file, engine_fixture_narinfo(f, &m));
	memcpy(strstr(moved, "nar/moved"), "nar/other", 9);
	engine_fixture_answer_text(f, 0, file, moved);
	nar.body = buf_slice(&m.nar);
	engine_fixture_answer(f, 0, "nar/other", &nar);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(fake_transport_count(f->net, url), 2);
	assert_false(fake_transport_request(f->net, url, 0)->no_cache);
	assert_true(fake_transport_request(f->net, url, 1)->no_cache);
	assert_int_equal(engine_fixture_asked(f, 0, "nar/moved"), 1);
	made_release(&m);
}

/* It still names the same NAR: it is not queried again. */
static void nar_that_never_appears_is_missing(void **state)
{
	struct engine_fixture *f = *state;
	struct made m;

	made_init(&m, f->pool, "gone", "gone", NULL);
	engine_fixture_add_cache(f);
	engine_fixture_offer_narinfo(f, 0, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_MISSING);
	assert_text(f->err.text, "status 404");
	assert_int_equal(engine_fixture_asked(f, 0, engine_fixture_narinfo_file(f, &m)),
			 2);
	assert_int_equal(engine_fixture_asked(f, 0, "nar/gone"), 1);
	made_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(references_are_looked_up_too),
		ENGINE_TEST(path_in_no_cache_is_missing),
		ENGINE_TEST(wrong_narinfo_does_not_count_as_an_answer),
		ENGINE_TEST(one_good_answer_is_enough),
		ENGINE_TEST(busy_cache_is_retried_later),
		ENGINE_TEST(attempts_are_counted),
		ENGINE_TEST(missing_cache_is_dropped),
		ENGINE_TEST(only_cache_is_missing),
		ENGINE_TEST(early_answer_waits_for_nix_cache_info),
		ENGINE_TEST(early_absence_waits_for_nix_cache_info),
		ENGINE_TEST(early_lookups_leave_connections_for_others),
		ENGINE_TEST(a_cache_without_nix_cache_info_is_a_cache),
		ENGINE_TEST(denying_cache_is_not_queried_twice),
		ENGINE_TEST(narinfo_of_a_missing_nar_is_requested_again),
		ENGINE_TEST(nar_that_never_appears_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
