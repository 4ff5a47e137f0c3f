#include <nixferry/import.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/stream.h"
#include "import_fixture.h"
#include "skip.h"
#include "store/store_db.h"
#include "store/unpack_dir.h"

static int import(struct import_fixture *f, struct nf_import_result *r,
		  struct nf_err *err)
{
	return import_fixture_import(f, false, r, err);
}

static void assert_imported(struct import_fixture *f, struct nf_import_result *r)
{
	struct nf_err err = { 0 };

	if (import(f, r, &err))
		fail_msg("%s", err.text);
}

/* Runs a command of Nix on the imported store. */
static char *nix(int *ret_status, const struct import_fixture *f, const char *program,
		 const char *arguments)
{
	return temp_dir_run(
		ret_status,
		"NIX_CONFIG='experimental-features = nix-command' %s --store '%s/root' %s",
		program, f->dir->path, arguments);
}

static void assert_nix_agrees(const struct import_fixture *f)
{
	AUTO_FREE char *out = NULL;
	int status;

	if (!temp_dir_have_command("nix-store"))
		return;
	out = nix(&status, f, "nix-store", "--verify --check-contents");
	if (status || strstr(out, "modified") || strstr(out, "disappeared"))
		fail_msg("%s", out);
}

static void a_bundle_becomes_a_store(void **state)
{
	struct import_fixture *f = *state;

	for (int piped = 0; piped < 2; piped++) {
		AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
		struct nf_err err = { 0 };

		if (piped) {
			import_fixture_teardown(state);
			import_fixture_setup(state);
			f = *state;
		}
		import_fixture_closure(f);
		import_fixture_build(f);
		if (import_fixture_import(f, piped, &r, &err))
			fail_msg("%s", err.text);
		assert_int_equal(r.imported, 2);
		assert_int_equal(r.present, 0);
		assert_int_equal(r.inodes, 8);
		assert_int_equal(r.nar_bytes, f->paths[0].ni.info.nar_size +
						      f->paths[1].ni.info.nar_size);
		assert_null(r.profile_link);
		assert_true(import_fixture_is_valid(f, 0) &&
			    import_fixture_is_valid(f, 1));
		assert_false(temp_dir_has(f->dir, "root/nix/store/" UNPACK_DIR_FIRST));
		assert_nix_agrees(f);
	}
}

static void nix_finds_references_signatures_and_roots(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	AUTO_FREE char *refs = NULL;
	AUTO_FREE char *sigs = NULL;
	AUTO_FREE char *roots = NULL;
	const char *base;
	int status;

	if (!temp_dir_have_command("nix-store"))
		skip_because("no Nix here");
	import_fixture_closure(f);
	import_fixture_build(f);
	assert_imported(f, &r);
	base = f->paths[0].ni.info.path.base;
	refs = temp_dir_run(&status,
			    "nix-store --store '%s/root' -q --references /nix/store/%s",
			    f->dir->path, base);
	assert_non_null(strstr(refs, f->paths[0].ni.info.path.base));
	assert_non_null(strstr(refs, f->paths[1].ni.info.path.base));
	sigs = nix(&status, f, "nix path-info", "--all --sigs");
	assert_int_equal(status, 0);
	assert_non_null(strstr(sigs, f->paths[0].ni.info.sigs[0].ptr));
	roots = nix(&status, f, "nix-store", "--gc --print-roots");
	assert_non_null(strstr(roots, "/gcroots/nixferry/"));
	free(nix(&status, f, "nix-store", "--gc"));
	assert_int_equal(status, 0);
	assert_true(import_fixture_is_there(f, 0) && import_fixture_is_there(f, 1));
}

static void a_profile_gets_the_root(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };

	import_fixture_closure(f);
	f->profile = "system";
	import_fixture_build(f);
	assert_imported(f, &r);
	assert_string_equal(r.profile_link, "/nix/var/nix/profiles/system-1-link");
}

static void a_profile_cannot_hold_several_roots(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct nf_err err;

	import_fixture_closure(f);
	f->roots[f->root_count++] = 1;
	f->profile = "system";
	import_fixture_build(f);
	assert_int_equal(import(f, &r, &err), -NF_E_USAGE);
	assert_string_equal(
		err.text,
		"profile 'system' can hold one path, but the bundle has 2 roots");
	assert_false(temp_dir_has(f->dir, "root"));
}

