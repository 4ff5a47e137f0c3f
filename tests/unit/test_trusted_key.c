#include "cmd/trusted_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "temp_dir.h"

#define PUBLIC_A "a-1:4J2XwQoiDmHUonbw3AzITEtsnIcQFzj0KeiJ5Va0Yp0="
#define PUBLIC_B NF_DEFAULT_PUBLIC_KEY
#define SECRET_BASE64                                                                    \
	"UJYw9ftYVuXGQIlIkJnW5U9FtFiZTd4YbGDFMHwQSybgnZfBCiIOYdSidvDcDMhMS2ychxAXOPQp6I" \
	"nlVrRinQ=="
#define SECRET "test-1:" SECRET_BASE64

struct trusted_key_fixture {
	struct temp_dir *dir;
	struct nf_keyring *ring;
	struct nf_err err;
};

static int setup(void **state)
{
	static struct trusted_key_fixture f;

	temp_dir_setup((void **)&f.dir);
	f.ring = nf_keyring_new();
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct trusted_key_fixture *f = *state;

	nf_keyring_free(f->ring);
	return temp_dir_teardown((void **)&f->dir);
}

static int add_file(struct trusted_key_fixture *f, const char *text)
{
	AUTO_FREE char *path = mem_printf("%s/k", f->dir->path);

	temp_dir_write(f->dir, "k", text);
	return trusted_key_add(f->ring, path, &f->err);
}

static void literal_key_is_accepted(void **state)
{
	struct trusted_key_fixture *f = *state;

	assert_int_equal(trusted_key_add(f->ring, PUBLIC_A, &f->err), 0);
	assert_int_equal(trusted_key_add(f->ring, "  " PUBLIC_B "\n", &f->err), 0);
	assert_int_equal(nf_keyring_count(f->ring), 2);
}

static void file_has_one_key_per_line(void **state)
{
	struct trusted_key_fixture *f = *state;

	assert_int_equal(add_file(f, PUBLIC_A), 0);
	assert_int_equal(nf_keyring_count(f->ring), 1);
	assert_int_equal(add_file(f, "# mine\r\n\r\n  " PUBLIC_A "\r\n" PUBLIC_B "\n\n"),
			 0);
	assert_int_equal(nf_keyring_count(f->ring), 2);
}

static void files_without_keys_are_wrong_usage(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ "", "contains no key" },
		{ "# only this\n\n", "contains no key" },
		{ PUBLIC_A "\nnonsense\n", "line 2: public key: no ':'" },
		{ PUBLIC_A " " PUBLIC_B "\n", "line 1: " },
		{ "a b:AAAA\n", "line 1: " },
		{ SECRET "\n", "line 1: this is a secret key" },
		{ PUBLIC_A "\n" SECRET, "line 2: this is a secret key" },
		{ SECRET_BASE64 "\n", "line 1: this is a secret key" },
	};
	struct trusted_key_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(add_file(f, rows[i].text), -NF_E_USAGE);
		if (!strstr(f->err.text, rows[i].error))
			fail_msg("row %zu: %s", i, f->err.text);
		assert_null(strstr(f->err.text, "UJYw9"));
	}
}

static void large_or_special_key_file_is_refused(void **state)
{
	struct trusted_key_fixture *f = *state;
	AUTO_FREE char *large = mem_calloc(65 * 1024 + 1, 1);
	AUTO_FREE char *fifo = mem_printf("%s/fifo", f->dir->path);

	memset(large, '\n', 65UL * 1024);
	assert_int_equal(add_file(f, large), -NF_E_USAGE);
	assert_non_null(strstr(f->err.text, "larger than 65536 bytes"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(trusted_key_add(f->ring, fifo, &f->err), -NF_E_USAGE);
	assert_non_null(strstr(f->err.text, "fifo' is not a regular file"));
	assert_int_equal(trusted_key_add(f->ring, f->dir->path, &f->err), -NF_E_USAGE);
	assert_non_null(strstr(f->err.text, "' is not a regular file"));
	assert_int_equal(trusted_key_add(f->ring, "/dev/zero", &f->err), -NF_E_USAGE);
	assert_non_null(strstr(f->err.text, "' is not a regular file"));
}

static void possible_secrets_are_not_quoted(void **state)
{
	static const char *const values[] = {
		SECRET,
		SECRET_BASE64,
		"test-1:UJYw9ftYVuXGQIlIkJnW5U9FtFiZTd4YbGDFMHwQSybgnZfBCiIOYdSidvDcD",
		"test-1:UJYw9ftYVuXG",
		":" SECRET_BASE64,
		"a b:" SECRET_BASE64,
		SECRET "\n" SECRET,
	};
	struct trusted_key_fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(trusted_key_add(f->ring, values[i], &f->err),
				 -NF_E_USAGE);
		if (strstr(f->err.text, "UJYw9"))
			fail_msg("row %zu: %s", i, f->err.text);
	}
	assert_int_equal(trusted_key_add(f->ring, SECRET, &f->err), -NF_E_USAGE);
	assert_non_null(strstr(f->err.text, "this is a secret key"));
	assert_int_equal(trusted_key_add(f->ring, "none.pub", &f->err), -NF_E_USAGE);
	assert_string_equal(f->err.text,
			    "'none.pub' is neither a public key (NAME:KEY) nor a file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(literal_key_is_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(file_has_one_key_per_line, setup,
						teardown),
		cmocka_unit_test_setup_teardown(files_without_keys_are_wrong_usage, setup,
						teardown),
		cmocka_unit_test_setup_teardown(large_or_special_key_file_is_refused,
						setup, teardown),
		cmocka_unit_test_setup_teardown(possible_secrets_are_not_quoted, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
