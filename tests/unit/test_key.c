#include <nixferry/key.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "expect.h"
#include "narinfo_vectors.h"
#include "skip.h"
#include "temp_dir.h"

#define HUNDRED                                                                          \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaa"                                                                          \
	"aaaaaaaaaaaaaaaaaaaaa"

static struct nf_keyring *ring_of(const char *text)
{
	struct nf_keyring *ring = nf_keyring_new();

	assert_int_equal(nf_keyring_add(ring, nf_slice_str(text), NULL), 0);
	return ring;
}

static int verify(const struct nf_keyring *ring, const char *sig, const char *message,
		  struct nf_err *err)
{
	return nf_keyring_verify(ring, nf_slice_str(sig), message, strlen(message), err);
}

static void a_key_signs_as_nix_does(void **state)
{
	struct nf_secret_key *key;
	struct nf_keyring *ring;
	struct nf_err err;
	char *text;

	(void)state;
	assert_int_equal(nf_secret_key_parse(&key, NF_SLICE_LIT(TEST_SECRET_KEY), &err),
			 0);
	assert_string_equal(nf_secret_key_name(key), "test-1");
	text = nf_secret_key_public(key);
	assert_string_equal(text, TEST_PUBLIC_KEY);
	ring = ring_of(text);
	free(text);
	text = nf_secret_key_text(key);
	assert_string_equal(text, TEST_SECRET_KEY);
	nf_secret_text_free(text);
	text = nf_sign(key, TREE_FINGERPRINT, strlen(TREE_FINGERPRINT));
	assert_string_equal(text, TREE_SIG);
	assert_int_equal(verify(ring, text, TREE_FINGERPRINT, &err), 0);
	free(text);
	nf_keyring_free(ring);
	nf_secret_key_free(key);
}

static void a_new_key_returns_from_its_text(void **state)
{
	struct nf_secret_key *key, *again;
	struct nf_keyring *ring;
	struct nf_err err;
	char *text, *sig;

	(void)state;
	assert_int_equal(nf_secret_key_generate(&key, NF_SLICE_LIT("me-1"), &err), 0);
	text = nf_secret_key_public(key);
	ring = ring_of(text);
	free(text);
	text = nf_secret_key_text(key);
	assert_int_equal(nf_secret_key_parse(&again, nf_slice_str(text), &err), 0);
	nf_secret_text_free(text);
	sig = nf_sign(again, "", 0);
	assert_int_equal(verify(ring, sig, "", &err), 0);
	free(sig);
	nf_keyring_free(ring);
	nf_secret_key_free(again);
	nf_secret_key_free(key);
}

static void ring_has_no_duplicates(void **state)
{
	struct nf_keyring *ring = nf_keyring_new();
	struct nf_err err;
	char *text;

	(void)state;
	assert_int_equal(nf_keyring_count(ring), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			nf_keyring_add(ring, NF_SLICE_LIT(NF_DEFAULT_PUBLIC_KEY), &err),
			0);
		assert_int_equal(
			nf_keyring_add(ring, NF_SLICE_LIT("\n " TEST_PUBLIC_KEY "\r\n"),
				       &err),
			0);
	}
	assert_int_equal(nf_keyring_count(ring), 2);
	assert_string_equal(nf_keyring_name(ring, 0), "cache.nixos.org-1");
	assert_string_equal(nf_keyring_name(ring, 1), "test-1");
	text = nf_keyring_format(ring, 1);
	assert_string_equal(text, TEST_PUBLIC_KEY);
	free(text);
	nf_keyring_free(ring);
	nf_keyring_free(NULL);
}