static void valid_paths_are_skipped(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };

	import_fixture_closure(f);
	import_fixture_build(f);
	assert_imported(f, &r);
	assert_imported(f, &r);
	assert_int_equal(r.imported, 0);
	assert_int_equal(r.present, 2);
	assert_int_equal(r.sigs_added, 0);
	assert_nix_agrees(f);
}

static void valid_paths_gain_signatures(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };

	import_fixture_closure(f);
	import_fixture_build(f);
	assert_imported(f, &r);
	nf_pathinfo_add_sig(
		&f->paths[1].ni.info,
		NF_SLICE_LIT(
			"other-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="));
	import_fixture_build(f);
	assert_imported(f, &r);
	assert_int_equal(r.present, 2);
	assert_int_equal(r.sigs_added, 1);
}

static void leftovers_of_a_killed_run_are_replaced(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	AUTO_FREE char *garbage = NULL;

	import_fixture_closure(f);
	import_fixture_build(f);
	temp_dir_mkdir(f->dir, "root/nix/store/" UNPACK_DIR_FIRST "/x");
	temp_dir_write(f->dir, "root/nix/store/" UNPACK_DIR_FIRST "/x/y", "");
	garbage = mem_printf("root/nix/store/%s/sub", f->paths[0].ni.info.path.base);
	temp_dir_mkdir(f->dir, garbage);
	assert_imported(f, &r);
	assert_int_equal(r.imported, 2);
	assert_false(temp_dir_has(f->dir, garbage));
	assert_false(temp_dir_has(f->dir, "root/nix/store/" UNPACK_DIR_FIRST));
	assert_nix_agrees(f);
}

