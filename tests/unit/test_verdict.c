/* Blame for wrong bytes, and what is still fetched: the real engine, with caches that
 * lie. */
#include "fetch/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "engine_fixture.h"

/* A cache that serves M with wrong bytes from FROM to END. */
static char *offer_wrong(struct engine_fixture *f, unsigned cache, const struct made *m,
			 size_t from, size_t end)
{
	struct fake_answer a = { .status = 200, .has_ranges = true };
	char *bytes = mem_alloc(m->nar.len);

	memcpy(bytes, m->nar.ptr, m->nar.len);
	for (size_t i = from; i < end; i++)
		bytes[i] ^= 1;
	a.body = nf_slice(bytes, m->nar.len);
	engine_fixture_offer_narinfo(f, cache, m);
	engine_fixture_answer(f, cache, engine_fixture_nar_file(f, m), &a);
	return bytes;
}

static void wrong_bytes_are_never_kept(void **state)
{
	struct engine_fixture *f = *state;
	AUTO_FREE char *bytes = NULL;
	struct made m;

	made_init(&m, f->pool, "wrong", "some content", NULL);
	engine_fixture_add_cache(f);
	bytes = offer_wrong(f, 0, &m, m.nar.len / 2, m.nar.len / 2 + 1);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_not_equal(f->rc, 0);
	assert_text(f->err.text, "cache 'http://c0'");
	assert_false(engine_fixture_has(f, &m));
	assert_int_equal(f->result.fetched, 0);
	assert_int_equal(f->result.caches[0].nars, 0);
	assert_non_null(f->result.caches[0].last_failure);
	assert_int_equal(pool_fixture_count(f->pool, "tmp"), 0);
	made_release(&m);
}

