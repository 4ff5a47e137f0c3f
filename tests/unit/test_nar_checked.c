#include "format/nar_checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"
#include "format/ca.h"
#include "nar_script.h"

#define TREE	   "sgii4f5h9d2lym14f3av1r80w53l9k82-tree"
#define TREE_CA	   "fixed:r:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx"
#define HELLO	   "gy454w1cxaq731grqwylhzf4pp9r5izh-hello.txt"
#define HELLO_CA   "fixed:sha256:00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq"
#define EMPTY_HASH "sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p"

static const size_t chunks[] = { 0, 1, 7, 8, 9 };

/* What is promised of a path. */
static void promise(struct nf_pathinfo *info, const char *base, const char *hash,
		    uint64_t size)
{
	nf_pathinfo_init(info);
	assert_int_equal(nf_storepath_parse_base(&info->path, nf_slice_str(base), NULL),
			 0);
	assert_int_equal(nf_hash_parse(&info->nar_hash, nf_slice_str(hash), NULL), 0);
	info->nar_size = size;
}

static void promise_vector(struct nf_pathinfo *info, const char *base, size_t vector)
{
	promise(info, base, nar_vectors[vector].hash, nar_vectors[vector].size);
}

/* Reads IN (taken over) through the check; OUT gets what passed. */
static int read_checked(struct buf *out, struct nf_source *in,
			const struct nf_pathinfo *info, struct nf_err *err)
{
	const struct nf_trusted trusted = { .info = info, .vouched_by = "test" };
	AUTO(source_closep)
	struct nf_source *src = nar_checked_source(in, &trusted);
	struct buf_sink sink;

	buf_sink_init(&sink, out);
	return source_copy(src, &sink.sink, err);
}

/* The NAR of SCRIPT, cut to LEN, against INFO in runs of all sizes. */
static void expect(const struct nf_pathinfo *info, const char *script, size_t len,
		   const char *text)
{
	AUTO_BUF struct buf nar = { 0 };

	buf_init(&nar, MIB);
	nar_script(&nar, script);
	if (len > nar.len)
		len = nar.len;
	for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
		AUTO_BUF struct buf out = { 0 };
		struct nf_err err = { .text = "" };
		int rc;

		buf_init(&out, MIB);
		rc = read_checked(&out, source_of_memory(nar.ptr, len, chunks[k]), info,
				  &err);
		assert_string_equal(err.text, text);
		assert_int_equal(rc, *text ? -NF_E_HASH : 0);
		assert_true(out.len <= info->nar_size);
		if (!rc)
			assert_true(nf_slice_eq(buf_slice(&out), buf_slice(&nar)));
	}
}

static void promised_nar_passes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAR_VECTORS; i++) {
		AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };

		promise_vector(&info, TREE, i);
		expect(&info, nar_vectors[i].script, SIZE_MAX, "");
	}
}

static void another_hash_is_refused_with_both(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };

	(void)state;
	promise(&info, TREE, EMPTY_HASH, 120);
	expect(&info, NAR_ROOT(NAR_FILE("hello~")), SIZE_MAX,
	       "NAR hash: expected " EMPTY_HASH
	       ", got sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw");
}

static void a_nar_that_is_short_is_refused(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };

	(void)state;
	promise_vector(&info, TREE, NAR_VECTOR_TREE);
	for (size_t len = 0; len < 1072; len += 67) {
		char text[100];

		snprintf(text, sizeof(text),
			 "NAR is %zu bytes long, not the promised 1072", len);
		expect(&info, nar_vectors[NAR_VECTOR_TREE].script, len, text);
	}
	expect(&info, nar_vectors[NAR_VECTOR_TREE].script, 1071,
	       "NAR is 1071 bytes long, not the promised 1072");
}

static void one_byte_more_is_refused(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	AUTO_BUF struct buf nar = { 0 };

	(void)state;
	promise_vector(&info, TREE, 3);
	buf_init(&nar, MIB);
	nar_script(&nar, nar_vectors[3].script);
	buf_add_char(&nar, '\0');
	for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
		AUTO_BUF struct buf out = { 0 };
		struct nf_err err;

		buf_init(&out, MIB);
		assert_int_equal(
			read_checked(&out, source_of_memory(nar.ptr, nar.len, chunks[k]),
				     &info, &err),
			-NF_E_HASH);
		assert_string_equal(err.text, "NAR exceeds the promised 120 bytes");
	}
}

/* Never ends; counts what was taken from it. */
struct bomb {
	struct nf_source source;
	size_t run;
	uint64_t taken;
};

static int bomb_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	static const char zeroes[4096];
	struct bomb *b = (struct bomb *)s;

	(void)err;
	b->taken += b->run;
	*ret = nf_slice(zeroes, b->run);
	return 0;
}

static void bomb_close(struct nf_source *s)
{
	(void)s;
}

static void stops_reading_at_the_first_excess_byte(void **state)
{
	static const size_t runs[] = { 1, 7, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		struct bomb bomb = { { bomb_next, bomb_close }, runs[i], 0 };
		AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
		AUTO_BUF struct buf out = { 0 };
		struct nf_err err;

		buf_init(&out, MIB);
		promise(&info, TREE, EMPTY_HASH, 1000);
		assert_int_equal(read_checked(&out, &bomb.source, &info, &err),
				 -NF_E_HASH);
		assert_string_equal(err.text, "NAR exceeds the promised 1000 bytes");
		assert_in_range(bomb.taken, 1001, 1000 + runs[i]);
		assert_true(out.len <= 1000);
	}
}