static void parallel_imports_work(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	int fd;

	import_fixture_closure(f);
	import_fixture_build(f);
	temp_dir_mkdir(f->dir, "root/nix/store/" UNPACK_DIR_FIRST "/x");
	fd = openat(f->dir->fd, "root/nix/store/" UNPACK_DIR_FIRST, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_imported(f, &r);
	assert_int_equal(r.imported, 2);
	assert_true(temp_dir_has(f->dir, "root/nix/store/" UNPACK_DIR_FIRST "/x"));
	free(temp_dir_run(NULL, "rm -r '%s/root/nix/store/" UNPACK_DIR_FIRST "'",
			  f->dir->path));
	close(fd);
	assert_nix_agrees(f);
}

static void second_import_is_refused(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	int fds[UNPACK_DIRS];
	char text[512];
	struct nf_err err;

	import_fixture_closure(f);
	import_fixture_build(f);
	for (unsigned i = 0; i < UNPACK_DIRS; i++) {
		snprintf(text, sizeof(text), "root/nix/store/" UNPACK_DIR_FORMAT, i);
		temp_dir_mkdir(f->dir, text);
		fds[i] = openat(f->dir->fd, text, O_RDONLY | O_CLOEXEC);
		assert_int_equal(flock(fds[i], LOCK_EX), 0);
	}
	assert_int_equal(import(f, &r, &err), -NF_E_SYS);
	snprintf(text, sizeof(text), "64 other imports into '%s/root' are running",
		 f->dir->path);
	assert_string_equal(err.text, text);
	for (unsigned i = 0; i < UNPACK_DIRS; i++)
		close(fds[i]);
	/* Now killed imports have left them. */
	assert_imported(f, &r);
	assert_false(temp_dir_has(f->dir, "root/nix/store/" UNPACK_DIR_FIRST));
	assert_nix_agrees(f);
}

static void paths_may_share_a_nar(void **state)
{
	for (int piped = 0; piped < 2; piped++) {
		AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
		struct import_fixture *f;
		struct nf_err err = { 0 };

		import_fixture_setup((void **)&f);
		import_fixture_closure(f);
		import_fixture_add(f, 7, "copy", "a library\n");
		f->roots[f->root_count++] = 2;
		import_fixture_build(f);
		if (import_fixture_import(f, piped, &r, &err))
			fail_msg("%s", err.text);
		assert_int_equal(r.imported, 3);
		assert_nix_agrees(f);
		if (import_fixture_verify(f, piped, &r, &err))
			fail_msg("%s", err.text);
		assert_int_equal(r.imported, 3);
		import_fixture_teardown((void **)&f);
	}
	(void)state;
}

static void zstd_is_decoded(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct zstd_encoder *e = zstd_encoder_new(3);
	struct made_path *p;
	struct buf_sink sink;
	struct buf encoded;

	import_fixture_closure(f);
	p = &f->paths[1];
	buf_init(&encoded, 1 << 20);
	buf_sink_init(&sink, &encoded);
	assert_int_equal(zstd_encoder_start(e, &sink.sink, p->nar.len, NULL), 0);
	assert_int_equal(sink_write(zstd_encoder_sink(e), p->nar.ptr, p->nar.len, NULL),
			 0);
	assert_int_equal(zstd_encoder_finish(e, NULL), 0);
	zstd_encoder_free(e);
	buf_release(&p->nar);
	p->nar = encoded;
	p->ni.compression = NF_SLICE_LIT("zstd");
	import_fixture_build(f);
	assert_imported(f, &r);
	assert_nix_agrees(f);
}

#define DRV_OUT "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-x"
#define DRV_TEXT                                                                         \
	"Derive([(\"out\",\"/nix/store/" DRV_OUT                                         \
	"\",\"\",\"\")],[],[],\"x\",\"/bin/sh\",[],[])"

static void derivations_bring_their_outputs(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	AUTO_FREE char *command = NULL;
	AUTO_FREE char *outputs = NULL;
	struct made_path *p;
	int status;

	p = import_fixture_add(f, 2, "x.drv", "");
	import_fixture_make_file(p, DRV_TEXT);
	f->roots[f->root_count++] = 0;
	import_fixture_build(f);
	assert_int_equal(import_fixture_verify(f, false, &r, NULL), 0);
	assert_imported(f, &r);
	assert_nix_agrees(f);
	if (!temp_dir_have_command("nix-store"))
		skip_because("no Nix here");
	command = mem_printf("-q --outputs /nix/store/%s", p->ni.info.path.base);
	outputs = nix(&status, f, "nix-store", command);
	assert_int_equal(status, 0);
	assert_non_null(strstr(outputs, "/nix/store/" DRV_OUT "\n"));
}

/* What can be wrong with a bundle, each changing the good one. */

static void make_unsigned(struct import_fixture *f)
{
	f->paths[1].is_unsigned = true;
}

static void lose_a_reference(struct import_fixture *f)
{
	assert_int_equal(
		nf_pathinfo_add_ref(&f->paths[1].ni.info,
				    NF_SLICE_LIT("xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-gone"),
				    NULL),
		0);
}

static void refer_in_a_circle(struct import_fixture *f)
{
	import_fixture_ref(&f->paths[1], &f->paths[0]);
}

static void lose_a_nar(struct import_fixture *f)
{
	f->paths[1].without_nar = true;
}

static void use_an_odd_compression(struct import_fixture *f)
{
	f->paths[1].ni.compression = NF_SLICE_LIT("lrzip");
}

static void damage_contents(struct import_fixture *f)
{
	struct made_path *p = &f->paths[1];
	char *text = memmem(p->nar.ptr, p->nar.len, "a library", 9);

	assert_non_null(text);
	text[2] = 'L';
}

static void promise_too_few_bytes(struct import_fixture *f)
{
	f->paths[1].ni.info.nar_size--;
}

static void promise_too_many_bytes(struct import_fixture *f)
{
	f->paths[1].ni.info.nar_size++;
}

static void add_trailing_bytes(struct import_fixture *f)
{
	buf_add(&f->paths[1].nar, "12345678", 8);
	import_fixture_rehash(&f->paths[1]);
}

static void unsort_the_nar(struct import_fixture *f)
{
	struct made_path *p = &f->paths[1];
	char *name = memmem(p->nar.ptr, p->nar.len, "link", 4);

	assert_non_null(name);
	memcpy(name, "zink", 4);
	import_fixture_rehash(p);
}

static void be_for_another_store(struct import_fixture *f)
{
	f->cache_info = "StoreDir: /gnu/store\n";
}

static void claim_many_nodes(struct import_fixture *f)
{
	f->paths[1].inodes = 1 << 20;
}

static void add_a_directory_as_derivation(struct import_fixture *f)
{
	import_fixture_add(f, 2, "d.drv", "");
}

static void add_a_malformed_derivation(struct import_fixture *f)
{
	import_fixture_make_file(import_fixture_add(f, 2, "d.drv", ""), DRV_TEXT "\n");
}

static void add_a_dynamic_derivation(struct import_fixture *f)
{
	import_fixture_make_file(import_fixture_add(f, 2, "d.drv", ""),
				 "DrvWithVersion(\"xp-dyn-drv\",[");
}

static const struct {
	const char *why;
	void (*change)(struct import_fixture *f);
	int rc;
	const char *text;
} damages[] = {
	{ "no signature", make_unsigned, -NF_E_TRUST, "-lib': 1 unsigned" },
	{ "an incomplete closure", lose_a_reference, -NF_E_MISSING,
	  "refers to '/nix/store/xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-gone', which is " },
	{ "a cycle", refer_in_a_circle, -NF_E_FORMAT, "refers to itself through others" },
	{ "a NAR that is not there", lose_a_nar, -NF_E_FORMAT, "is not in the bundle" },
	{ "an encoding that nobody decodes", use_an_odd_compression, -NF_E_UNSUPPORTED,
	  "-lib': its NAR is compressed with 'lrzip'" },
	{ "wrong contents", damage_contents, -NF_E_HASH, "-lib': " },
	{ "a NAR that is too long", promise_too_few_bytes, -NF_E_HASH, "-lib': " },
	{ "a NAR that is too short", promise_too_many_bytes, -NF_E_HASH, "-lib': " },
	{ "bytes behind the NAR", add_trailing_bytes, -NF_E_FORMAT, "-lib': " },
	{ "names that are not sorted", unsort_the_nar, -NF_E_FORMAT, "-lib': " },
	{ "another store directory", be_for_another_store, -NF_E_UNSUPPORTED,
	  "'nix-cache-info': the bundle is for the store '/gnu/store', not /nix/store" },
	{ "more objects than a NAR can hold", claim_many_nodes, -NF_E_FORMAT,
	  "-lib': a NAR of " },
	{ "a derivation that is a directory", add_a_directory_as_derivation, -NF_E_FORMAT,
	  "-d.drv': a derivation that is not a regular file" },
	{ "a malformed derivation", add_a_malformed_derivation, -NF_E_FORMAT,
	  "-d.drv': byte 97: unexpected text after the end" },
	{ "a derivation of a later version", add_a_dynamic_derivation, -NF_E_UNSUPPORTED,
	  "-d.drv': it uses dynamic derivations ('xp-dyn-drv')" },
};

static void nothing_is_imported_after_any_fault(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(damages); i++) {
		size_t row = i / 2;
		struct import_fixture *f;
		AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
		struct nf_err err = { 0 };
		int rc;

		import_fixture_setup((void **)&f);
		import_fixture_closure(f);
		damages[row].change(f);
		import_fixture_build(f);
		rc = import_fixture_import(f, i % 2, &r, &err);
		if (rc != damages[row].rc || !strstr(err.text, damages[row].text))
			fail_msg("%s: %d %s", damages[row].why, rc, err.text);
		import_fixture_expect_nothing(f, "import");
		rc = import_fixture_verify(f, i % 2, &r, &err);
		if (rc != damages[row].rc)
			fail_msg("verify: %s: %d %s", damages[row].why, rc, err.text);
		import_fixture_teardown((void **)&f);
	}
	(void)state;
}