static void invalid_public_key_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ "", "public key: no ':' after its name" },
		{ "test-1", "public key: no ':' after its name" },
		{ ":wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQk=",
		  "public key: its name must have 1 to 255 printable characters and no space" },
		{ "a b:wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQk=",
		  "public key: its name must have 1 to 255 printable characters and no space" },
		{ "\033[31m:wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQk=",
		  "public key: its name must have 1 to 255 printable characters and no space" },
		{ HUNDRED HUNDRED HUNDRED ":x",
		  "public key: its name must have 1 to 255 printable characters and no space" },
		{ "a:", "public key 'a': not 32 bytes in base64" },
		{ "a:wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQk",
		  "public key 'a': not 32 bytes in base64" },
		{ "a:wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQ==",
		  "public key 'a': not 32 bytes in base64" },
		{ "a:wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQl=",
		  "public key 'a': not 32 bytes in base64" },
		{ "a:wSToXPIn3CAwM4WJRQh9V6VYIi7BkLWuKfNt+faMMQk= x",
		  "public key 'a': not 32 bytes in base64" },
		/* A secret key is not shown, whatever it was taken for. */
		{ TEST_SECRET_KEY, "public key 'test-1': not 32 bytes in base64" },
	};
	struct nf_keyring *ring = nf_keyring_new();
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(err, nf_keyring_add(ring, nf_slice_str(rows[i].text), &err),
			     NF_E_FORMAT, rows[i].error);
	assert_int_equal(nf_keyring_count(ring), 0);
	nf_keyring_free(ring);
}

static void a_signature_counts_only_if_it_verifies(void **state)
{
	static const struct {
		const char *sig;
		const char *message;
		enum nf_error code;
		const char *error;
	} rows[] = {
		{ TREE_SIG, TREE_FINGERPRINT "x", NF_E_TRUST,
		  "the signature by 'test-1' is wrong" },
		{ TREE_SIG, "", NF_E_TRUST, "the signature by 'test-1' is wrong" },
		{ "test-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
		  TREE_FINGERPRINT, NF_E_TRUST, "the signature by 'test-1' is wrong" },
		{ "test-2:AAAA", TREE_FINGERPRINT, NF_E_TRUST,
		  "signed by 'test-2', which is not a trusted key" },
		{ "test:AAAA", TREE_FINGERPRINT, NF_E_TRUST,
		  "signed by 'test', which is not a trusted key" },
		{ "test-1:AAAA", TREE_FINGERPRINT, NF_E_FORMAT,
		  "the signature by 'test-1' is not 64 bytes in base64" },
		{ "test-1:", TREE_FINGERPRINT, NF_E_FORMAT,
		  "the signature by 'test-1' is not 64 bytes in base64" },
		{ "test-1", TREE_FINGERPRINT, NF_E_FORMAT,
		  "signature: no ':' after its name" },
		{ "", TREE_FINGERPRINT, NF_E_FORMAT, "signature: no ':' after its name" },
		{ ":x", TREE_FINGERPRINT, NF_E_FORMAT,
		  "signature: its name must have 1 to 255 printable characters and no space" },
	};
	struct nf_keyring *ring = ring_of(TEST_PUBLIC_KEY);
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(err, verify(ring, rows[i].sig, rows[i].message, &err),
			     rows[i].code, rows[i].error);
	nf_keyring_free(ring);
}

static void every_bit_of_a_signature_matters(void **state)
{
	char sig[] = TREE_SIG;
	char *base64 = sig + sizeof("test-1:") - 1;
	struct nf_keyring *ring = ring_of(TEST_PUBLIC_KEY);

	(void)state;
	assert_int_equal(verify(ring, sig, TREE_FINGERPRINT, NULL), 0);
	for (size_t i = 0; base64[i]; i++) {
		char was = base64[i];

		base64[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(verify(ring, sig, TREE_FINGERPRINT, NULL), 0);
		base64[i] = was;
	}
	nf_keyring_free(ring);
}

static void several_keys_can_have_one_name(void **state)
{
	char *other_sig, *other_public;
	struct nf_secret_key *other;
	struct nf_keyring *ring;
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_secret_key_generate(&other, NF_SLICE_LIT("test-1"), &err), 0);
	other_public = nf_secret_key_public(other);
	other_sig = nf_sign(other, "x", 1);
	ring = ring_of(other_public);
	expect_error(err, verify(ring, TREE_SIG, TREE_FINGERPRINT, &err), NF_E_TRUST,
		     "the signature by 'test-1' is wrong");
	assert_int_equal(nf_keyring_add(ring, NF_SLICE_LIT(TEST_PUBLIC_KEY), &err), 0);
	assert_int_equal(nf_keyring_count(ring), 2);
	assert_int_equal(verify(ring, TREE_SIG, TREE_FINGERPRINT, &err), 0);
	assert_int_equal(verify(ring, other_sig, "x", &err), 0);
	nf_keyring_free(ring);
	nf_secret_key_free(other);
	free(other_sig);
	free(other_public);
}

