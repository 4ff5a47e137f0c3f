/* The same NARs, into a pool and into a target store. */
#include "fetch/destination.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "pool_fixture.h"

/* As a cache would serve it. */
static int put_nar(struct destination *d, const struct made *m, enum codec codec,
		   struct nf_err *err)
{
	return destination_put(d, &m->trusted, codec, made_source(m), false, err);
}

static int find_made(struct pool_fixture *f, struct destination *d, const struct made *m,
		     const struct nf_keyring *keys)
{
	struct nf_narinfo ni;
	struct nf_trusted t;
	int rc = destination_find(d, &m->info.path, keys, &ni, &t, &f->err);

	nf_narinfo_release(&ni);
	return rc;
}

static void destination_names_its_action_and_location(void **state)
{
	struct pool_fixture *f = *state;
	AUTO(destination_freep)
	struct destination *keeps = destination_new(f->pool, POOL_KEEP, NULL, NULL);
	AUTO(destination_freep)
	struct destination *encodes = destination_new(f->pool, 3, NULL, NULL);

	assert_string_equal(destination_verb(keeps), "verify");
	assert_string_equal(destination_verb(encodes), "compress");
	assert_false(destination_is_store(keeps));
	assert_string_equal(destination_name(keeps), "pool");
	assert_string_equal(destination_dir(keeps), f->dir);
}

static void trusted_pool_supplies_its_paths(void **state)
{
	struct pool_fixture *f = *state;
	AUTO(destination_freep)
	struct destination *d = destination_new(f->pool, 1, NULL, NULL);
	struct nf_keyring *nobody = nf_keyring_new();
	struct made m;

	made_init(&m, f, "came", "came", NULL);
	assert_int_equal(find_made(f, d, &m, f->ring), -NF_E_MISSING);
	/* What a cache says of the encoding is a hint. */
	assert_ok(f, put_nar(d, &m, CODEC_XZ, &f->err));
	assert_ok(f, destination_finish(d, &f->err));
	assert_ok(f, find_made(f, d, &m, f->ring));
	assert_int_equal(find_made(f, d, &m, nobody), -NF_E_TRUST);
	assert_int_equal(destination_why_waiting(d, &f->err), 0);
	nf_keyring_free(nobody);
	made_release(&m);
}

static void wrong_bytes_are_not_passed_on(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *root = mem_printf("%s/root", f->top);
	struct made m;

	made_init(&m, f, "wrong", "right", NULL);
	m.nar.ptr[m.nar.len - 20] ^= 1;
	for (int is_store = 0; is_store < 2; is_store++) {
		AUTO(intake_freep) struct intake *in = NULL;
		AUTO(destination_freep) struct destination *d = NULL;

		if (is_store)
			assert_ok(f, intake_open(&in, root, INTAKE_WRITE, NULL, &f->err));
		d = destination_new(f->pool, 1, in, NULL);
		assert_int_not_equal(put_nar(d, &m, CODEC_NONE, &f->err), 0);
		assert_ok(f, destination_finish(d, &f->err));
		assert_int_equal(find_made(f, d, &m, f->ring), -NF_E_MISSING);
	}
	made_release(&m);
}

/* It is registered once its references are there. */
static void intake_stores_paths_with_their_references(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *root = mem_printf("%s/root", f->top);
	AUTO(intake_freep) struct intake *in = NULL;
	AUTO(destination_freep) struct destination *d = NULL;
	struct nf_keyring *nobody = nf_keyring_new();
	struct made leaf, top;

	made_init(&leaf, f, "leaf", "leaf", NULL);
	made_init(&top, f, "top", "top", (struct made *const[]){ &leaf, NULL });
	assert_ok(f, intake_open(&in, root, INTAKE_WRITE, NULL, &f->err));
	d = destination_new(f->pool, 1, in, NULL);
	assert_true(destination_is_store(d));
	assert_string_equal(destination_verb(d), "unpack");
	assert_string_equal(destination_name(d), root);

	assert_ok(f, put_nar(d, &top, CODEC_NONE, &f->err));
	assert_ok(f, destination_finish(d, &f->err));
	assert_int_equal(find_made(f, d, &top, f->ring), -NF_E_MISSING);
	assert_int_equal(destination_why_waiting(d, &f->err), -NF_E_MISSING);

	assert_ok(f, put_nar(d, &leaf, CODEC_NONE, &f->err));
	assert_ok(f, destination_finish(d, &f->err));
	assert_ok(f, find_made(f, d, &top, f->ring));
	/* A path that is valid there stays as it is, whoever vouches for it. */
	assert_ok(f, find_made(f, d, &leaf, nobody));
	assert_int_equal(destination_why_waiting(d, &f->err), 0);
	/* Nothing of it is in the pool. */
	assert_int_equal(pool_fixture_count(f, "nar"), 0);
	nf_keyring_free(nobody);
	made_release(&leaf);
	made_release(&top);
}

/* SIZE bytes of the download have arrived. */
static int put_download(struct pool_fixture *f, struct destination *d,
			const struct made *m, uint64_t size)
{
	struct pool_partial pp;

	assert_ok(f, pool_partial_open(f->pool, m->info.path.base, &pp, &f->err));
	pool_partial_set_path(&pp, &m->info.path);
	assert_ok(f, pool_partial_write(f->pool, &pp, 0, "x", 1, &f->err));
	byte_ranges_add(&pp.state.ranges, 0, size);
	return destination_put_partial(d, &m->trusted, CODEC_NONE, &pp, made_source(m),
				       &f->err);
}

/* A run that is killed before would have to fetch them again. */
static void downloads_are_kept_until_their_paths_are_registered(void **state)
{
	static const struct {
		uint64_t size;
		bool is_kept;
	} rows[] = { { 1000, true }, { 64 * MIB, true }, { 64 * MIB + 1, false } };
	struct pool_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *root = mem_printf("%s/root-%zu", f->top, i);
		AUTO(intake_freep) struct intake *in = NULL;
		AUTO(destination_freep) struct destination *d = NULL;
		struct made leaf, top;

		made_init(&leaf, f, "leaf", "leaf", NULL);
		made_init(&top, f, "top", "top", (struct made *const[]){ &leaf, NULL });
		assert_ok(f, intake_open(&in, root, INTAKE_WRITE, NULL, &f->err));
		d = destination_new(f->pool, 1, in, NULL);
		assert_ok(f, put_download(f, d, &top, rows[i].size));
		assert_ok(f, destination_finish(d, &f->err));
		assert_int_equal(pool_fixture_count(f, "tmp") > 0, rows[i].is_kept);
		assert_ok(f, put_nar(d, &leaf, CODEC_NONE, &f->err));
		assert_ok(f, destination_finish(d, &f->err));
		assert_ok(f, find_made(f, d, &top, f->ring));
		assert_int_equal(pool_fixture_count(f, "tmp"), 0);
		made_release(&leaf);
		made_release(&top);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(destination_names_its_action_and_location),
		FIXTURE_TEST(trusted_pool_supplies_its_paths),
		FIXTURE_TEST(wrong_bytes_are_not_passed_on),
		FIXTURE_TEST(intake_stores_paths_with_their_references),
		FIXTURE_TEST(downloads_are_kept_until_their_paths_are_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
