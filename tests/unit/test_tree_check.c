#include "store/tree_check.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "expect.h"
#include "store/canonical.h"
#include "temp_dir.h"

/* The NAR of a file that holds "hello\n". */
#define HELLO_HASH "sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw"
#define HELLO_SIZE 120

static void make_canonical(const struct temp_dir *t, const char *name, mode_t mode)
{
	assert_int_equal(fchmodat(t->fd, name, mode, 0), 0);
	assert_int_equal(utimensat(t->fd, name, canonical_times, 0), 0);
}

static void make_hello(const struct temp_dir *t)
{
	temp_dir_write(t, "hello", "hello\n");
	make_canonical(t, "hello", 0444);
}

static int check(const struct temp_dir *t, const char *base, struct tree_check *ret,
		 struct nf_err *err)
{
	const struct tree_check_place place = { t->fd, geteuid() };

	return tree_check(ret, &place, base, NF_SHA256, NULL, err);
}

static void a_tree_has_the_hash_and_size_of_its_nar(void **state)
{
	AUTO(tree_check_release) struct tree_check tree = { 0 };
	char hash[NF_HASH_TEXT_MAX];

	make_hello(*state);
	assert_int_equal(check(*state, "hello", &tree, NULL), 0);
	assert_string_equal(nf_hash_format(hash, &tree.hash, NF_NIX32), HELLO_HASH);
	assert_int_equal(tree.size, HELLO_SIZE);
	assert_int_equal(tree.odd_count, 0);
	assert_null(tree.odd);
}

static void what_cannot_be_a_nar_is_told_apart(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *fifo = temp_dir_join(t, "dir/fifo");
	struct tree_check tree;
	struct nf_err err;

	expect_error(err, check(t, "none", &tree, &err), NF_E_MISSING,
		     "it is not on the disk");
	temp_dir_mkdir(t, "dir");
	assert_int_equal(mkfifo(fifo, 0444), 0);
	expect_error(err, check(t, "dir", &tree, &err), NF_E_UNSUPPORTED,
		     "'dir/fifo' is neither file, directory nor symbolic link");
	tree_check_release(&tree);
}

static void metadata_that_is_not_canonical_is_named_and_counted(void **state)
{
	const struct temp_dir *t = *state;
	static const struct {
		mode_t mode;
		const char *odd;
	} modes[] = {
		{ 0444, NULL },
		{ 0555, NULL },
		{ 0644, "'hello' has mode 0644" },
		{ 04555, "'hello' has mode 4555" },
		{ 0400, "'hello' has mode 0400" },
	};

	make_hello(t);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		AUTO(tree_check_release) struct tree_check tree = { 0 };

		make_canonical(t, "hello", modes[i].mode);
		assert_int_equal(check(t, "hello", &tree, NULL), 0);
		assert_int_equal(tree.odd_count, modes[i].odd != NULL);
		if (modes[i].odd)
			assert_string_equal(tree.odd, modes[i].odd);
	}
}

static void the_first_of_several_is_named(void **state)
{
	const struct temp_dir *t = *state;
	AUTO(tree_check_release) struct tree_check tree = { 0 };

	temp_dir_mkdir(t, "dir");
	temp_dir_write(t, "dir/a", "a");
	temp_dir_write(t, "dir/b", "b");
	make_canonical(t, "dir/a", 0444);
	make_canonical(t, "dir", 0755);
	assert_int_equal(check(t, "dir", &tree, NULL), 0);
	assert_string_equal(tree.odd, "'dir' has mode 0755");
	assert_int_equal(tree.odd_count, 2);
}

static void a_time_and_an_owner_are_looked_at(void **state)
{
	const struct temp_dir *t = *state;
	const struct timespec later[2] = { { 0, UTIME_OMIT }, { 1, 5 } };
	const struct tree_check_place foreign = { t->fd, geteuid() + 1 };
	struct tree_check tree;

	make_hello(t);
	assert_int_equal(utimensat(t->fd, "hello", later, 0), 0);
	assert_int_equal(check(t, "hello", &tree, NULL), 0);
	assert_int_equal(tree.odd_count, 1);
	tree_check_release(&tree);
	make_canonical(t, "hello", 0444);
	assert_int_equal(tree_check(&tree, &foreign, "hello", NF_SHA256, NULL, NULL), 0);
	/* Root may own everything. */
	assert_int_equal(tree.odd_count, geteuid() != 0);
	tree_check_release(&tree);
}

static void it_can_be_interrupted(void **state)
{
	struct tree_check tree;

	make_hello(*state);
	interrupt_set(true);
	assert_int_equal(check(*state, "hello", &tree, NULL), -NF_E_INTR);
	interrupt_set(false);
	tree_check_release(&tree);
}

#define TREE_TEST(test)                                                                  \
	cmocka_unit_test_setup_teardown(test, temp_dir_setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(a_tree_has_the_hash_and_size_of_its_nar),
		TREE_TEST(what_cannot_be_a_nar_is_told_apart),
		TREE_TEST(metadata_that_is_not_canonical_is_named_and_counted),
		TREE_TEST(the_first_of_several_is_named),
		TREE_TEST(a_time_and_an_owner_are_looked_at),
		TREE_TEST(it_can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