static void a_content_address_of_these_bytes_passes(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo tree = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo hello = { 0 };

	(void)state;
	promise_vector(&tree, TREE, NAR_VECTOR_TREE);
	nf_pathinfo_set_ca(&tree, NF_SLICE_LIT(TREE_CA));
	expect(&tree, nar_vectors[NAR_VECTOR_TREE].script, SIZE_MAX, "");
	promise_vector(&hello, HELLO, 3);
	nf_pathinfo_set_ca(&hello, NF_SLICE_LIT(HELLO_CA));
	expect(&hello, nar_vectors[3].script, SIZE_MAX, "");
}

static void a_content_address_of_other_bytes_is_refused(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo tree = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo flat = { 0 };

	(void)state;
	promise_vector(&tree, TREE, 3);
	nf_pathinfo_set_ca(&tree, NF_SLICE_LIT(TREE_CA));
	expect(&tree, nar_vectors[3].script, SIZE_MAX,
	       "content address: expected "
	       "sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx, got "
	       "sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw");
	promise_vector(&flat, HELLO, NAR_VECTOR_TREE);
	nf_pathinfo_set_ca(&flat, NF_SLICE_LIT(HELLO_CA));
	expect(&flat, nar_vectors[NAR_VECTOR_TREE].script, SIZE_MAX,
	       "content address '" HELLO_CA "': not a single non-executable file");
}

static void wrong_hash_takes_precedence_over_wrong_content_address(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };

	(void)state;
	promise(&info, TREE, EMPTY_HASH, 120);
	nf_pathinfo_set_ca(&info, NF_SLICE_LIT(TREE_CA));
	expect(&info, nar_vectors[3].script, SIZE_MAX,
	       "NAR hash: expected " EMPTY_HASH
	       ", got sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw");
}

/* A file that holds its own path's hash part. */
#define SELF_SCRIPT NAR_ROOT(NAR_FILE("see-sgii4f5h9d2lym14f3av1r80w53l9k82-tree"))

static void promise_self(struct nf_pathinfo *info, const struct buf *nar)
{
	struct hash_modulo *modulo =
		hash_modulo_new(NF_SHA256, nf_storepath_hash(&info->path));
	char text[CA_TEXT_MAX];
	struct ca ca = { .method = CA_NAR };

	hash_bytes(&info->nar_hash, NF_SHA256, nar->ptr, nar->len);
	info->nar_size = nar->len;
	assert_int_equal(nf_pathinfo_add_ref(info, NF_SLICE_LIT(TREE), NULL), 0);
	hash_modulo_update(modulo, nar->ptr, nar->len);
	assert_true(hash_modulo_final(modulo, &ca.hash));
	nf_pathinfo_set_ca(info, nf_slice_str(ca_format(text, &ca)));
	hash_modulo_free(modulo);
}

static void self_reference_is_excluded_from_the_content_address(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	AUTO_BUF struct buf nar = { 0 };

	(void)state;
	buf_init(&nar, MIB);
	nar_script(&nar, SELF_SCRIPT);
	promise(&info, TREE, EMPTY_HASH, 1);
	promise_self(&info, &nar);
	expect(&info, SELF_SCRIPT, SIZE_MAX, "");
}

static void a_content_address_that_cannot_be_read_is_refused_at_once(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err;

	(void)state;
	buf_init(&out, MIB);
	promise_vector(&info, TREE, 0);
	nf_pathinfo_set_ca(&info, NF_SLICE_LIT("magic"));
	assert_int_equal(read_checked(&out, nf_source_of_memory("", 0), &info, &err),
			 -NF_E_FORMAT);
	assert_non_null(strstr(err.text, "content address 'magic'"));
}

static void the_reader_ends_only_with_a_verdict(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	AUTO_BUF struct buf nar = { 0 };
	const struct nf_trusted trusted = { .info = &info, .vouched_by = "test" };
	AUTO(source_closep) struct nf_source *src = NULL;
	struct nf_err err;

	(void)state;
	buf_init(&nar, MIB);
	nar_script(&nar, nar_vectors[3].script);
	promise(&info, TREE, EMPTY_HASH, 120);
	src = nar_checked_source(nf_source_of_memory(nar.ptr, nar.len), &trusted);
	assert_int_equal(nf_nar_check(src, NULL, &err), -NF_E_HASH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(promised_nar_passes),
		cmocka_unit_test(another_hash_is_refused_with_both),
		cmocka_unit_test(a_nar_that_is_short_is_refused),
		cmocka_unit_test(one_byte_more_is_refused),
		cmocka_unit_test(stops_reading_at_the_first_excess_byte),
		cmocka_unit_test(a_content_address_of_these_bytes_passes),
		cmocka_unit_test(a_content_address_of_other_bytes_is_refused),
		cmocka_unit_test(wrong_hash_takes_precedence_over_wrong_content_address),
		cmocka_unit_test(self_reference_is_excluded_from_the_content_address),
		cmocka_unit_test(
			a_content_address_that_cannot_be_read_is_refused_at_once),
		cmocka_unit_test(the_reader_ends_only_with_a_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
