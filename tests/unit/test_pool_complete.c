#include "pool/pool_complete.h"

#include <string.h>

#include "pool_fixture.h"

/* "top" refers to "middle" and "other", "middle" to "leaf". */
struct closure {
	struct made leaf, middle, other, top;
};

static void closure_init(struct closure *c, struct pool_fixture *f)
{
	made_init(&c->leaf, f, "leaf", "leaf", NULL);
	made_init(&c->middle, f, "middle", "middle",
		  (struct made *const[]){ &c->leaf, NULL });
	made_init(&c->other, f, "other", "other", NULL);
	made_init(&c->top, f, "top", "top",
		  (struct made *const[]){ &c->middle, &c->other, NULL });
}

static void closure_release(struct closure *c)
{
	made_release(&c->leaf);
	made_release(&c->middle);
	made_release(&c->other);
	made_release(&c->top);
}

/* The complete part of the closure of PATHS, of which ASKED were requested. */
static struct pool_complete find_complete(struct pool_fixture *f,
					  const struct made *const *paths, size_t count,
					  size_t asked)
{
	struct nf_storepath list[4];
	const struct pool_complete_question q = { list, count, asked, NULL };
	struct pool_complete w;

	for (size_t i = 0; i < count; i++)
		list[i] = paths[i]->info.path;
	assert_ok(f, pool_complete_find(&w, f->pool, &q, &f->err));
	return w;
}

static bool has(const struct nf_storepath *list, size_t count, const struct made *m)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].base, m->info.path.base) == 0)
			return true;
	return false;
}

static void one_root_covers_its_whole_closure(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_complete w;
	struct closure c;

	closure_init(&c, f);
	pool_fixture_ingest(f, &c.leaf, 1);
	pool_fixture_ingest(f, &c.middle, 1);
	pool_fixture_ingest(f, &c.other, 1);
	pool_fixture_ingest(f, &c.top, 1);
	w = find_complete(f, (const struct made *const[]){ &c.top }, 1, 1);
	assert_int_equal(w.count, 4);
	assert_int_equal(w.root_count, 1);
	assert_true(has(w.roots, 1, &c.top));
	assert_int_equal(w.left_out_count, 0);
	assert_int_equal(w.missing, 0);
	pool_complete_release(&w);
	/* A requested path is a root, although another one refers to it. */
	w = find_complete(f, (const struct made *const[]){ &c.top, &c.leaf }, 2, 2);
	assert_int_equal(w.root_count, 2);
	assert_true(has(w.roots, 2, &c.leaf));
	pool_complete_release(&w);
	closure_release(&c);
}

static void path_with_a_missing_reference_is_excluded(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_complete w;
	struct closure c;

	closure_init(&c, f);
	pool_fixture_ingest(f, &c.middle, 1);
	pool_fixture_ingest(f, &c.other, 1);
	pool_fixture_ingest(f, &c.top, 1);
	w = find_complete(f, (const struct made *const[]){ &c.top }, 1, 1);
	assert_int_equal(w.count, 1);
	assert_int_equal(w.root_count, 1);
	assert_true(has(w.roots, 1, &c.other));
	assert_int_equal(w.left_out_count, 3);
	assert_true(has(w.left_out, 3, &c.leaf));
	assert_true(has(w.left_out, 3, &c.middle));
	assert_true(has(w.left_out, 3, &c.top));
	assert_int_equal(w.missing, 1);
	for (size_t i = 1; i < w.left_out_count; i++)
		assert_true(strcmp(w.left_out[i - 1].base, w.left_out[i].base) < 0);
	pool_complete_release(&w);
	closure_release(&c);
}

/* The references of "middle" are known from elsewhere: the path is included, but is not a
 * root if another complete path refers to it. */
static void paths_below_a_missing_one_are_found(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_complete w;
	struct closure c;

	closure_init(&c, f);
	pool_fixture_ingest(f, &c.leaf, 1);
	pool_fixture_ingest(f, &c.top, 1);
	w = find_complete(f, (const struct made *const[]){ &c.top, &c.leaf }, 2, 1);
	assert_int_equal(w.count, 1);
	assert_int_equal(w.root_count, 1);
	assert_true(has(w.roots, 1, &c.leaf));
	assert_int_equal(w.left_out_count, 3);
	assert_int_equal(w.missing, 2);
	pool_complete_release(&w);

	pool_fixture_ingest(f, &c.middle, 1);
	w = find_complete(f, (const struct made *const[]){ &c.top, &c.leaf }, 2, 1);
	assert_int_equal(w.count, 2);
	assert_int_equal(w.root_count, 1);
	assert_true(has(w.roots, 1, &c.middle));
	assert_int_equal(w.missing, 1);
	pool_complete_release(&w);
	closure_release(&c);
}

static void empty_pool_has_no_complete_path(void **state)
{
	struct pool_fixture *f = *state;
	struct pool_complete w;
	struct closure c;

	closure_init(&c, f);
	w = find_complete(f, (const struct made *const[]){ &c.top }, 1, 1);
	assert_int_equal(w.count, 0);
	assert_int_equal(w.root_count, 0);
	assert_int_equal(w.left_out_count, 1);
	assert_int_equal(w.missing, 1);
	pool_complete_release(&w);
	closure_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(one_root_covers_its_whole_closure),
		FIXTURE_TEST(path_with_a_missing_reference_is_excluded),
		FIXTURE_TEST(paths_below_a_missing_one_are_found),
		FIXTURE_TEST(empty_pool_has_no_complete_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