static void invalid_secret_key_is_refused_and_not_shown(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} rows[] = {
		{ "", "secret key: no ':' after its name" },
		{ TEST_PUBLIC_KEY, "secret key 'test-1': not 64 bytes in base64" },
		{ "a:", "secret key 'a': not 64 bytes in base64" },
		{ ":x",
		  "secret key: its name must have 1 to 255 printable characters and no space" },
		/* The seed of one key, the public half of another. */
		{ "test-1:mOY4zupOGmBcqtqygEAYdAbwiX9JZ1KgiT0NtrJR543BJOhc8ifcIDAzhYlFCH1XpVgiLsGQta4p82359owxCA==",
		  "secret key 'test-1': its public half belongs to another key" },
	};
	struct nf_secret_key *key = NULL;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(err,
			     nf_secret_key_parse(&key, nf_slice_str(rows[i].text), &err),
			     NF_E_FORMAT, rows[i].error);
	assert_null(key);
	expect_error(
		err, nf_secret_key_generate(&key, NF_SLICE_LIT("a:b"), &err), NF_E_USAGE,
		"a key's name has 1 to 255 printable characters, no space and no ':'");
	assert_null(key);
	nf_secret_key_free(NULL);
	nf_secret_text_free(NULL);
}

static void a_secret_key_is_read_from_its_file(void **state)
{
	const struct temp_dir *dir = *state;
	char *file = temp_dir_join(dir, "key");
	struct nf_secret_key *key;
	struct nf_err err;
	char want[400];
	char *large;

	snprintf(want, sizeof(want), "secret key '%s': no such file", file);
	expect_error(err, nf_secret_key_read(&key, file, &err), NF_E_USAGE, want);

	temp_dir_write(dir, "key", TEST_SECRET_KEY "\n");
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(nf_secret_key_read(&key, file, &err), 0);
	assert_string_equal(nf_secret_key_name(key), "test-1");
	nf_secret_key_free(key);

	temp_dir_write(dir, "key", "");
	snprintf(want, sizeof(want), "'%s': secret key: no ':' after its name", file);
	expect_error(err, nf_secret_key_read(&key, file, &err), NF_E_FORMAT, want);

	large = mem_calloc(1, 65538);
	memset(large, 'a', 65537);
	temp_dir_write(dir, "key", large);
	snprintf(want, sizeof(want), "secret key '%s': over 65536 bytes", file);
	expect_error(err, nf_secret_key_read(&key, file, &err), NF_E_LIMIT, want);
	free(large);
	free(file);
}

static void a_secret_key_that_others_can_read_is_refused(void **state)
{
	static const struct {
		mode_t mode;
		bool is_read;
	} rows[] = {
		{ 0600, true },	 { 0400, true },  { 0700, true },
		{ 0640, false }, { 0604, false }, { 0444, false },
		{ 0620, false }, { 0602, false }, { 0601, false },
	};
	const struct temp_dir *dir = *state;
	AUTO_FREE char *file = temp_dir_join(dir, "key");

	temp_dir_write(dir, "key", TEST_SECRET_KEY "\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_secret_key *key = NULL;
		struct nf_err err;
		int rc;

		assert_int_equal(chmod(file, rows[i].mode), 0);
		rc = nf_secret_key_read(&key, file, &err);
		nf_secret_key_free(key);
		assert_int_equal(rc, rows[i].is_read ? 0 : -NF_E_USAGE);
		if (rows[i].is_read)
			continue;
		assert_non_null(strstr(err.text, "can be read by other users (mode 0"));
		assert_non_null(strstr(err.text, "change its mode to 0600"));
	}
}

