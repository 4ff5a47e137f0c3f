/* A signer who is trusted and lies: every signature verifies, and what is signed is
 * wrong. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/block_digest.h"
#include "format/tar.h"
#include "import_fixture.h"

#define DOMAIN "nixferry-bundle-manifest-1\n"
#define OTHER  "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-other"

/* Nothing of the bundle came in, and nothing was made beside the store. */
static void assert_untouched(const struct import_fixture *f, const char *why)
{
	static const char *const outside[] = { "etc", "root/etc", "root/nix/etc", "nar",
					       "root/nar" };

	import_fixture_expect_nothing(f, why);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		if (temp_dir_has(f->dir, outside[i]))
			fail_msg("%s: '%s' was made", why, outside[i]);
}

/* ---- narinfos ---- */

static const struct {
	const char *was;
	const char *becomes;
} narinfo_lies[] = {
	{ "StorePath: /nix/store/", "StorePath: /nix/store/../../etc/" },
	{ "StorePath: /nix/store/", "StorePath: /etc/" },
	{ "StorePath: /nix/store/0", "StorePath: /nix/store/1" },
	{ "StorePath: ", "StorePath: /nix/store/" OTHER "\nStorePath: " },
	{ "-lib\n", "-lib/bin\n" },
	{ "-lib\n", "-..\n" },
	{ "-lib\n", "-\n" },
	{ "-lib\n", "-l\033[2Jib\n" },
	{ "URL: nar/", "URL: ../nar/" },
	{ "URL: nar/", "URL: /nar/" },
	{ "URL: nar/", "URL: nar/../nar/" },
	{ "URL: nar/", "URL: file:///nar/" },
	{ "URL: nar/", "URL: https://cache.example/nar/" },
	{ "URL: nar/", "URL: 00000000000000000000000000000001.narinfo#" },
	{ "URL: nar/", "URL: nix-cache-info?" },
	{ "Compression: none", "Compression: zstd" },
	{ "Compression: none", "Compression: xz" },
	{ "Compression: none", "Compression: ../../bin/sh" },
	{ "NarHash: sha256:", "NarHash: md5:" },
	{ "NarHash: sha256:", "NarHash: " },
	{ "NarSize: ", "NarSize: -" },
	{ "NarSize: ", "NarSize: 0x" },
	{ "NarSize: ", "NarSize: 9999999999999999" },
	{ "NarSize: ", "NarSize: 99999999999999999999" },
	{ "NarSize: ", "NoSize: " },
	{ "References: ", "References: ../../etc/passwd " },
	{ "References: ", "References: /nix/store/" OTHER " " },
	{ "References: ", "References: " OTHER " " },
	{ "Sig: ", "Gis: " },
};

static void import_refuses_signed_lies_of_a_narinfo(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(narinfo_lies); i++) {
		AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
		const char *becomes = narinfo_lies[i / 2].becomes;
		struct import_fixture *f;
		struct nf_err err = { 0 };

		import_fixture_setup((void **)&f);
		import_fixture_closure(f);
		f->version = 1 + (unsigned)(i / 2) % 2;
		f->paths[1].was = narinfo_lies[i / 2].was;
		f->paths[1].becomes = becomes;
		import_fixture_build(f);
		if (import_fixture_import(f, i % 2, &r, &err) == 0)
			fail_msg("import took '%s'", becomes);
		assert_true(err.text[0]);
		assert_untouched(f, becomes);
		if (import_fixture_verify(f, i % 2, &r, &err) == 0)
			fail_msg("verify took '%s'", becomes);
		import_fixture_teardown((void **)&f);
	}
	(void)state;
}

/* ---- manifests ---- */

/* A small bundle, whose head is three members with short headers. */
struct parts {
	struct buf manifest; /* its text */
	struct buf payload;
};

