/* Reading: what is accepted, and that damage is detected. */
#include <nixferry/bundle.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "bundle_fixture.h"
#include "format/block_digest.h"
#include "format/bundle_head.h"
#include "format/tar.h"

/* Reads member I and compares it with the original. */
static int read_member(struct nf_bundle *b, const struct fixture *f, size_t i,
		       struct nf_source *src, struct nf_err *err)
{
	struct nf_slice run;
	size_t done = 0;
	int rc;

	while (!(rc = source_next(src, &run, err)) && run.len) {
		assert_true(run.len <= f->inputs[i].size - done);
		assert_memory_equal(run.ptr, f->bytes[i] + done, run.len);
		done += run.len;
	}
	if (!rc)
		assert_int_equal(done, nf_bundle_member(b, i)->size);
	source_close(src);
	return rc;
}

/* Opens and reads everything in order, as one thread does it. */
static int read_all(const struct fixture *f, int fd, struct nf_err *err)
{
	struct nf_bundle *b;
	int rc;

	rc = nf_bundle_open(&b, fd, "test.tar", f->ring, NULL, err);
	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < nf_bundle_member_count(b); i++) {
		struct nf_source *src;

		rc = nf_bundle_member_source(b, i, &src, err);
		if (!rc)
			rc = read_member(b, f, i, src, err);
	}
	if (!rc)
		rc = nf_bundle_check_rest(b, err);
	nf_bundle_free(b);
	return rc;
}

static int read_file(const struct fixture *f, const void *p, size_t len,
		     struct nf_err *err)
{
	int fd = fixture_file(p, len);
	int rc = read_all(f, fd, err);

	close(fd);
	return rc;
}

static int read_pipe(const struct fixture *f, const void *p, size_t len,
		     struct nf_err *err)
{
	struct fixture_pipe *pipe = fixture_pipe_open(p, len);
	int rc = read_all(f, fixture_pipe_fd(pipe), err);

	fixture_pipe_close(pipe);
	return rc;
}

static void bundle_lists_its_contents(void **state)
{
	struct nf_bundle_signers signers;
	struct nf_bundle *b;
	struct fixture f;
	uint8_t *bytes;
	size_t len;
	int fd;

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	fd = fixture_file(bytes, len);
	assert_int_equal(nf_bundle_open(&b, fd, "x", f.ring, &signers, NULL), 0);
	assert_int_equal(signers.count, 1);
	assert_string_equal(signers.names[0], "test-1");
	nf_bundle_signers_release(&signers);
	assert_string_equal(nf_bundle_signed_by(b), "test-1");
	assert_true(nf_bundle_is_seekable(b));
	assert_int_equal(nf_bundle_root_count(b), 1);
	assert_string_equal(nf_bundle_root(b, 0)->base, f.root.base);
	assert_int_equal(nf_bundle_member_count(b), 3);
	assert_string_equal(nf_bundle_member(b, 2)->name, "nar/x.nar");
	assert_int_equal(nf_bundle_member(b, 2)->size, 700);
	assert_int_equal(nf_bundle_member(b, 2)->inodes, 3);
	assert_true(nf_hash_eq(&nf_bundle_member(b, 2)->digest, &f.inputs[2].digest));
	assert_int_equal(nf_bundle_total_size(b), len);
	assert_int_equal(nf_bundle_payload_size(b), 3 * 512 + 512 + 512 + 1024 + 1024);
	nf_bundle_free(b);
	close(fd);
	free(bytes);
	fixture_release(&f);
}

static void members_are_read_back_from_files_and_pipes(void **state)
{
	void (*const make[])(struct fixture *) = { fixture_small, fixture_large };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fixture f;
		uint8_t *bytes;
		size_t len;

		make[i / 2](&f);
		f.version = 1 + i % 2;
		bytes = fixture_bytes(&f, &len);
		assert_int_equal(read_file(&f, bytes, len, NULL), 0);
		assert_int_equal(read_pipe(&f, bytes, len, NULL), 0);
		free(bytes);
		fixture_release(&f);
	}
}

/* As a file or from a pipe. */
static int read_either(const struct fixture *f, bool piped, const void *p, size_t len)
{
	return piped ? read_pipe(f, p, len, NULL) : read_file(f, p, len, NULL);
}

