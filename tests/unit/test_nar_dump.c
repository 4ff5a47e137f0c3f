#include <nixferry/nar.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/stream.h"
#include "nar_script.h"
#include "skip.h"
#include "temp_dir.h"

static void put_file(int dir_fd, const char *name, const char *text, mode_t mode)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void put_tree(int dir_fd)
{
	assert_int_equal(mkdirat(dir_fd, "tree", 0755), 0);
	put_file(dir_fd, "tree/run", "#!/bin/sh\necho hi\n", 0744);
	assert_int_equal(symlinkat("a", dir_fd, "tree/link"), 0);
	assert_int_equal(mkdirat(dir_fd, "tree/sub", 0700), 0);
	put_file(dir_fd, "tree/sub/empty", "", 0677);
	put_file(dir_fd, "tree/a", "hello\n", 0644);
}

static int dump(struct buf *out, int dir_fd, const char *path, struct nf_err *err)
{
	struct buf_sink sink;

	buf_sink_init(&sink, out);
	return nf_nar_dump(dir_fd, path, &sink.sink, err);
}

static void expect_nar(int dir_fd, const char *path, const char *script)
{
	AUTO_BUF struct buf want = { 0 };
	AUTO_BUF struct buf got = { 0 };
	struct nf_err err = { .text = "" };

	buf_init(&want, MIB);
	buf_init(&got, MIB);
	nar_script(&want, script);
	assert_int_equal(dump(&got, dir_fd, path, &err), 0);
	assert_string_equal(err.text, "");
	assert_true(nf_slice_eq(buf_slice(&got), buf_slice(&want)));
}

static void expect_error(int dir_fd, const char *path, enum nf_error code,
			 const char *text)
{
	AUTO_BUF struct buf got = { 0 };
	struct nf_err err;

	buf_init(&got, MIB);
	assert_int_equal(dump(&got, dir_fd, path, &err), -(int)code);
	assert_string_equal(err.text, text);
}

static void a_tree_gives_the_vector(void **state)
{
	const struct temp_dir *t = *state;

	put_tree(t->fd);
	expect_nar(t->fd, "tree", nar_vectors[NAR_VECTOR_TREE].script);
}

static void each_kind_of_object_can_be_the_root(void **state)
{
	const struct temp_dir *t = *state;

	put_tree(t->fd);
	expect_nar(t->fd, "tree/a", NAR_ROOT(NAR_FILE("hello~")));
	expect_nar(t->fd, "tree/sub/empty", NAR_ROOT(NAR_FILE("''")));
	expect_nar(t->fd, "tree/run", NAR_ROOT(NAR_EXE("#!/bin/sh~echo_hi~")));
	expect_nar(t->fd, "tree/link", NAR_ROOT(NAR_LINK("a")));
	assert_int_equal(mkdirat(t->fd, "empty", 0755), 0);
	expect_nar(t->fd, "empty", NAR_DIR " )");
}

static void only_the_owners_bit_makes_a_program(void **state)
{
	const struct temp_dir *t = *state;

	put_file(t->fd, "owner", "x", 0500);
	put_file(t->fd, "others", "x", 0455);
	expect_nar(t->fd, "owner", NAR_ROOT(NAR_EXE("x")));
	expect_nar(t->fd, "others", NAR_ROOT(NAR_FILE("x")));
}

static void a_link_to_a_directory_is_not_followed(void **state)
{
	const struct temp_dir *t = *state;

	assert_int_equal(mkdirat(t->fd, "tree", 0755), 0);
	assert_int_equal(symlinkat("/", t->fd, "tree/root"), 0);
	assert_int_equal(symlinkat("nowhere", t->fd, "tree/broken"), 0);
	expect_nar(t->fd, "tree",
		   NAR_DIR NAR_ENTRY("broken", NAR_LINK("nowhere"))
			   NAR_ENTRY("root", NAR_LINK("/")) " )");
}

static void entries_are_sorted_by_bytes(void **state)
{
	const struct temp_dir *t = *state;

	assert_int_equal(mkdirat(t->fd, "d", 0755), 0);
	put_file(t->fd, "d/b", "", 0644);
	put_file(t->fd, "d/B", "", 0644);
	put_file(t->fd, "d/\303\244", "", 0644);
	put_file(t->fd, "d/a0", "", 0644);
	put_file(t->fd, "d/a.", "", 0644);
	put_file(t->fd, "d/a", "", 0644);
#define EMPTY(name) NAR_ENTRY(name, NAR_FILE("''"))
	expect_nar(t->fd, "d",
		   NAR_DIR EMPTY("B") EMPTY("a") EMPTY("a.") EMPTY("a0") EMPTY("b")
			   EMPTY("\303\244") " )");
}