static void another_cache_replaces_a_liar(void **state)
{
	struct engine_fixture *f = *state;
	AUTO_FREE char *bytes = NULL;
	struct made m;

	made_init(&m, f->pool, "lied-about", "some content", NULL);
	engine_fixture_add_cache(f);
	engine_fixture_add_cache(f);
	f->caches[1].has_priority = true; /* it is queried second */
	f->caches[1].priority = 90;
	bytes = offer_wrong(f, 0, &m, 100, m.nar.len);
	engine_fixture_offer(f, 1, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_true(engine_fixture_has(f, &m));
	assert_int_equal(f->result.caches[0].nars, 0);
	assert_int_equal(f->result.caches[1].nars, 1);
	assert_text(f->notes.ptr, "from cache 'http://c0'");
	assert_null(strstr(f->notes.ptr, "from cache 'http://c1'"));
	made_release(&m);
}

/* The file is assembled from two caches, of which one lies. The right file, which then
 * comes from the other one alone, shows which. */
static void the_liar_of_two_is_found(void **state)
{
	struct engine_fixture *f = *state;
	struct fake_answer slow = { .status = 200, .has_ranges = true, .rate = 200 };
	AUTO_FREE char *bytes = NULL;
	struct made m;
	const char *file;

	made_init_random(&m, f->pool, "put-together", 2 * MIB);
	engine_fixture_add_cache(f);
	engine_fixture_add_cache(f);
	f->caches[1].has_priority = true; /* it is queried second */
	f->caches[1].priority = 90;
	bytes = mem_alloc(m.nar.len);
	for (size_t i = 0; i < m.nar.len; i++)
		bytes[i] = (char)(m.nar.ptr[i] ^ 1);
	file = engine_fixture_nar_file(f, &m);
	for (unsigned i = 0; i < 2; i++) {
		slow.body = nf_slice(i ? bytes : m.nar.ptr, m.nar.len);
		engine_fixture_offer_narinfo(f, i, &m);
		engine_fixture_answer(f, i, file, &slow);
	}
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_true(engine_fixture_has(f, &m));
	/* Both had a part in it. */
	assert_true(engine_fixture_asked(f, 0, file) > 0);
	assert_true(engine_fixture_asked(f, 1, file) > 0);
	assert_text(f->notes.ptr, "from cache 'http://c1': its bytes from ");
	assert_null(strstr(f->notes.ptr, "from cache 'http://c0'"));
	assert_int_equal(f->result.caches[0].nars, 1);
	assert_int_equal(f->result.caches[1].nars, 0);
	made_release(&m);
}

static void cache_is_dropped_after_three_wrong_answers(void **state)
{
	struct engine_fixture *f = *state;
	struct made m[4];
	char *bytes[4];

	engine_fixture_add_cache(f);
	engine_fixture_add_cache(f);
	f->caches[1].has_priority = true;
	f->caches[1].priority = 90;
	for (size_t i = 0; i < ARRAY_SIZE(m); i++) {
		char name[16];

		snprintf(name, sizeof(name), "lie-%zu", i);
		made_init(&m[i], f->pool, name, name, NULL);
		bytes[i] = offer_wrong(f, 0, &m[i], 0, 1);
		engine_fixture_offer(f, 1, &m[i]);
		engine_fixture_want(f, &m[i]);
	}
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(f->result.caches[1].nars, ARRAY_SIZE(m));
	assert_non_null(f->result.caches[0].left_out);
	assert_text(f->notes.ptr, "cache 'http://c0' is not used");
	for (size_t i = 0; i < ARRAY_SIZE(m); i++) {
		made_release(&m[i]);
		free(bytes[i]);
	}
}

/* An unknown encoding, and bytes that do not reveal it: other clients may be able to
 * decode them. */
static void unknown_compression_is_not_a_lie(void **state)
{
	struct engine_fixture *f = *state;
	AUTO_FREE char *bytes = NULL;
	struct fake_answer a = { .status = 200 };
	struct made m;

	made_init(&m, f->pool, "compressed", "content", NULL);
	engine_fixture_add_cache(f);
	engine_fixture_answer_text(f, 0, engine_fixture_narinfo_file(f, &m),
				   engine_fixture_narinfo_of(f, &m, "sdch", m.nar.len));
	bytes = mem_calloc(m.nar.len, 1);
	a.body = nf_slice(bytes, m.nar.len);
	engine_fixture_answer(f, 0, engine_fixture_nar_file(f, &m), &a);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_int_equal(f->rc, -NF_E_UNSUPPORTED);
	assert_text(f->err.text, "compression 'sdch'");
	assert_null(f->result.caches[0].last_failure);
	made_release(&m);
}

/* The hash of the file is an unsigned hint: the NAR counts. */
static void a_wrong_file_hash_does_no_harm(void **state)
{
	struct engine_fixture *f = *state;
	AUTO_FREE char *text = NULL;
	const char *file;
	char *at;
	struct made m;

	made_init(&m, f->pool, "hinted", "content", NULL);
	engine_fixture_add_cache(f);
	text = mem_strdup(engine_fixture_narinfo(f, &m));
	at = strstr(text, "FileHash: sha256:") + strlen("FileHash: sha256:");
	memset(at, '0', 52);
	file = engine_fixture_narinfo_file(f, &m);
	engine_fixture_answer_text(f, 0, file, text);
	engine_fixture_offer(f, 0, &m);
	engine_fixture_want(f, &m);
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(engine_fixture_asked(f, 0, file), 1);
	assert_null(f->result.caches[0].last_failure);
	made_release(&m);
}

/* The pool is one of the caches of a target store. */
static void a_damaged_entry_of_the_pool_is_fetched_and_counted_so(void **state)
{
	struct engine_fixture *f = *state;
	AUTO_FREE char *root = mem_printf("%s/root", f->pool->top);
	AUTO(intake_freep) struct intake *in = NULL;
	AUTO_FREE char *file = NULL;
	struct nf_narinfo ni;
	struct made m;

	made_init_random(&m, f->pool, "damaged", 20000);
	pool_fixture_ingest(f->pool, &m, POOL_KEEP);
	pool_fixture_find(f->pool, &m, &ni);
	file = pool_fixture_path(f->pool, "%.*s", NF_SLICE_ARG(ni.url));
	nf_narinfo_release(&ni);
	pool_fixture_flip(file, 10000);
	engine_fixture_add_cache(f);
	engine_fixture_offer(f, 0, &m);
	engine_fixture_want(f, &m);
	assert_int_equal(intake_open(&in, root, INTAKE_WRITE, NULL, &f->err), 0);
	f->opts.intake = in;
	engine_fixture_fetch(f);
	assert_fetched(f);
	assert_int_equal(f->result.in_pool, 0);
	assert_int_equal(f->result.from_pool, 0);
	assert_int_equal(f->result.fetched, 1);
	made_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(wrong_bytes_are_never_kept),
		ENGINE_TEST(another_cache_replaces_a_liar),
		ENGINE_TEST(the_liar_of_two_is_found),
		ENGINE_TEST(cache_is_dropped_after_three_wrong_answers),
		ENGINE_TEST(unknown_compression_is_not_a_lie),
		ENGINE_TEST(a_wrong_file_hash_does_no_harm),
		ENGINE_TEST(a_damaged_entry_of_the_pool_is_fetched_and_counted_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