static void a_secret_key_of_another_user_is_refused(void **state)
{
	const struct temp_dir *dir = *state;
	AUTO_FREE char *file = temp_dir_join(dir, "key");
	struct nf_secret_key *key;
	struct nf_err err;

	temp_dir_write(dir, "key", TEST_SECRET_KEY "\n");
	if (chmod(file, 0400) || chown(file, 12345, 12345))
		skip();
	assert_int_equal(nf_secret_key_read(&key, file, &err), -NF_E_USAGE);
	assert_non_null(strstr(err.text, "belongs to user 12345"));
}

static void secret_key_is_read_from_a_pipe(void **state)
{
	const struct temp_dir *dir = *state;
	AUTO_FREE char *file = temp_dir_join(dir, "fifo");
	struct nf_secret_key *key;
	struct nf_err err;

	assert_int_equal(mkfifo(file, 0600), 0);
	free(temp_dir_run(NULL, "(sleep 0.1; echo '%s' >'%s') >/dev/null 2>&1 &",
			  TEST_SECRET_KEY, file));
	assert_int_equal(nf_secret_key_read(&key, file, &err), 0);
	nf_secret_key_free(key);
	/* Nobody writes any more. */
	interrupt_set(true);
	assert_int_equal(nf_secret_key_read(&key, file, &err), -NF_E_INTR);
	interrupt_set(false);
}

/* The public half is the same in both. */
static void key_made_by_nix_is_read(void **state)
{
	const struct temp_dir *dir = *state;
	char *file = temp_dir_join(dir, "nix.key");
	struct nf_secret_key *key;
	struct nf_err err;
	char *public, *want;

	if (!temp_dir_have_command("nix")) {
		free(file);
		skip_because("no Nix here");
	}
	free(temp_dir_run(
		NULL,
		"nix --extra-experimental-features nix-command key generate-secret "
		"--key-name by-nix-1 >'%s' && chmod 600 '%s'",
		file, file));
	want = temp_dir_run(
		NULL,
		"nix --extra-experimental-features nix-command key convert-secret-to-public <'%s'",
		file);
	assert_int_equal(nf_secret_key_read(&key, file, &err), 0);
	public = nf_secret_key_public(key);
	assert_memory_equal(public, want, strlen(public));
	nf_secret_key_free(key);
	free(public);
	free(want);
	free(file);
}

static void a_ring_takes_the_keys_of_another_once(void **state)
{
	struct nf_keyring *from = nf_keyring_new(), *to = nf_keyring_new();

	(void)state;
	assert_int_equal(
		nf_keyring_add(
			from,
			nf_slice_str("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
			NULL),
		0);
	assert_int_equal(
		nf_keyring_add(
			from,
			nf_slice_str("b:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
			NULL),
		0);
	assert_int_equal(
		nf_keyring_add(
			to,
			nf_slice_str("b:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
			NULL),
		0);
	nf_keyring_add_all(to, from);
	nf_keyring_add_all(to, from);
	assert_int_equal(nf_keyring_count(to), 2);
	assert_string_equal(nf_keyring_name(to, 0), "b");
	assert_string_equal(nf_keyring_name(to, 1), "a");
	nf_keyring_free(from);
	nf_keyring_free(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_takes_the_keys_of_another_once),
		cmocka_unit_test(a_key_signs_as_nix_does),
		cmocka_unit_test(a_new_key_returns_from_its_text),
		cmocka_unit_test(ring_has_no_duplicates),
		cmocka_unit_test(invalid_public_key_is_refused),
		cmocka_unit_test(a_signature_counts_only_if_it_verifies),
		cmocka_unit_test(every_bit_of_a_signature_matters),
		cmocka_unit_test(several_keys_can_have_one_name),
		cmocka_unit_test(invalid_secret_key_is_refused_and_not_shown),
		cmocka_unit_test_setup_teardown(a_secret_key_is_read_from_its_file,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(
			a_secret_key_that_others_can_read_is_refused, temp_dir_setup,
			temp_dir_teardown),
		cmocka_unit_test_setup_teardown(a_secret_key_of_another_user_is_refused,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(secret_key_is_read_from_a_pipe,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test_setup_teardown(key_made_by_nix_is_read, temp_dir_setup,
						temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