static void take_parts(struct parts *parts, int fd)
{
	static char all[256 * KIB];
	ssize_t size = pread(fd, all, sizeof(all), 0);
	const char *end;
	size_t head;

	assert_in_range(size, 1, sizeof(all) - 1);
	end = memmem(all, (size_t)size, "\nend\n", 5);
	assert_non_null(end);
	buf_init(&parts->manifest, MIB);
	buf_add(&parts->manifest, all + TAR_UNIT, (size_t)(end + 5 - all) - TAR_UNIT);
	head = TAR_UNIT + (size_t)tar_padded(parts->manifest.len) + 4 * TAR_UNIT;
	buf_init(&parts->payload, MIB);
	buf_add(&parts->payload, all + head, (size_t)size - head);
}

static void parts_release(struct parts *parts)
{
	buf_release(&parts->manifest);
	buf_release(&parts->payload);
}

/* The bundle of these parts, which fit into one block. */
static int join_parts(const struct parts *parts, const struct nf_secret_key *key)
{
	AUTO_BUF struct buf out = { 0 }, message = { 0 };
	AUTO_FREE char *sig = NULL, *line = NULL;
	struct manifest m = { .version = 1, .payload_size = 1 };
	uint8_t digests[2 * MANIFEST_DIGEST_SIZE];
	int fd = memfd_create("bundle", MFD_CLOEXEC);

	m.version += strncmp(parts->manifest.ptr, "nixferry-bundle 1\n", 18) != 0;
	block_digest_put(digests, &m, 0, parts->payload.ptr, parts->payload.len);
	buf_init(&message, MIB);
	buf_add_str(&message, DOMAIN);
	buf_add_slice(&message, buf_slice(&parts->manifest));
	sig = nf_sign(key, message.ptr, message.len);
	line = mem_printf("%s\n", sig);
	buf_init(&out, MIB);
	tar_add_member(&out, "nixferry/manifest", parts->manifest.ptr,
		       parts->manifest.len);
	tar_add_member(&out, "nixferry/manifest.sig", line, strlen(line));
	tar_add_member(&out, "nixferry/blocks", digests, block_digest_len(&m));
	buf_add_slice(&out, buf_slice(&parts->payload));
	assert_int_equal(pwrite(fd, out.ptr, out.len, 0), (ssize_t)out.len);
	return fd;
}

static void edit_text(struct buf *text, const char *was, const char *becomes)
{
	AUTO_FREE char *before = mem_strndup(text->ptr, text->len);
	char *at = strstr(before, was);

	assert_non_null(at);
	buf_clear(text);
	buf_add(text, before, (size_t)(at - before));
	buf_add_str(text, becomes);
	buf_add_str(text, at + strlen(was));
}

static int import_parts(struct import_fixture *f, const struct parts *parts,
			const struct nf_secret_key *key, struct nf_err *err)
{
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };

	close(f->fd);
	f->fd = join_parts(parts, key);
	return import_fixture_import(f, false, &r, err);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000"

static const struct {
	const char *was;
	const char *becomes;
} manifest_lies[] = {
	{ "nixferry-bundle ", "nixferry-bundle 1" },
	{ "store-dir /nix/store", "store-dir /" },
	{ "block-size 1048576", "block-size 1" },
	{ "payload-size ", "payload-size 1" },
	{ "blocks 1 ", "blocks 2 " },
	{ "blocks 1 ", "blocks 0 " },
	{ "root ", "root ../../../etc/" },
	{ "root ", "root " OTHER "\nroot " },
	{ "member nix-cache-info ", "member nix-cache-inf0 " },
	{ "member nix-cache-info ", "member nixferry/manifest " },
	{ "member nar/", "member /nar/" },
	{ "member nar/", "member nar/../../" },
	{ "member nar/", "member nar/x" },
	{ "member nar/",
	  "member nix-cache-info 512 0 "
	  "0000000000000000000000000000000000000000000000000000 0\nmember nar/" },
	{ "\nend\n", "\nend\nend\n" },
	{ "\nend\n", "\n" },
}, version_2_lies[] = {
	{ "nixferry-bundle 2", "nixferry-bundle 1" },
	{ "nixferry-bundle 2", "nixferry-bundle 3" },
	{ "\nroot ", "\nseries ../../etc\nserial 1\nroot " },
	{ "\nroot ", "\nnote made-from x\033[2J\nroot " },
	{ "\nroot ", "\nmust-not-be-ignored 1\nroot " },
	{ "\nmember ", "\nrequires ../../etc " ZEROS "\nmember " },
	{ "\nend\n", " patch " OTHER "\nend\n" },
};