static void unsupported_file_types_are_named(void **state)
{
	const struct temp_dir *t = *state;

	assert_int_equal(mkdirat(t->fd, "d", 0755), 0);
	assert_int_equal(mkfifoat(t->fd, "d/pipe", 0644), 0);
	expect_error(t->fd, "d", NF_E_UNSUPPORTED,
		     "'d/pipe' is neither file, directory nor symbolic link");
	expect_error(AT_FDCWD, "/dev/null", NF_E_UNSUPPORTED,
		     "'/dev/null' is neither file, directory nor symbolic link");
}

static void a_missing_path_is_named(void **state)
{
	const struct temp_dir *t = *state;

	expect_error(t->fd, "nothing", NF_E_SYS,
		     "cannot stat 'nothing': No such file or directory");
}

/* Files of /proc say that they are empty. */
static void file_of_unexpected_size_is_an_error(void **state)
{
	(void)state;
	expect_error(AT_FDCWD, "/proc/self/status", NF_E_SYS,
		     "'/proc/self/status' changed while it was read");
}

static void make_nested(int dir_fd, int levels)
{
	int fd = dup(dir_fd);

	for (int i = 0; i < levels; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
}

static void depth_is_bounded(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_BUF struct buf nar = { 0 };
	struct nf_err err;

	buf_init(&nar, MIB);
	make_nested(t->fd, 65);
	assert_int_equal(dump(&nar, t->fd, "d", &err), -NF_E_FORMAT);
	assert_non_null(strstr(err.text, "d/d/d': nested deeper than 64 levels"));
	buf_clear(&nar);
	assert_int_equal(dump(&nar, t->fd, "d/d", &err), 0);
}

static void a_large_file_passes_in_pieces(void **state)
{
	const struct temp_dir *t = *state;
	static const size_t sizes[] = { 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 700000 };
	char *text = malloc(700001);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO_BUF struct buf nar = { 0 };
		char name[16];

		snprintf(name, sizeof(name), "large%zu", i);
		memset(text, 'x', sizes[i]);
		text[sizes[i]] = '\0';
		put_file(t->fd, name, text, 0644);
		buf_init(&nar, MIB);
		assert_int_equal(dump(&nar, t->fd, name, NULL), 0);
		assert_memory_equal(nar.ptr + 96, text, sizes[i]);
	}
	free(text);
}

static int full_write(struct nf_sink *sink, const void *p, size_t len, struct nf_err *err)
{
	(void)sink;
	(void)p;
	(void)len;
	return err_set(err, NF_E_NOSPACE, "full");
}

static void an_error_of_the_sink_ends_the_dump(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_sink sink = { full_write };
	struct nf_err err;

	put_tree(t->fd);
	assert_int_equal(nf_nar_dump(t->fd, "tree", &sink, &err), -NF_E_NOSPACE);
	assert_string_equal(err.text, "full");
}

static void real_nix_dumps_the_same_bytes(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_BUF struct buf ours = { 0 };
	AUTO_BUF struct buf theirs = { 0 };
	int status;

	if (!temp_dir_have_command("nix-store"))
		skip_because("no Nix here");
	put_tree(t->fd);
	make_nested(t->fd, 5);
	assert_int_equal(renameat(t->fd, "d", t->fd, "tree/deep"), 0);
	put_file(t->fd, "tree/with space and \303\244", "x", 0755);
	free(temp_dir_run(&status, "nix-store --dump '%s/tree' >'%s/nar'", t->path,
			  t->path));
	assert_int_equal(status, 0);
	buf_init(&ours, MIB);
	buf_init(&theirs, MIB);
	assert_int_equal(dump(&ours, t->fd, "tree", NULL), 0);
	assert_int_equal(file_read_at(t->fd, "nar", &theirs, NULL), 0);
	assert_true(nf_slice_eq(buf_slice(&ours), buf_slice(&theirs)));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tree_gives_the_vector),
		TEST(each_kind_of_object_can_be_the_root),
		TEST(only_the_owners_bit_makes_a_program),
		TEST(a_link_to_a_directory_is_not_followed),
		TEST(entries_are_sorted_by_bytes),
		TEST(unsupported_file_types_are_named),
		TEST(a_missing_path_is_named),
		TEST(file_of_unexpected_size_is_an_error),
		TEST(depth_is_bounded),
		TEST(a_large_file_passes_in_pieces),
		TEST(an_error_of_the_sink_ends_the_dump),
		TEST(real_nix_dumps_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
