#include "store/unpack.h"

#include <fcntl.h>
#include <nixferry/nar.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/stream.h"
#include "temp_dir.h"

#define SCRIPT "#!/bin/sh\necho hi\n"
/* {a="hello\n", link->a, run=executable SCRIPT, sub/{empty=""}} */
#define TREE_HASH "sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx"

static void write_event(struct nf_nar_writer *w, enum nf_nar_kind kind, const char *name,
			const char *data)
{
	struct nf_nar_event ev = {
		.kind = kind,
		.name = nf_slice_str(name),
		.data = nf_slice_str(data),
	};

	assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
}

static void write_file(struct nf_nar_writer *w, const char *name, bool executable,
		       const char *text)
{
	struct nf_nar_event ev = {
		.kind = NF_NAR_FILE,
		.name = nf_slice_str(name),
		.executable = executable,
		.size = strlen(text),
	};

	assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
	if (*text)
		write_event(w, NF_NAR_DATA, "", text);
	write_event(w, NF_NAR_FILE_END, "", "");
}

static void write_tree(struct nf_nar_writer *w)
{
	write_event(w, NF_NAR_DIRECTORY, "", "");
	write_file(w, "a", false, "hello\n");
	write_event(w, NF_NAR_SYMLINK, "link", "a");
	write_file(w, "run", true, SCRIPT);
	write_event(w, NF_NAR_DIRECTORY, "sub", "");
	write_file(w, "empty", false, "");
	write_event(w, NF_NAR_LEAVE, "", "");
	write_event(w, NF_NAR_LEAVE, "", "");
}

static void write_one_file(struct nf_nar_writer *w)
{
	write_file(w, "", true, SCRIPT);
}

static void write_one_link(struct nf_nar_writer *w)
{
	write_event(w, NF_NAR_SYMLINK, "", "a");
}

static void write_deep(struct nf_nar_writer *w)
{
	for (int i = 0; i < 63; i++)
		write_event(w, NF_NAR_DIRECTORY, i ? "d" : "", "");
	for (int i = 0; i < 63; i++)
		write_event(w, NF_NAR_LEAVE, "", "");
}

static void make_nar(struct buf *nar, void (*fn)(struct nf_nar_writer *w))
{
	struct buf_sink sink;
	struct nf_nar_writer *w;

	buf_init(nar, 1 << 20);
	buf_sink_init(&sink, nar);
	w = nf_nar_writer_new(&sink.sink);
	fn(w);
	write_event(w, NF_NAR_END, "", "");
	nf_nar_writer_free(w);
}

static int unpack(const struct temp_dir *t, const struct buf *nar, size_t chunk,
		  uint64_t *ret_inodes, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *src = source_of_memory(nar->ptr, nar->len, chunk);

	struct unpack_notes notes = { 0 };
	int rc = unpack_nar(src, t->fd, "tree", &notes, err);

	if (ret_inodes)
		*ret_inodes = notes.inodes;
	return rc;
}

static void assert_same_nar(const struct temp_dir *t, const char *name,
			    const struct buf *nar)
{
	AUTO_BUF struct buf again = { 0 };
	struct buf_sink sink;

	buf_init(&again, 1 << 20);
	buf_sink_init(&sink, &again);
	assert_int_equal(nf_nar_dump(t->fd, name, &sink.sink, NULL), 0);
	assert_true(nf_slice_eq(buf_slice(nar), buf_slice(&again)));
}

static void assert_meta(const struct temp_dir *t, const char *name, mode_t mode)
{
	struct stat st = temp_dir_stat(t, name);

	assert_int_equal(st.st_mode, mode);
	assert_int_equal(st.st_mtim.tv_sec, 1);
	assert_int_equal(st.st_mtim.tv_nsec, 0);
	assert_int_equal(st.st_uid, geteuid());
}

static void a_tree_gets_canonical_metadata_whatever_the_umask(void **state)
{
	static const struct {
		mode_t umask;
		size_t chunk;
		const char *why;
	} rows[] = {
		{ 022, 0, "the usual one, all bytes at once" },
		{ 0, 1, "no mask, one byte at a time" },
		{ 077, 7, "a private one" },
		{ 0777, 4096, "one that leaves nothing" },
	};
	AUTO_BUF struct buf nar = { 0 };
	struct nf_hash hash;
	char text[NF_HASH_TEXT_MAX];

	make_nar(&nar, write_tree);
	hash_bytes(&hash, NF_SHA256, nar.ptr, nar.len);
	assert_string_equal(nf_hash_format(text, &hash, NF_NIX32), TREE_HASH);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct temp_dir *t;
		uint64_t nodes = 0;
		struct nf_err err;
		mode_t saved;
		int rc;

		temp_dir_setup((void **)&t);
		saved = umask(rows[i].umask);
		rc = unpack(t, &nar, rows[i].chunk, &nodes, &err);
		umask(saved);
		if (rc)
			fail_msg("%s: %s", rows[i].why, err.text);
		assert_int_equal(nodes, 6);
		assert_int_equal(unpack_finish(t->fd, "tree", t->fd, "done", NULL), 0);
		assert_meta(t, "done", S_IFDIR | 0555);
		assert_meta(t, "done/a", S_IFREG | 0444);
		assert_meta(t, "done/run", S_IFREG | 0555);
		assert_meta(t, "done/link", S_IFLNK | 0777);
		assert_meta(t, "done/sub", S_IFDIR | 0555);
		assert_meta(t, "done/sub/empty", S_IFREG | 0444);
		assert_same_nar(t, "done", &nar);
		temp_dir_teardown((void **)&t);
	}
	(void)state;
}