static void a_bundle_cut_anywhere_is_refused(void **state)
{
	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		struct fixture f;
		uint8_t *bytes;
		size_t len;

		fixture_small_version(&f, version);
		bytes = fixture_bytes(&f, &len);
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(read_either(&f, (cut + version) % 2, bytes, cut),
					 -NF_E_FORMAT);
		free(bytes);
		fixture_release(&f);
	}
}

static bool is_corrupt(int rc)
{
	return rc == -NF_E_FORMAT || rc == -NF_E_HASH || rc == -NF_E_TRUST ||
	       rc == -NF_E_LIMIT;
}

static void a_bundle_with_any_byte_changed_is_refused(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80 };

	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		struct fixture f;
		uint8_t *bytes;
		size_t len;

		fixture_small_version(&f, version);
		bytes = fixture_bytes(&f, &len);
		for (size_t i = 0; i < len; i++)
			for (size_t j = 0; j < sizeof(flips); j++) {
				bytes[i] ^= flips[j];
				assert_true(is_corrupt(read_either(
					&f, (i + j + version) % 2, bytes, len)));
				bytes[i] ^= flips[j];
			}
		free(bytes);
		fixture_release(&f);
	}
}

static void bytes_after_a_bundle_are_refused(void **state)
{
	struct nf_err err;
	struct fixture f;
	uint8_t *bytes;
	size_t len;

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	bytes = realloc(bytes, len + 512);
	assert_non_null(bytes);
	memset(bytes + len, 0, 512);
	assert_int_equal(read_file(&f, bytes, len + 512, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "bundle 'test.tar': 512 bytes follow the bundle");
	assert_int_equal(read_pipe(&f, bytes, len + 1, &err), -NF_E_FORMAT);
	assert_string_equal(err.text,
			    "bundle 'test.tar': unexpected data after the bundle");
	free(bytes);
	fixture_release(&f);
}

static void other_files_are_distinguished(void **state)
{
	uint8_t zeros[TAR_HEADER_MAX] = { 0 };
	struct nf_err err;
	struct fixture f;

	(void)state;
	fixture_small(&f);
	assert_int_equal(read_file(&f, zeros, sizeof(zeros), &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "bundle 'test.tar': not a nixferry bundle");
	assert_int_equal(read_file(&f, zeros, 511, &err), -NF_E_FORMAT);
	assert_string_equal(err.text,
			    "bundle 'test.tar': not a nixferry bundle: too short");
	tar_header(zeros, "nixferry/manifest", MANIFEST_MAX + 1);
	assert_int_equal(read_file(&f, zeros, sizeof(zeros), &err), -NF_E_LIMIT);
	assert_string_equal(
		err.text,
		"bundle 'test.tar': 'nixferry/manifest' has 67108865 bytes, over the limit of 67108864");
	fixture_release(&f);
}

static void a_bundle_cut_in_its_payload_is_refused_at_once(void **state)
{
	struct nf_bundle *b;
	struct nf_err err;
	struct fixture f;
	uint8_t *bytes;
	char says[128];
	size_t len;
	int fd;

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	fd = fixture_file(bytes, len - 1);
	snprintf(says, sizeof(says), "bundle 'x': truncated: %zu of %zu bytes", len - 1,
		 len);
	assert_int_equal(nf_bundle_open(&b, fd, "x", f.ring, NULL, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, says);
	close(fd);
	free(bytes);
	fixture_release(&f);
}

/* ---- signatures ---- */

/* The small bundle with SIGS in place of its signature. */
static struct buf with_signatures(const struct fixture *f, const char *sigs)
{
	const size_t unit = TAR_UNIT;
	uint64_t manifest_len, sig_len;
	uint8_t *bytes;
	struct buf out;
	size_t len, sig_at;

	bytes = fixture_bytes(f, &len);
	assert_true(tar_header_match(bytes, "nixferry/manifest", &manifest_len));
	sig_at = unit + (size_t)tar_padded(manifest_len);
	assert_true(tar_header_match(bytes + sig_at, "nixferry/manifest.sig", &sig_len));
	buf_init(&out, MIB);
	buf_add(&out, bytes, sig_at);
	tar_add_member(&out, "nixferry/manifest.sig", sigs, strlen(sigs));
	sig_at += unit + (size_t)tar_padded(sig_len);
	buf_add(&out, bytes + sig_at, len - sig_at);
	free(bytes);
	return out;
}

/* The signature line of the small bundle; free(). */
static char *own_signature(const struct fixture *f)
{
	uint64_t manifest_len;
	uint8_t *bytes;
	char *line;
	size_t len;

	bytes = fixture_bytes(f, &len);
	assert_true(tar_header_match(bytes, "nixferry/manifest", &manifest_len));
	line = mem_strdup((char *)bytes + 1024 + tar_padded(manifest_len));
	free(bytes);
	return line;
}

#define ZEROS_64                                                                         \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AAAA"                                                                           \
	"AAAA=="

static void signatures_are_verified(void **state)
{
	static const struct {
		const char *sigs; /* "*": the bundle's own line */
		enum nf_error code;
		const char *says; /* how the text begins */
	} rows[] = {
		{ "", NF_E_TRUST, "it has no signature" },
		{ "other-1:" ZEROS_64 "\n", NF_E_TRUST,
		  "signed by 'other-1', which is not a trusted key" },
		{ "a:" ZEROS_64 "\nb:" ZEROS_64 "\n", NF_E_TRUST,
		  "signed by 'a', 'b', none of which is a trusted key; to trust it, with the KEY that the bundle's maker gave you: --trusted-public-key a:KEY" },
		{ "test-1:" ZEROS_64 "\n", NF_E_TRUST, "" },
		{ "a:" ZEROS_64 "\ntest-1:" ZEROS_64 "\nb:" ZEROS_64 "\n", NF_E_TRUST,
		  "" },
		{ "test-1:\n", NF_E_FORMAT, "" },
		{ "test-1:AAAA\n", NF_E_FORMAT, "" },
		{ "test-1\n", NF_E_FORMAT,
		  "line 1 of its signatures is not a signature" },
		{ ":" ZEROS_64 "\n", NF_E_FORMAT,
		  "line 1 of its signatures is not a signature" },
		{ "a:" ZEROS_64, NF_E_FORMAT,
		  "line 1 of its signatures is not a signature" },
		{ "a:" ZEROS_64 "\n\n", NF_E_FORMAT,
		  "line 2 of its signatures is not a signature" },
		{ "\033[2J:" ZEROS_64 "\n", NF_E_FORMAT,
		  "line 1 of its signatures is not a signature" },
		{ "a:" ZEROS_64 "\n*", 0, "" },
		{ "test-1:" ZEROS_64 "\n*", 0, "" },
		{ "*a:" ZEROS_64 "\n", 0, "" },
	};
	struct fixture f;
	char *own;

	(void)state;
	fixture_small(&f);
	own = own_signature(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *star = strchr(rows[i].sigs, '*');
		size_t before =
			star ? (size_t)(star - rows[i].sigs) : strlen(rows[i].sigs);
		char *sigs = mem_printf("%.*s%s%s", (int)before, rows[i].sigs,
					star ? own : "", star ? star + 1 : "");
		char *says = mem_printf("bundle 'test.tar': %s", rows[i].says);
		struct buf bytes = with_signatures(&f, sigs);
		struct nf_err err = { 0 };

		assert_int_equal(read_file(&f, bytes.ptr, bytes.len, &err),
				 -(int)rows[i].code);
		if (rows[i].code)
			assert_memory_equal(err.text, says, strlen(says));
		buf_release(&bytes);
		free(sigs);
		free(says);
	}
	free(own);
	fixture_release(&f);
}

static void untrusted_signers_are_reported(void **state)
{
	struct nf_keyring *empty = nf_keyring_new();
	struct nf_bundle_signers signers;
	struct nf_bundle *b;
	struct nf_err err;
	struct fixture f;
	uint8_t *bytes;
	size_t len;
	int fd;

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	fd = fixture_file(bytes, len);
	assert_int_equal(nf_bundle_open(&b, fd, "x", empty, &signers, &err), -NF_E_TRUST);
	assert_string_equal(
		err.text,
		"bundle 'x': signed by 'test-1', which is not a trusted key; to trust it, with the KEY that the bundle's maker gave you: "
		"--trusted-public-key test-1:KEY");
	assert_null(signers.claimed);
	assert_int_equal(signers.count, 1);
	assert_string_equal(signers.names[0], "test-1");
	nf_bundle_signers_release(&signers);
	close(fd);
	nf_keyring_free(empty);
	free(bytes);
	fixture_release(&f);
}

static void another_key_of_the_same_name_is_refused(void **state)
{
	struct nf_secret_key *other;
	struct nf_keyring *ring;
	struct nf_err err;
	struct fixture f;
	uint8_t *bytes;
	char *public;
	size_t len;

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	assert_int_equal(nf_secret_key_generate(&other, nf_slice_str("test-1"), NULL), 0);
	public = nf_secret_key_public(other);
	ring = f.ring;
	f.ring = nf_keyring_new();
	assert_int_equal(nf_keyring_add(f.ring, nf_slice_str(public), NULL), 0);
	assert_int_equal(read_file(&f, bytes, len, &err), -NF_E_TRUST);
	nf_keyring_free(f.ring);
	f.ring = ring;
	free(public);
	nf_secret_key_free(other);
	free(bytes);
	fixture_release(&f);
}

/* A bundle by a trusted but careless signer: PAYLOAD with a manifest that describes
 * another framing. */
static struct buf sign_payload(const struct fixture *f, const uint8_t *payload,
			       const struct manifest *from)
{
	struct manifest m = *from;
	size_t blocks = (size_t)manifest_block_count(&m);
	uint8_t *digests = mem_calloc(block_digest_len(&m), 1);
	struct buf out;

	for (size_t i = 0; i < blocks; i++) {
		size_t at = i * BUNDLE_BLOCK_SIZE;
		size_t left = (size_t)m.payload_size - at;

		block_digest_put(digests, &m, i, payload + at,
				 left < BUNDLE_BLOCK_SIZE ? left : BUNDLE_BLOCK_SIZE);
	}
	buf_init(&out, 64 * MIB);
	assert_int_equal(bundle_head_format(&out, &m, digests, f->key, NULL), 0);
	buf_add(&out, payload, (size_t)m.payload_size);
	free(digests);
	return out;
}

static bool is_content(const struct manifest *m, uint64_t at)
{
	for (size_t i = 0; i < m->member_count; i++)
		if (at >= m->members[i].offset &&
		    at < m->members[i].offset + m->members[i].size)
			return true;
	return false;
}

static void terms_are_read_back(void **state)
{
	const struct nf_bundle_terms *t;
	struct nf_bundle *b;
	struct fixture f;
	uint8_t *bytes;
	size_t len;
	int fd;

	(void)state;
	fixture_small_version(&f, 2);
	bytes = fixture_bytes(&f, &len);
	fd = fixture_file(bytes, len);
	assert_int_equal(nf_bundle_open(&b, fd, "x", f.ring, NULL, NULL), 0);
	assert_int_equal(nf_bundle_version(b), 2);
	t = nf_bundle_terms(b);
	assert_string_equal(t->series, "web");
	assert_int_equal(t->serial, 7);
	assert_string_equal(t->expires, "2027-01-31");
	assert_int_equal(t->made_from_count, 1);
	assert_string_equal(t->made_from[0], f.terms.made_from[0]);
	assert_int_equal(t->required_count, 1);
	assert_string_equal(t->required[0].path.base, f.required.path.base);
	assert_true(nf_hash_eq(&t->required[0].nar_hash, &f.required.nar_hash));
	nf_bundle_free(b);
	close(fd);
	free(bytes);
	fixture_release(&f);
}

static void signed_framing_that_is_not_canonical_is_refused(void **state)
{
	struct bundle_head head;
	struct nf_bundle_signers signers = { 0 };
	struct nf_err err;
	struct fixture f;
	uint8_t *bytes, *payload;
	struct buf again;
	size_t len;
	int fd;

	(void)state;
	fixture_small_version(&f, 2);
	bytes = fixture_bytes(&f, &len);
	fd = fixture_file(bytes, len);
	assert_int_equal(bundle_head_read(&head, fd, true, f.ring, &signers, NULL), 0);
	payload = bytes + head.size;
	again = sign_payload(&f, payload, &head.manifest);
	assert_int_equal(again.len, len);
	assert_memory_equal(again.ptr, bytes, len);
	buf_release(&again);

	for (size_t i = 0; i < head.manifest.payload_size; i += 7) {
		if (is_content(&head.manifest, i))
			continue;
		payload[i] ^= 1;
		again = sign_payload(&f, payload, &head.manifest);
		assert_int_equal(read_file(&f, again.ptr, again.len, &err), -NF_E_FORMAT);
		assert_int_equal(read_pipe(&f, again.ptr, again.len, &err), -NF_E_FORMAT);
		assert_non_null(strstr(err.text, "not the tar framing"));
		buf_release(&again);
		payload[i] ^= 1;
	}
	bundle_head_release(&head);
	nf_bundle_signers_release(&signers);
	close(fd);
	free(bytes);
	fixture_release(&f);
}

static void a_damaged_block_is_named(void **state)
{
	struct nf_err err;
	struct fixture f;
	uint8_t *bytes;
	size_t len;

	(void)state;
	fixture_large(&f);
	bytes = fixture_bytes(&f, &len);
	bytes[len / 2] ^= 1;
	assert_int_equal(read_file(&f, bytes, len, &err), -NF_E_HASH);
	assert_string_equal(
		err.text,
		"bundle 'test.tar': block 11 of 21 is damaged: its digest is not the one that was signed");
	assert_int_equal(read_pipe(&f, bytes, len, &err), -NF_E_HASH);
	assert_string_equal(
		err.text,
		"bundle 'test.tar': block 11 of 21 is damaged: its digest is not the one that was signed");
	free(bytes);
	fixture_release(&f);
}

static void check_rest_finds_damage_in_unread_members(void **state)
{
	struct nf_bundle *b;
	struct nf_err err;
	struct fixture f;
	uint8_t *bytes;
	size_t len;
	int fd;

	(void)state;
	fixture_large(&f);
	bytes = fixture_bytes(&f, &len);
	bytes[len - 1] ^= 1;
	fd = fixture_file(bytes, len);
	assert_int_equal(nf_bundle_open(&b, fd, "x", f.ring, NULL, NULL), 0);
	assert_int_equal(nf_bundle_check_rest(b, &err), -NF_E_HASH);
	nf_bundle_free(b);

	/* Bytes appended after the bundle was opened. */
	bytes[len - 1] ^= 1;
	assert_int_equal(pwrite(fd, bytes + len - 1, 1, (off_t)len - 1), 1);
	assert_int_equal(nf_bundle_open(&b, fd, "x", f.ring, NULL, NULL), 0);
	assert_int_equal(nf_bundle_check_rest(b, &err), 0);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)len), 1);
	assert_int_equal(nf_bundle_check_rest(b, &err), -NF_E_FORMAT);
	nf_bundle_free(b);
	close(fd);
	free(bytes);
	fixture_release(&f);
}

