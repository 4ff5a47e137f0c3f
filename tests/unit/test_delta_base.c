#include "delta/delta_base.h"

#include <nixferry/nar.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "expect.h"
#include "temp_dir.h"

static void make_tree(const struct temp_dir *t)
{
	temp_dir_mkdir(t, "x/a/deep");
	temp_dir_mkdir(t, "x/empty");
	temp_dir_write(t, "x/a/deep/one", "one");
	temp_dir_write(t, "x/a/none", "");
	temp_dir_write(t, "x/a/two", "the second file");
	temp_dir_write(t, "x/last", "last");
	assert_int_equal(symlinkat("a/two", t->fd, "x/link"), 0);
}

static void dump(struct buf *out, const struct temp_dir *t, const char *path)
{
	struct buf_sink sink;

	buf_init(out, MIB);
	buf_sink_init(&sink, out);
	assert_int_equal(nf_nar_dump(t->fd, path, &sink.sink, NULL), 0);
}

static void check_all_parts(const struct temp_dir *t, const char *path)
{
	AUTO(delta_base_closep) struct delta_base *b = NULL;
	AUTO_BUF struct buf nar = { 0 };
	char *part;

	dump(&nar, t, path);
	assert_int_equal(delta_base_of_tree(&b, t->fd, path, NULL), 0);
	assert_int_equal(b->size, nar.len);
	part = mem_alloc(nar.len);
	for (size_t at = 0; at < nar.len; at += 7)
		for (size_t len = 1; len <= nar.len - at; len += 31) {
			assert_int_equal(b->read(b, at, part, len, NULL), 0);
			assert_memory_equal(part, nar.ptr + at, len);
		}
	free(part);
}

static void each_part_of_a_tree_is_that_of_its_nar(void **state)
{
	struct temp_dir *t = *state;

	make_tree(t);
	check_all_parts(t, "x");
	check_all_parts(t, "x/last");
	check_all_parts(t, "x/link");
	check_all_parts(t, "x/empty");
}

static void a_file_that_changes_is_refused(void **state)
{
	struct temp_dir *t = *state;
	AUTO(delta_base_closep) struct delta_base *b = NULL;
	struct nf_err err = { 0 };
	char all[4096];

	make_tree(t);
	assert_int_equal(delta_base_of_tree(&b, t->fd, "x", NULL), 0);
	temp_dir_write(t, "x/last", "longer");
	expect_error(err, b->read(b, 0, all, (size_t)b->size, &err), NF_E_FORMAT,
		     "'x/last' changed while it was read");
}

static void links_that_replace_files_and_directories_are_not_followed(void **state)
{
	struct temp_dir *t = *state;
	AUTO(delta_base_closep) struct delta_base *b = NULL;
	char all[4096];

	make_tree(t);
	assert_int_equal(delta_base_of_tree(&b, t->fd, "x", NULL), 0);
	free(temp_dir_run(NULL, "cd '%s' && mv x/a x/b && ln -s b x/a", t->path));
	assert_true(b->read(b, 0, all, (size_t)b->size, NULL) < 0);
	free(temp_dir_run(
		NULL,
		"cd '%s' && rm x/a && mv x/b x/a && mv x/last l && ln -s ../l x/last",
		t->path));
	assert_true(b->read(b, 0, all, (size_t)b->size, NULL) < 0);
	free(temp_dir_run(NULL, "cd '%s' && mv l x/last", t->path));
	assert_int_equal(b->read(b, 0, all, (size_t)b->size, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_part_of_a_tree_is_that_of_its_nar,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(a_file_that_changes_is_refused,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(
			links_that_replace_files_and_directories_are_not_followed,
			temp_dir_setup, temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