static void refuse_manifest_lie(unsigned version, const char *was, const char *becomes)
{
	struct import_fixture *f;
	struct nf_err err = { 0 };
	struct parts parts;

	import_fixture_setup((void **)&f);
	import_fixture_closure(f);
	f->version = version;
	import_fixture_build(f);
	take_parts(&parts, f->fd);
	edit_text(&parts.manifest, was, becomes);
	if (import_parts(f, &parts, f->key, &err) == 0)
		fail_msg("import took '%s'", becomes);
	assert_true(err.text[0]);
	assert_untouched(f, becomes);
	parts_release(&parts);
	import_fixture_teardown((void **)&f);
}

static void import_refuses_signed_lies_of_a_manifest(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(manifest_lies); i++)
		refuse_manifest_lie(1 + i % 2, manifest_lies[i].was,
				    manifest_lies[i].becomes);
	for (size_t i = 0; i < ARRAY_SIZE(version_2_lies); i++)
		refuse_manifest_lie(2, version_2_lies[i].was, version_2_lies[i].becomes);
}

static void import_takes_unchanged_parts(void **state)
{
	for (unsigned version = 1; version <= 2; version++) {
		struct import_fixture *f;
		struct nf_err err = { 0 };
		struct parts parts;

		import_fixture_setup((void **)&f);
		import_fixture_closure(f);
		f->version = version;
		import_fixture_build(f);
		take_parts(&parts, f->fd);
		if (import_parts(f, &parts, f->key, &err))
			fail_msg("%s", err.text);
		parts_release(&parts);
		import_fixture_teardown((void **)&f);
	}
	(void)state;
}

static void import_refuses_an_old_manifest_over_new_data(void **state)
{
	struct import_fixture *f = *state;
	struct nf_err err = { 0 };
	struct parts old, new;

	import_fixture_closure(f);
	import_fixture_build(f);
	take_parts(&old, f->fd);
	f->paths[1].nar.len = 0;
	import_fixture_make_file(&f->paths[1], "a library that was updated\n");
	import_fixture_build(f);
	take_parts(&new, f->fd);
	buf_clear(&old.payload);
	buf_add_slice(&old.payload, buf_slice(&new.payload));
	assert_int_not_equal(import_parts(f, &old, f->key, &err), 0);
	assert_untouched(f, "an old manifest over new data");
	parts_release(&old);
	parts_release(&new);
}

static void import_refuses_a_bundle_signed_again_by_an_untrusted_key(void **state)
{
	struct import_fixture *f = *state;
	struct nf_secret_key *other;
	struct nf_err err = { 0 };
	struct parts parts;

	import_fixture_closure(f);
	import_fixture_build(f);
	take_parts(&parts, f->fd);
	for (int same_name = 0; same_name < 2; same_name++) {
		const char *name = same_name ? "test-1" : "other-1";

		assert_int_equal(nf_secret_key_generate(&other, nf_slice_str(name), NULL),
				 0);
		assert_int_equal(import_parts(f, &parts, other, &err), -NF_E_TRUST);
		assert_untouched(f, name);
		nf_secret_key_free(other);
	}
	parts_release(&parts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(import_refuses_signed_lies_of_a_narinfo),
		cmocka_unit_test(import_refuses_signed_lies_of_a_manifest),
		cmocka_unit_test(import_takes_unchanged_parts),
		cmocka_unit_test_setup_teardown(
			import_refuses_an_old_manifest_over_new_data,
			import_fixture_setup, import_fixture_teardown),
		cmocka_unit_test_setup_teardown(
			import_refuses_a_bundle_signed_again_by_an_untrusted_key,
			import_fixture_setup, import_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