static void inherited_group_does_not_change_the_mode(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_BUF struct buf nar = { 0 };

	assert_int_equal(fchmod(t->fd, 02755), 0);
	make_nar(&nar, write_tree);
	assert_int_equal(unpack(t, &nar, 0, NULL, NULL), 0);
	assert_int_equal(unpack_finish(t->fd, "tree", t->fd, "done", NULL), 0);
	assert_meta(t, "done", S_IFDIR | 0555);
	assert_meta(t, "done/sub", S_IFDIR | 0555);
}

static void root_can_be_a_file_or_link(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_BUF struct buf file = { 0 };
	AUTO_BUF struct buf link = { 0 };
	uint64_t nodes;

	make_nar(&file, write_one_file);
	make_nar(&link, write_one_link);
	assert_int_equal(unpack(t, &file, 0, &nodes, NULL), 0);
	assert_int_equal(nodes, 1);
	assert_int_equal(unpack_finish(t->fd, "tree", t->fd, "file", NULL), 0);
	assert_meta(t, "file", S_IFREG | 0555);
	assert_same_nar(t, "file", &file);
	assert_int_equal(unpack(t, &link, 0, &nodes, NULL), 0);
	assert_int_equal(unpack_finish(t->fd, "tree", t->fd, "link", NULL), 0);
	assert_meta(t, "link", S_IFLNK | 0777);
	assert_same_nar(t, "link", &link);
}

static void directories_may_be_as_deep_as_nix_allows(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_BUF struct buf nar = { 0 };
	uint64_t nodes;

	make_nar(&nar, write_deep);
	assert_int_equal(unpack(t, &nar, 0, &nodes, NULL), 0);
	assert_int_equal(nodes, 63);
	assert_same_nar(t, "tree", &nar);
}

static void plant_file(const struct temp_dir *t)
{
	temp_dir_write(t, "tree", "mine");
}

static void plant_directory(const struct temp_dir *t)
{
	temp_dir_mkdir(t, "tree");
}

static void plant_link(const struct temp_dir *t)
{
	assert_int_equal(symlinkat("elsewhere", t->fd, "tree"), 0);
}

static void existing_file_of_that_name_is_not_touched(void **state)
{
	static const struct {
		void (*plant)(const struct temp_dir *t);
		void (*nar)(struct nf_nar_writer *w);
		const char *text;
	} rows[] = {
		{ plant_file, write_one_file, "cannot create 'tree': File exists" },
		{ plant_file, write_tree,
		  "cannot create the directory 'tree': File exists" },
		{ plant_directory, write_tree,
		  "cannot create the directory 'tree': File exists" },
		{ plant_link, write_one_file, "cannot create 'tree': File exists" },
		{ plant_link, write_tree,
		  "cannot create the directory 'tree': File exists" },
		{ plant_link, write_one_link,
		  "cannot create the link 'tree': File exists" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf nar = { 0 };
		struct temp_dir *t;
		struct nf_err err;

		temp_dir_setup((void **)&t);
		rows[i].plant(t);
		make_nar(&nar, rows[i].nar);
		assert_int_equal(unpack(t, &nar, 0, NULL, &err), -NF_E_SYS);
		assert_string_equal(err.text, rows[i].text);
		assert_false(temp_dir_has(t, "elsewhere"));
		temp_dir_teardown((void **)&t);
	}
	(void)state;
}

static void a_nar_that_ends_early_is_an_error_at_any_length(void **state)
{
	AUTO_BUF struct buf nar = { 0 };

	make_nar(&nar, write_tree);
	for (size_t len = 0; len < nar.len; len += 8) {
		struct buf part = nar;
		struct temp_dir *t;
		struct nf_err err;

		part.len = len;
		temp_dir_setup((void **)&t);
		assert_int_equal(unpack(t, &part, 0, NULL, &err), -NF_E_FORMAT);
		temp_dir_teardown((void **)&t);
	}
	(void)state;
}

static void interrupt_ends_the_program(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_BUF struct buf nar = { 0 };

	make_nar(&nar, write_tree);
	interrupt_set(true);
	assert_int_equal(unpack(t, &nar, 0, NULL, NULL), -NF_E_INTR);
	interrupt_set(false);
}

static void finish_replaces_nothing(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_BUF struct buf nar = { 0 };
	struct nf_err err;

	make_nar(&nar, write_tree);
	assert_int_equal(unpack(t, &nar, 0, NULL, NULL), 0);
	temp_dir_mkdir(t, "done");
	assert_int_equal(unpack_finish(t->fd, "tree", t->fd, "done", &err), -NF_E_SYS);
	assert_string_equal(err.text, "cannot move 'done' into the store: File exists");
	assert_true(temp_dir_has(t, "tree/a"));
	assert_int_equal(unpack_finish(t->fd, "none", t->fd, "other", &err), -NF_E_SYS);
	assert_string_equal(err.text, "cannot stat 'none': No such file or directory");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_gets_canonical_metadata_whatever_the_umask),
		TEST(inherited_group_does_not_change_the_mode),
		TEST(root_can_be_a_file_or_link),
		TEST(directories_may_be_as_deep_as_nix_allows),
		cmocka_unit_test(existing_file_of_that_name_is_not_touched),
		cmocka_unit_test(a_nar_that_ends_early_is_an_error_at_any_length),
		TEST(interrupt_ends_the_program),
		TEST(finish_replaces_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