static void damage_keeps_valid_paths(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct made_path *p;
	char *text;

	import_fixture_closure(f);
	import_fixture_build(f);
	assert_imported(f, &r);
	p = import_fixture_add(f, 9, "new", "something new\n");
	text = memmem(p->nar.ptr, p->nar.len, "new", 3);
	assert_non_null(text);
	text[0] = 'N';
	import_fixture_build(f);
	assert_int_equal(import(f, &r, NULL), -NF_E_HASH);
	assert_true(import_fixture_is_valid(f, 0) && import_fixture_is_valid(f, 1));
	assert_false(import_fixture_is_valid(f, 2) || import_fixture_is_there(f, 2));
	assert_nix_agrees(f);
}

static void a_reference_may_be_valid_in_the_target_already(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct made_path *p;

	import_fixture_closure(f);
	import_fixture_build(f);
	assert_imported(f, &r);
	/* A bundle of one path, whose reference is not in it. */
	p = import_fixture_add(f, 9, "new", "something new\n");
	import_fixture_ref(p, &f->paths[1]);
	f->paths[0].is_left_out = f->paths[1].is_left_out = true;
	f->roots[0] = 2;
	import_fixture_build(f);
	assert_imported(f, &r);
	assert_int_equal(r.imported, 1);
	assert_int_equal(import_fixture_verify(f, false, &r, NULL), -NF_E_MISSING);
	assert_nix_agrees(f);
}

