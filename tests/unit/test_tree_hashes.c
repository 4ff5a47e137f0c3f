#include "store/tree_hashes.h"

#include "base/stream.h"
#include "expect.h"
#include "nar_script.h"

static void read_nar(struct tree_hashes *t, const char *script, size_t chunk)
{
	AUTO_BUF struct buf nar = { 0 };
	struct nf_source *src;
	struct nf_nar_reader *reader;
	struct nf_nar_event ev;

	buf_init(&nar, 4096);
	nar_script(&nar, script);
	src = source_of_memory(nar.ptr, nar.len, chunk);
	reader = nf_nar_reader_new(src);
	tree_hashes_init(t);
	do {
		assert_int_equal(nf_nar_next(reader, &ev, NULL), 0);
		tree_hashes_note(t, &ev);
	} while (ev.kind != NF_NAR_END);
	nf_nar_reader_free(reader);
	source_close(src);
}

static void assert_object(const struct tree_object *o, enum nf_nar_kind kind,
			  const char *name, const char *hash)
{
	char text[NF_HASH_TEXT_MAX];

	assert_int_equal(o->kind, kind);
	assert_string_equal(o->name, name);
	assert_int_equal(o->hash != NULL, hash != NULL);
	if (hash)
		assert_string_equal(nf_hash_format(text, o->hash, NF_NIX32), hash);
}

static void each_object_has_the_hash_of_its_own_nar(void **state)
{
	const struct nar_vector *v = nar_vectors;
	AUTO(tree_hashes_release) struct tree_hashes t = { 0 };

	(void)state;
	for (size_t chunk = 1; chunk < 2000; chunk *= 7) {
		read_nar(&t, v[NAR_VECTOR_TREE].script, chunk);
		assert_int_equal(t.len, 8);
		assert_object(&t.objects[0], NF_NAR_DIRECTORY, "", NULL);
		assert_object(&t.objects[1], NF_NAR_FILE, "a", v[3].hash);
		assert_object(&t.objects[2], NF_NAR_SYMLINK, "link", v[2].hash);
		assert_object(&t.objects[3], NF_NAR_FILE, "run", v[4].hash);
		assert_object(&t.objects[4], NF_NAR_DIRECTORY, "sub", NULL);
		assert_object(&t.objects[5], NF_NAR_FILE, "empty", v[0].hash);
		assert_object(&t.objects[6], NF_NAR_LEAVE, "", NULL);
		assert_object(&t.objects[7], NF_NAR_LEAVE, "", NULL);
		tree_hashes_release(&t);
	}
	for (size_t i = 0; i < NAR_VECTOR_TREE; i++) {
		read_nar(&t, v[i].script, 64);
		if (t.objects[0].kind != NF_NAR_DIRECTORY)
			assert_object(&t.objects[0], t.objects[0].kind, "", v[i].hash);
		tree_hashes_release(&t);
	}
}

static void reading_may_end_inside_a_file(void **state)
{
	const struct nf_nar_event file = { .kind = NF_NAR_FILE, .size = 5 };
	struct tree_hashes t;

	(void)state;
	tree_hashes_init(&t);
	tree_hashes_note(&t, &file);
	assert_null(t.objects[0].hash);
	tree_hashes_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_object_has_the_hash_of_its_own_nar),
		cmocka_unit_test(reading_may_end_inside_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
