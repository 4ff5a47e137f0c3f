#include "pool/pool_names.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "temp_dir.h"

#define HASH "0c0chgh2ckigyv5crknwvlx2zmyh2dc2"

static void entries_are_named_by_the_hash_of_their_path(void **state)
{
	char name[POOL_INFO_NAME_MAX];

	(void)state;
	pool_info_name(name, NF_SLICE_LIT(HASH));
	assert_string_equal(name, HASH ".narinfo");
	assert_true(pool_names_is_info(name));
}

static void other_files_are_not_entries(void **state)
{
	static const char *const names[] = {
		"",
		".narinfo",
		HASH,
		HASH ".narinf",
		HASH ".narinfo2",
		HASH "x.narinfo",
		"0c0chgh2ckigyv5crknwvlx2zmyh2dcE.narinfo",
		"../chgh2ckigyv5crknwvlx2zmyh2dc2.narinfo",
		"nix-cache-info",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pool_names_is_info(names[i]))
			fail_msg("'%s'", names[i]);
}

/* Of the longest encoding's suffix, too, nothing is cut off. */
static void files_are_named_by_their_own_hash(void **state)
{
	struct nf_hash hash = { .algo = NF_SHA256 };
	char url[POOL_URL_MAX];
	static const char zeros[] =
		"0000000000000000000000000000000000000000000000000000";

	(void)state;
	pool_url(url, &hash, CODEC_NONE);
	assert_memory_equal(url, "nar/", POOL_URL_FILE);
	assert_memory_equal(url + POOL_URL_FILE, zeros, 52);
	assert_string_equal(url + POOL_URL_FILE + 52, ".nar");
	pool_url(url, &hash, CODEC_ZSTD);
	assert_string_equal(url + POOL_URL_FILE + 52, ".nar.zst");
	for (int codec = CODEC_NONE; codec <= CODEC_BR; codec++) {
		pool_url(url, &hash, (enum codec)codec);
		assert_string_equal(url + POOL_URL_FILE + 56,
				    codec_suffix((enum codec)codec));
	}
}

static bool is_short(const char *name)
{
	return name[0] != '.' && strlen(name) < 4;
}

static void chosen_names_are_sorted(void **state)
{
	struct temp_dir *t = *state;
	struct pool_names n = { 0 };
	struct nf_err err;

	temp_dir_write(t, "b", "");
	temp_dir_write(t, "abc", "");
	temp_dir_write(t, "long-name", "");
	temp_dir_write(t, "a", "");
	/* Read twice: each has a reading position of its own. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pool_names_read(&n, t->fd, is_short, &err), 0);
		assert_int_equal(n.len, 3);
		assert_string_equal(n.list[0], "a");
		assert_string_equal(n.list[1], "abc");
		assert_string_equal(n.list[2], "b");
		pool_names_release(&n);
		assert_int_equal(n.len, 0);
	}
}

static void a_directory_that_cannot_be_read_is_an_error(void **state)
{
	struct pool_names n = { 0 };
	struct nf_err err = { 0 };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(pool_names_read(&n, fd, is_short, &err), -NF_E_SYS);
	assert_int_equal(err.code, NF_E_SYS);
	pool_names_release(&n);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_named_by_the_hash_of_their_path),
		cmocka_unit_test(other_files_are_not_entries),
		cmocka_unit_test(files_are_named_by_their_own_hash),
		cmocka_unit_test_setup_teardown(chosen_names_are_sorted, temp_dir_setup,
						temp_dir_teardown),
		cmocka_unit_test(a_directory_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