static void what_a_bundle_requires_must_be_there_with_its_contents(void **state)
{
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct nf_bundle_required required = { 0 };
	const struct nf_bundle_terms terms = { .required = &required,
					       .required_count = 1 };
	struct import_fixture *f = *state;
	struct nf_err err = { 0 };
	struct made_path *p;

	import_fixture_closure(f);
	import_fixture_build(f);
	assert_imported(f, &r);
	p = import_fixture_add(f, 9, "new", "something new\n");
	import_fixture_ref(p, &f->paths[1]);
	f->paths[0].is_left_out = f->paths[1].is_left_out = true;
	f->roots[0] = 2;
	f->terms = &terms;
	required.path = f->paths[1].ni.info.path;
	required.nar_hash = f->paths[0].ni.info.nar_hash;
	import_fixture_build(f);
	assert_int_equal(import(f, &r, &err), -NF_E_MISSING);
	assert_non_null(strstr(
		err.text, "the target store lacks 1 of 1 path that the bundle requires"));
	assert_false(import_fixture_is_there(f, 2));
	required.nar_hash = f->paths[1].ni.info.nar_hash;
	import_fixture_build(f);
	assert_int_equal(import_fixture_verify(f, true, &r, NULL), 0);
	assert_imported(f, &r);
	assert_int_equal(r.imported, 1);
	assert_nix_agrees(f);
}

/* PROG is in the target and refers to LIB; the bundle has neither, but what refers to
 * WHICH of them. */
static void refuses_lost_reference(struct import_fixture *f, size_t which, size_t lost)
{
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct nf_err err = { 0 };
	AUTO_FREE char *tree = NULL;
	struct made_path *p;
	int rc;

	import_fixture_closure(f);
	import_fixture_build(f);
	assert_imported(f, &r);
	tree = mem_printf("root/nix/store/%s", f->paths[lost].ni.info.path.base);
	assert_int_equal(file_remove_tree_at(f->dir->fd, tree, NULL), 0);
	p = import_fixture_add(f, 9, "new", "something new\n");
	import_fixture_ref(p, &f->paths[which]);
	f->paths[0].is_left_out = f->paths[1].is_left_out = true;
	f->roots[0] = 2;
	import_fixture_build(f);
	rc = import(f, &r, &err);
	assert_int_equal(rc, -NF_E_FORMAT);
	assert_non_null(strstr(err.text, f->paths[lost].ni.info.path.base));
	assert_non_null(strstr(err.text, "missing on the disk, and not in the bundle"));
	assert_false(import_fixture_is_valid(f, 2) || import_fixture_is_there(f, 2) ||
		     import_fixture_is_there(f, lost));
	assert_true(import_fixture_is_valid(f, lost));
}

static void a_reference_that_is_missing_on_the_disk_is_refused(void **state)
{
	refuses_lost_reference(*state, 0, 0);
}

static void missing_indirect_reference_is_refused(void **state)
{
	refuses_lost_reference(*state, 0, 1);
}

static void a_content_address_that_is_wrong_is_dropped(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };
	AUTO_FREE char *dir = temp_dir_join(f->dir, "root/nix/var/nix");
	struct store_db *db;

	import_fixture_closure(f);
	nf_pathinfo_set_ca(
		&f->paths[1].ni.info,
		NF_SLICE_LIT(
			"fixed:r:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx"));
	import_fixture_build(f);
	assert_imported(f, &r);
	assert_int_equal(store_db_open(&db, dir, STORE_DB_READ, NULL), 0);
	assert_int_equal(
		store_db_query(db, &f->paths[1].ni.info.path, false, &have, NULL), 0);
	store_db_free(db);
	assert_int_equal(have.ca.len, 0);
	assert_nix_agrees(f);
}

