#include "format/bundle_sign.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "bundle_fixture.h"
#include "expect.h"
#include "temp_dir.h"

#define PAYLOAD_START 3072 /* of the small bundle: see docs/bundle-format.md */

struct sign_world {
	struct temp_dir *dir;
	struct fixture f;
	char *path;
	uint8_t *bytes; /* of the bundle as it was written */
	size_t len;
};

static int setup(void **state)
{
	static struct sign_world w;

	assert_int_equal(temp_dir_setup((void **)&w.dir), 0);
	fixture_small(&w.f);
	w.bytes = fixture_bytes(&w.f, &w.len);
	w.path = temp_dir_join(w.dir, "b.bundle");
	assert_int_equal(file_replace_at(AT_FDCWD, w.path, w.bytes, w.len, 0640, NULL),
			 0);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct sign_world *w = *state;

	free(w->path);
	free(w->bytes);
	fixture_release(&w->f);
	return temp_dir_teardown((void **)&w->dir);
}

static int sign_with(struct sign_world *w, const struct nf_secret_key *key,
		     bool *ret_added, struct nf_err *err)
{
	struct nf_bundle_signers signers = { 0 };
	int rc = bundle_sign(w->path, w->f.ring, key, &signers, ret_added, NULL, err);

	nf_bundle_signers_release(&signers);
	return rc;
}

/* Signs with a new key, which the ring trusts from then on. */
static struct nf_secret_key *add_signer(struct sign_world *w, const char *name)
{
	struct nf_secret_key *key;
	AUTO_FREE char *public = NULL;
	struct nf_err err;
	bool added = false;

	assert_int_equal(nf_secret_key_generate(&key, nf_slice_str(name), NULL), 0);
	assert_int_equal(sign_with(w, key, &added, &err), 0);
	assert_true(added);
	public = nf_secret_key_public(key);
	assert_int_equal(nf_keyring_add(w->f.ring, nf_slice_str(public), NULL), 0);
	return key;
}

/* The number of trusted keys, once every byte has been verified; or an error. */
static int count_keys(const struct sign_world *w, struct nf_err *err)
{
	AUTO_FD int fd = open(w->path, O_RDONLY | O_CLOEXEC);
	struct nf_bundle *b;
	int rc = nf_bundle_open(&b, fd, "b", w->f.ring, NULL, err);

	if (rc)
		return rc;
	rc = nf_bundle_check_rest(b, err);
	rc = rc ? rc : (int)nf_bundle_trusted_key_count(b);
	nf_bundle_free(b);
	return rc;
}

static void assert_payload_is_unchanged(const struct sign_world *w)
{
	struct stat st = temp_dir_stat(w->dir, "b.bundle");
	size_t len = w->len - PAYLOAD_START;
	AUTO_FREE uint8_t *bytes = mem_alloc(len);
	AUTO_FD int fd = open(w->path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, bytes, len, st.st_size - (off_t)len), len);
	assert_memory_equal(bytes, w->bytes + PAYLOAD_START, len);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void a_signature_is_added_once(void **state)
{
	struct sign_world *w = *state;
	struct nf_secret_key *key;
	struct nf_err err;
	bool added = true;

	nf_keyring_set_needed(w->f.ring, 2, 1);
	expect_error(err, count_keys(w, &err), NF_E_TRUST,
		     "bundle 'b': 1 of the 2 different trusted keys that are needed "
		     "has signed it: 'test-1'");
	nf_keyring_set_needed(w->f.ring, 1, 1);
	key = add_signer(w, "second");
	nf_keyring_set_needed(w->f.ring, 2, 1);
	assert_int_equal(count_keys(w, &err), 2);
	assert_int_equal(temp_dir_stat(w->dir, "b.bundle").st_size, w->len);
	assert_payload_is_unchanged(w);
	assert_int_equal(sign_with(w, key, &added, &err), 0);
	assert_false(added);
	assert_int_equal(count_keys(w, &err), 2);
	nf_secret_key_free(key);
}

/* The sixth does not fit into the padding, so the payload moves. */
static void the_head_grows_with_more_signatures(void **state)
{
	struct sign_world *w = *state;
	struct nf_err err;

	for (int i = 2; i <= 12; i++) {
		AUTO_FREE char *name = mem_printf("key-%d", i);

		nf_secret_key_free(add_signer(w, name));
		nf_keyring_set_needed(w->f.ring, (size_t)i, 1);
		assert_int_equal(count_keys(w, &err), i);
		assert_payload_is_unchanged(w);
	}
	assert_int_equal(temp_dir_stat(w->dir, "b.bundle").st_size, w->len + 2 * 512);
}

static void signatures_have_a_limit(void **state)
{
	struct sign_world *w = *state;
	char name[250];
	struct nf_err err;
	bool added;
	int rc = 0, count = 1;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	while (!rc) {
		struct nf_secret_key *key;

		assert_int_equal(nf_secret_key_generate(&key, nf_slice_str(name), NULL),
				 0);
		rc = sign_with(w, key, &added, &err);
		count += !rc;
		nf_secret_key_free(key);
	}
	assert_int_equal(rc, -NF_E_LIMIT);
	assert_in_range(count, 40, 60);
	assert_int_equal(count_keys(w, &err), 1);
}

static void what_is_not_right_is_not_signed(void **state)
{
	struct sign_world *w = *state;
	struct nf_secret_key *key;
	struct nf_keyring *ring = w->f.ring;
	struct nf_err err;
	bool added;
	int fd;

	assert_int_equal(nf_secret_key_generate(&key, nf_slice_str("k"), NULL), 0);
	w->f.ring = nf_keyring_new();
	assert_int_equal(sign_with(w, key, &added, &err), -NF_E_TRUST);
	nf_keyring_free(w->f.ring);
	w->f.ring = ring;

	fd = open(w->path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(sign_with(w, key, &added, &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "another process is signing it"));
	assert_int_equal(flock(fd, LOCK_UN), 0);

	assert_int_equal(pwrite(fd, "x", 1, 2570), 1);
	assert_int_equal(sign_with(w, key, &added, &err), -NF_E_HASH);
	assert_int_equal(pwrite(fd, w->bytes + 2570, 1, 2570), 1);
	assert_int_equal(ftruncate(fd, (off_t)w->len - 1), 0);
	assert_int_equal(sign_with(w, key, &added, &err), -NF_E_FORMAT);
	close(fd);

	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(symlink("elsewhere", w->path), 0);
	assert_int_equal(sign_with(w, key, &added, &err), -NF_E_FORMAT);
	nf_secret_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_signature_is_added_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_head_grows_with_more_signatures,
						setup, teardown),
		cmocka_unit_test_setup_teardown(signatures_have_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_right_is_not_signed, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