static void verified_block_outlives_changes_of_the_file(void **state)
{
	struct nf_source *src;
	struct nf_slice run;
	struct nf_bundle *b;
	struct fixture f;
	uint8_t *bytes;
	size_t len;
	int fd;

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	fd = fixture_file(bytes, len);
	assert_int_equal(nf_bundle_open(&b, fd, "x", f.ring, NULL, NULL), 0);
	assert_int_equal(nf_bundle_member_source(b, 2, &src, NULL), 0);
	assert_int_equal(source_next(src, &run, NULL), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_memory_equal(run.ptr, f.bytes[2], 700);
	source_close(src);
	assert_int_equal(nf_bundle_member_source(b, 1, &src, NULL), 0);
	assert_int_equal(read_member(b, &f, 1, src, NULL), 0);
	nf_bundle_free(b);
	close(fd);
	free(bytes);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundle_lists_its_contents),
		cmocka_unit_test(members_are_read_back_from_files_and_pipes),
		cmocka_unit_test(terms_are_read_back),
		cmocka_unit_test(a_bundle_cut_anywhere_is_refused),
		cmocka_unit_test(a_bundle_with_any_byte_changed_is_refused),
		cmocka_unit_test(bytes_after_a_bundle_are_refused),
		cmocka_unit_test(other_files_are_distinguished),
		cmocka_unit_test(a_bundle_cut_in_its_payload_is_refused_at_once),
		cmocka_unit_test(signatures_are_verified),
		cmocka_unit_test(untrusted_signers_are_reported),
		cmocka_unit_test(another_key_of_the_same_name_is_refused),
		cmocka_unit_test(signed_framing_that_is_not_canonical_is_refused),
		cmocka_unit_test(a_damaged_block_is_named),
		cmocka_unit_test(check_rest_finds_damage_in_unread_members),
		cmocka_unit_test(verified_block_outlives_changes_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