static void interrupt_leaves_a_valid_store(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct nf_err err;

	import_fixture_closure(f);
	import_fixture_build(f);
	interrupt_set(true);
	assert_int_equal(import(f, &r, &err), -NF_E_INTR);
	interrupt_set(false);
	import_fixture_expect_nothing(f, "import");
	assert_imported(f, &r);
	assert_int_equal(r.imported, 2);
}

static void another_schema_is_refused(void **state)
{
	struct import_fixture *f = *state;
	AUTO(nf_import_result_release) struct nf_import_result r = { 0 };
	struct nf_err err;

	import_fixture_closure(f);
	import_fixture_build(f);
	temp_dir_mkdir(f->dir, "root/nix/var/nix/db");
	temp_dir_write(f->dir, "root/nix/var/nix/db/schema", "11");
	assert_int_equal(import(f, &r, &err), -NF_E_UNSUPPORTED);
	assert_non_null(strstr(err.text, "has database schema 11"));
	assert_false(import_fixture_is_there(f, 0));
	assert_false(temp_dir_has(f->dir, "root/nix/store/" UNPACK_DIR_FIRST));
}

static void verify_counts_and_writes_nothing(void **state)
{
	struct import_fixture *f = *state;
	struct nf_err err = { 0 };

	import_fixture_closure(f);
	import_fixture_build(f);
	for (int piped = 0; piped < 2; piped++) {
		AUTO(nf_import_result_release) struct nf_import_result r = { 0 };

		if (import_fixture_verify(f, piped, &r, &err))
			fail_msg("%s", err.text);
		assert_int_equal(r.imported, 2);
		assert_int_equal(r.inodes, 8);
	}
	assert_false(temp_dir_has(f->dir, "root"));
}

static void bundle_may_omit_the_inode_count(void **state)
{
	struct import_fixture *f = *state;
	struct nf_err err = { 0 };

	import_fixture_closure(f);
	import_fixture_make_file(import_fixture_add(f, 2, "d.drv", ""), DRV_TEXT);
	for (size_t i = 0; i < 3; i++)
		f->paths[i].inodes = 0;
	import_fixture_build(f);
	for (int piped = 0; piped < 2; piped++) {
		AUTO(nf_import_result_release) struct nf_import_result r = { 0 };

		if (import_fixture_verify(f, piped, &r, &err))
			fail_msg("%s", err.text);
		assert_int_equal(r.imported, 3);
		assert_int_equal(r.inodes, 9);
	}
	for (int again = 0; again < 2; again++) {
		AUTO(nf_import_result_release) struct nf_import_result r = { 0 };

		if (import(f, &r, &err))
			fail_msg("%s", err.text);
		assert_int_equal(again ? r.present : r.imported, 3);
	}
	assert_nix_agrees(f);
}

#define TEST(f)                                                                          \
	cmocka_unit_test_setup_teardown(f, import_fixture_setup, import_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bundle_becomes_a_store),
		TEST(nix_finds_references_signatures_and_roots),
		TEST(a_profile_gets_the_root),
		TEST(a_profile_cannot_hold_several_roots),
		TEST(valid_paths_are_skipped),
		TEST(valid_paths_gain_signatures),
		TEST(leftovers_of_a_killed_run_are_replaced),
		TEST(parallel_imports_work),
		TEST(second_import_is_refused),
		cmocka_unit_test(paths_may_share_a_nar),
		TEST(zstd_is_decoded),
		TEST(derivations_bring_their_outputs),
		cmocka_unit_test(nothing_is_imported_after_any_fault),
		TEST(damage_keeps_valid_paths),
		TEST(a_reference_may_be_valid_in_the_target_already),
		TEST(what_a_bundle_requires_must_be_there_with_its_contents),
		TEST(a_reference_that_is_missing_on_the_disk_is_refused),
		TEST(missing_indirect_reference_is_refused),
		TEST(a_content_address_that_is_wrong_is_dropped),
		TEST(interrupt_leaves_a_valid_store),
		TEST(another_schema_is_refused),
		TEST(verify_counts_and_writes_nothing),
		TEST(bundle_may_omit_the_inode_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
