/* A planner's questions, answered by the real engine with prepared responses. */
#include "fetch/query.h"

#include <string.h>

#include "base/mem.h"
#include "engine_fixture.h"

struct asked {
	struct planner *planner;
	struct query *query;
};

/* Queries each path; release the answer. */
static struct asked ask(struct engine_fixture *f, const struct made *const *paths,
			size_t count)
{
	struct asked a = { .planner = planner_new(&(struct planner_options){ 0 }) };

	for (size_t i = 0; i < count; i++)
		planner_want_path(a.planner, &paths[i]->info.path);
	assert_ok(f, query_run(&a.query, &f->opts, NULL, a.planner, &f->err));
	assert_ok(f, planner_finish(a.planner, &f->err));
	return a;
}

static void asked_release(struct asked *a)
{
	query_free(a->query);
	planner_free(a->planner);
}

static struct query_cause cause_of(const struct asked *a, const struct made *m)
{
	return query_cause(a->query, planner_find(a->planner, &m->info.path));
}

static void paths_in_caches_are_to_be_fetched(void **state)
{
	struct engine_fixture *f = *state;
	struct planner_totals totals;
	struct made leaf, top;
	struct asked a;
	uint32_t id;

	made_init(&leaf, f->pool, "leaf", "leaf", NULL);
	made_init(&top, f->pool, "top", "top", (struct made *const[]){ &leaf, NULL });
	engine_fixture_add_cache(f);
	engine_fixture_offer(f, 0, &leaf);
	engine_fixture_offer(f, 0, &top);
	a = ask(f, (const struct made *const[]){ &top }, 1);
	totals = planner_totals(a.planner);
	assert_int_equal(totals.substitute, 2);
	assert_int_equal(totals.unknown, 0);
	assert_int_equal(totals.nar_size, leaf.nar.len + top.nar.len);
	assert_int_equal(totals.download_size, leaf.nar.len + top.nar.len);
	id = planner_find(a.planner, &leaf.info.path);
	assert_string_equal(query_node(a.query, id)->base, leaf.info.path.base);
	assert_int_equal(query_result(a.query)->caches[0].narinfos, 2);
	assert_null(query_node(a.query, 1000));
	/* It only queries. */
	assert_int_equal(engine_fixture_asked(f, 0, "nar/top"), 0);
	asked_release(&a);
	made_release(&leaf);
	made_release(&top);
}

static void each_cause_is_reported(void **state)
{
	struct engine_fixture *f = *state;
	struct made absent, garbage, busy, unsigned_one;
	struct query_cause c;
	struct asked a;

	made_init(&absent, f->pool, "absent", "x", NULL);
	made_init(&garbage, f->pool, "garbage", "x", NULL);
	made_init(&busy, f->pool, "denied", "x", NULL);
	made_init_nar(&unsigned_one, NULL, "unsigned", "x", 1, NULL);
	engine_fixture_add_cache(f);
	engine_fixture_answer_text(f, 0, engine_fixture_narinfo_file(f, &garbage), "?\n");
	engine_fixture_answer(f, 0, engine_fixture_narinfo_file(f, &busy),
			      &(struct fake_answer){ .status = 401 });
	engine_fixture_offer_narinfo(f, 0, &unsigned_one);
	a = ask(f,
		(const struct made *const[]){ &absent, &garbage, &busy, &unsigned_one },
		4);
	assert_int_equal(planner_totals(a.planner).unknown, 4);

	c = cause_of(&a, &absent);
	assert_int_equal(c.cause, CAUSE_ABSENT);
	assert_null(c.cache);
	c = cause_of(&a, &garbage);
	assert_int_equal(c.cause, CAUSE_BAD_ANSWER);
	assert_int_equal(c.code, NF_E_FORMAT);
	assert_string_equal(c.cache, "http://c0");
	c = cause_of(&a, &busy);
	assert_int_equal(c.cause, CAUSE_DENIED);
	assert_text(c.detail, "status 401");
	c = cause_of(&a, &unsigned_one);
	assert_int_equal(c.cause, CAUSE_NOT_TRUSTED);
	assert_false(c.is_signed);
	assert_null(c.signers);
	asked_release(&a);
	made_release(&absent);
	made_release(&garbage);
	made_release(&busy);
	made_release(&unsigned_one);
}

static void names_of_unknown_keys_are_reported(void **state)
{
	struct engine_fixture *f = *state;
	struct nf_secret_key *other;
	struct query_cause c;
	struct asked a;
	struct made m;

	assert_ok(f, nf_secret_key_generate(&other, NF_SLICE_LIT("other-1"), &f->err));
	made_init_nar(&m, other, "of-another", "x", 1, NULL);
	engine_fixture_add_cache(f);
	engine_fixture_offer_narinfo(f, 0, &m);
	a = ask(f, (const struct made *const[]){ &m }, 1);
	c = cause_of(&a, &m);
	assert_int_equal(c.cause, CAUSE_NOT_TRUSTED);
	assert_true(c.is_signed);
	assert_string_equal(c.signers, "other-1");
	asked_release(&a);
	made_release(&m);
	nf_secret_key_free(other);
}

static void lack_of_caches_is_the_cause(void **state)
{
	struct engine_fixture *f = *state;
	struct asked a;
	struct made m;

	made_init(&m, f->pool, "nowhere", "x", NULL);
	a = ask(f, (const struct made *const[]){ &m }, 1);
	assert_int_equal(cause_of(&a, &m).cause, CAUSE_NO_SUBSTITUTER);
	asked_release(&a);
	made_release(&m);
}

/* Answers to one query are not requested by the next. */
static void answers_are_kept(void **state)
{
	struct engine_fixture *f = *state;
	struct made m, absent;
	const struct made *const paths[] = { &m, &absent };

	made_init(&m, f->pool, "there", "x", NULL);
	made_init(&absent, f->pool, "absent", "x", NULL);
	engine_fixture_add_cache(f);
	engine_fixture_offer(f, 0, &m);
	f->opts.answers = answers_new(1);
	for (int i = 0; i < 2; i++) {
		struct asked a = ask(f, paths, 2);

		assert_int_equal(planner_totals(a.planner).substitute, 1);
		assert_int_equal(cause_of(&a, &absent).cause, CAUSE_ABSENT);
		asked_release(&a);
	}
	assert_int_equal(engine_fixture_asked(f, 0, "nix-cache-info"), 1);
	assert_int_equal(engine_fixture_asked(f, 0, engine_fixture_narinfo_file(f, &m)),
			 1);
	assert_int_equal(
		engine_fixture_asked(f, 0, engine_fixture_narinfo_file(f, &absent)), 1);
	answers_free(f->opts.answers);
	made_release(&m);
	made_release(&absent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(paths_in_caches_are_to_be_fetched),
		ENGINE_TEST(each_cause_is_reported),
		ENGINE_TEST(names_of_unknown_keys_are_reported),
		ENGINE_TEST(lack_of_caches_is_the_cause),
		ENGINE_TEST(answers_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
