#include "store/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "base/workers.h"
#include "expect.h"
#include "fake_sig.h"
#include "import_fixture.h"
#include "store/store_db.h"
#include "store/unpack_dir.h"

#define OTHER_BASE "sgii4f5h9d2lym14f3av1r80w53l9k82-a"

static struct intake *open_intake(struct import_fixture *f, enum intake_mode mode)
{
	AUTO_FREE char *root = temp_dir_join(f->dir, "root");
	struct intake *in = NULL;
	struct nf_err err = { 0 };

	if (intake_open(&in, root, mode, NULL, &err))
		fail_msg("%s", err.text);
	return in;
}

static int unpack(struct intake *in, const struct made_path *p, struct intake_tree *tree,
		  struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *nar = source_of_memory(p->nar.ptr, p->nar.len, 4096);

	return intake_unpack(in, &p->ni.info, nar, tree, err);
}

static void add_path(struct intake *in, const struct made_path *p, const char *token)
{
	struct intake_tree tree = { 0 };
	struct nf_err err = { 0 };

	if (unpack(in, p, &tree, &err))
		fail_msg("%s", err.text);
	intake_add(in, &p->ni.info, &tree, token ? mem_strdup(token) : NULL);
	assert_null(tree.temp);
}

static void register_now(struct intake *in)
{
	struct nf_err err = { 0 };

	if (intake_register(in, &err))
		fail_msg("%s", err.text);
}

static bool is_valid(struct intake *in, const struct made_path *p)
{
	bool valid;

	assert_int_equal(intake_is_valid(in, &p->ni.info.path, &valid, NULL), 0);
	return valid;
}

static bool is_there(struct import_fixture *f, const struct made_path *p)
{
	AUTO_FREE char *name = mem_printf("root/nix/store/%s", p->ni.info.path.base);

	return temp_dir_has(f->dir, name);
}

static struct nf_import_result told(struct intake *in)
{
	struct nf_import_result r = { 0 };

	intake_tell(in, &r);
	return r;
}

static void note_token(void *ctx, const char *token)
{
	char *log = ctx;

	snprintf(log + strlen(log), 64 - strlen(log), "%s ", token);
}

static void path_waits_for_its_references(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *top = import_fixture_add(f, 0, "top", "top\n");
	struct made_path *mid = import_fixture_add(f, 1, "mid", "mid\n");
	struct made_path *low = import_fixture_add(f, 2, "low", "low\n");
	struct made_path *other = import_fixture_add(f, 3, "other", "other\n");
	AUTO(intake_freep) struct intake *in = open_intake(f, INTAKE_WRITE);
	char log[64] = "";
	struct nf_err err;
	char text[1024];

	import_fixture_ref(top, mid);
	import_fixture_ref(top, top);
	import_fixture_ref(mid, low);
	intake_on_registered(in, note_token, log);
	add_path(in, top, "t");
	add_path(in, mid, "m");
	add_path(in, other, NULL);
	register_now(in);
	assert_true(is_valid(in, other) && is_there(f, other));
	assert_false(is_valid(in, top) || is_there(f, top));
	assert_int_equal(intake_waiting(in), 2);
	snprintf(text, sizeof(text),
		 "'/nix/store/%s' needs '/nix/store/%s', which is not valid in '%s/root'",
		 top->ni.info.path.base, low->ni.info.path.base, f->dir->path);
	expect_error(err, intake_why_waiting(in, &err), NF_E_MISSING, text);
	add_path(in, low, "l");
	register_now(in);
	assert_string_equal(log, "l m t ");
	assert_int_equal(intake_waiting(in), 0);
	assert_int_equal(intake_why_waiting(in, NULL), 0);
	assert_true(is_valid(in, top) && is_valid(in, mid) && is_valid(in, low));
	assert_int_equal(told(in).imported, 4);
	assert_int_equal(told(in).inodes, 16);
	assert_int_equal(told(in).nar_bytes,
			 top->nar.len + mid->nar.len + low->nar.len + other->nar.len);
}

static void a_reference_may_be_valid_already(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *lib = import_fixture_add(f, 0, "lib", "lib\n");
	struct made_path *prog = import_fixture_add(f, 1, "prog", "prog\n");
	struct intake *in = open_intake(f, INTAKE_WRITE);

	import_fixture_ref(prog, lib);
	add_path(in, lib, NULL);
	register_now(in);
	intake_free(in);
	in = open_intake(f, INTAKE_WRITE);
	add_path(in, prog, NULL);
	register_now(in);
	assert_true(is_valid(in, prog));
	assert_int_equal(told(in).imported, 1);
	intake_free(in);
}

static void circle_of_references_is_not_registered(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *a = import_fixture_add(f, 0, "a", "a\n");
	struct made_path *b = import_fixture_add(f, 1, "b", "b\n");
	struct made_path *user = import_fixture_add(f, 2, "user", "user\n");
	struct made_path *used = import_fixture_add(f, 3, "used", "used\n");
	struct intake *in = open_intake(f, INTAKE_WRITE);
	struct nf_err err;

	import_fixture_ref(a, b);
	import_fixture_ref(a, used);
	import_fixture_ref(b, a);
	import_fixture_ref(user, b);
	add_path(in, user, NULL);
	add_path(in, a, NULL);
	add_path(in, b, NULL);
	add_path(in, used, NULL);
	register_now(in);
	assert_true(is_valid(in, used));
	assert_int_equal(intake_waiting(in), 3);
	assert_int_equal(intake_why_waiting(in, &err), -NF_E_FORMAT);
	assert_non_null(strstr(err.text, "refers to itself through others"));
	intake_free(in);
	assert_false(is_there(f, a) || is_there(f, b) || is_there(f, user));
	assert_false(temp_dir_has(f->dir, "root/nix/store/" UNPACK_DIR_FIRST));
}

static void repeated_bytes_are_counted_once(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *p = import_fixture_add(f, 0, "twice", "twice\n");
	AUTO(intake_freep) struct intake *in = open_intake(f, INTAKE_WRITE);
	struct intake_tree one = { 0 }, two = { 0 }, three = { 0 };
	char log[64] = "";

	intake_on_registered(in, note_token, log);
	assert_int_equal(unpack(in, p, &one, NULL), 0);
	assert_int_equal(unpack(in, p, &two, NULL), 0);
	assert_int_equal(unpack(in, p, &three, NULL), 0);
	intake_add(in, &p->ni.info, &one, mem_strdup("1"));
	intake_add(in, &p->ni.info, &two, mem_strdup("2"));
	assert_string_equal(log, "2 ");
	assert_int_equal(intake_waiting(in), 1);
	register_now(in);
	intake_add(in, &p->ni.info, &three, mem_strdup("3"));
	assert_int_equal(intake_waiting(in), 0);
	register_now(in);
	assert_string_equal(log, "2 1 3 ");
	assert_int_equal(told(in).imported, 1);
}

static void failed_unpack_leaves_nothing(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *p = import_fixture_add(f, 0, "short", "short\n");
	struct made_path *drv = import_fixture_add(f, 1, "x.drv", "");
	AUTO(intake_freep) struct intake *in = open_intake(f, INTAKE_WRITE);
	struct intake_tree tree = { 0 };
	AUTO_FREE char *left = NULL;
	struct nf_err err;

	p->nar.len -= 8;
	assert_int_equal(unpack(in, p, &tree, &err), -NF_E_FORMAT);
	expect_error(err, unpack(in, drv, &tree, &err), NF_E_FORMAT,
		     "a derivation that is not a regular file");
	assert_null(tree.temp);
	free(temp_dir_run(NULL,
			  "cd '%s/root/nix/store' && find " UNPACK_DIR_FIRST
			  " -mindepth 1 >../left",
			  f->dir->path));
	left = temp_dir_read(f->dir, "root/nix/left");
	assert_string_equal(left, "");
}

static void after_a_failure_nothing_is_registered(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *p = import_fixture_add(f, 0, "one", "one\n");
	struct made_path *q = import_fixture_add(f, 1, "two", "two\n");
	AUTO(intake_freep) struct intake *in = open_intake(f, INTAKE_WRITE);
	struct nf_err err = { 0 };

	add_path(in, p, NULL);
	/* Another process has removed the tree. */
	free(temp_dir_run(NULL, "rm -rf '%s'/root/nix/store/" UNPACK_DIR_FIRST "/*",
			  f->dir->path));
	assert_int_equal(intake_register(in, &err), -NF_E_SYS);
	add_path(in, q, NULL);
	expect_error(err, intake_register(in, &err), NF_E_SYS,
		     "an earlier failure to register");
	assert_false(is_valid(in, p) || is_valid(in, q));
	assert_false(is_there(f, p) || is_there(f, q));
}

/* Another process makes the path valid, as a file that contains "theirs". */
static void others_register(struct import_fixture *f, const struct nf_pathinfo *info)
{
	AUTO_FREE char *state_dir = temp_dir_join(f->dir, "root/nix/var/nix");
	AUTO_FREE char *name = mem_printf("root/nix/store/%s", info->path.base);
	AUTO(store_db_freep) struct store_db *db = NULL;

	temp_dir_write(f->dir, name, "theirs");
	assert_int_equal(store_db_open(&db, state_dir, STORE_DB_WRITE, NULL), 0);
	assert_int_equal(store_db_register(db, -1, &info, 1, 1700000000, NULL), 0);
}

static void assert_theirs(struct import_fixture *f, const struct made_path *p)
{
	AUTO_FREE char *name = mem_printf("root/nix/store/%s", p->ni.info.path.base);
	AUTO_FREE char *text = temp_dir_read(f->dir, name);

	assert_string_equal(text, "theirs");
}

static void paths_made_valid_by_others_stay(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *same = import_fixture_add(f, 0, "same", "same\n");
	struct made_path *other = import_fixture_add(f, 1, "other", "other\n");
	struct made_path *user = import_fixture_add(f, 2, "user", "user\n");
	struct nf_pathinfo unsigned_same = same->ni.info, info = other->ni.info;
	AUTO_FREE char *root = temp_dir_join(f->dir, "root");
	struct progress *progress = progress_new();
	AUTO_FREE char *want = mem_printf(
		"'/nix/store/%s' has become valid in '%s' with different content; it stays as it is",
		other->ni.info.path.base, root);
	struct intake *in = NULL;
	AUTO_FREE char *note = NULL;
	char log[64] = "";

	assert_int_equal(intake_open(&in, root, INTAKE_WRITE, progress, NULL), 0);
	intake_on_registered(in, note_token, log);
	nf_pathinfo_add_sig(&same->ni.info, NF_SLICE_LIT("late-1:" FAKE_SIG("A")));
	import_fixture_ref(user, same);
	import_fixture_ref(user, other);
	add_path(in, user, "u");
	add_path(in, same, "s");
	add_path(in, other, "o");
	others_register(f, &unsigned_same);
	info.nar_hash.bytes[0] ^= 1;
	others_register(f, &info);
	register_now(in);
	assert_theirs(f, same);
	assert_theirs(f, other);
	assert_true(is_valid(in, user) && is_there(f, user));
	assert_string_equal(log, "s o u ");
	assert_int_equal(told(in).imported, 1);
	assert_int_equal(told(in).present, 2);
	assert_int_equal(told(in).sigs_added, 1);
	assert_int_equal(told(in).nar_bytes, user->nar.len);
	note = progress_take_note(progress);
	assert_string_equal(note, want);
	assert_null(progress_take_note(progress));
	intake_free(in);
	progress_free(progress);
}

static void no_lock_is_left(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *p = import_fixture_add(f, 0, "one", "one\n");
	AUTO_FREE char *name = mem_printf("root/nix/store/%s.lock", p->ni.info.path.base);
	struct intake *in = open_intake(f, INTAKE_WRITE);

	add_path(in, p, NULL);
	register_now(in);
	assert_false(temp_dir_has(f->dir, name));
	intake_free(in);
	/* Leftovers of a killed run. */
	temp_dir_write(f->dir, name, "");
	temp_dir_write(f->dir, "root/nix/store/" OTHER_BASE ".lock", "");
	temp_dir_mkdir(f->dir, "root/nix/store/" UNPACK_DIR_FIRST);
	intake_free(open_intake(f, INTAKE_WRITE));
	assert_false(temp_dir_has(f->dir, name));
	assert_true(temp_dir_has(f->dir, "root/nix/store/" OTHER_BASE ".lock"));
}

static void reading_needs_no_store_and_creates_none(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *p = import_fixture_add(f, 0, "one", "one\n");
	struct intake *in = open_intake(f, INTAKE_READ);
	struct nf_pathinfo info;
	struct nf_err err;

	assert_false(is_valid(in, p));
	assert_int_equal(intake_find(in, &p->ni.info.path, true, &info, &err),
			 -NF_E_MISSING);
	nf_pathinfo_release(&info);
	assert_int_equal(intake_check_space(in, 1ULL << 60, 1, NULL), 0);
	intake_free(in);
	assert_false(temp_dir_has(f->dir, "root"));
	in = open_intake(f, INTAKE_WRITE);
	add_path(in, p, NULL);
	register_now(in);
	intake_free(in);
	in = open_intake(f, INTAKE_READ);
	assert_true(is_valid(in, p));
	intake_free(in);
}

static void lack_of_space_is_reported_first(void **state)
{
	struct import_fixture *f = *state;
	AUTO(intake_freep) struct intake *in = open_intake(f, INTAKE_WRITE);
	struct nf_err err;

	assert_int_equal(intake_check_space(in, 1, 1, NULL), 0);
	assert_int_equal(intake_check_space(in, 1ULL << 50, 1, &err), -NF_E_NOSPACE);
	assert_non_null(strstr(err.text, "MiB free, but 1073741825 MiB are needed"));
	assert_int_equal(intake_check_space(in, 1, 1ULL << 39, &err), -NF_E_NOSPACE);
}

static void missing_signatures_are_added(void **state)
{
	struct import_fixture *f = *state;
	struct made_path *p = import_fixture_add(f, 0, "one", "one\n");
	const struct nf_pathinfo *infos[] = { &p->ni.info };
	AUTO(intake_freep) struct intake *in = open_intake(f, INTAKE_WRITE);

	add_path(in, p, NULL);
	register_now(in);
	nf_pathinfo_add_sig(&p->ni.info, NF_SLICE_LIT("other-1:" FAKE_SIG("A")));
	assert_int_equal(intake_add_sigs(in, infos, 1, NULL), 0);
	assert_int_equal(intake_add_sigs(in, infos, 1, NULL), 0);
	assert_int_equal(told(in).sigs_added, 1);
}

/* ---- many threads ---- */

#define MANY 12

struct task {
	struct intake *in;
	const struct made_path *path;
};

static void run_task(void *arg, size_t worker)
{
	const struct task *t = arg;

	(void)worker;
	add_path(t->in, t->path, NULL);
}

static void paths_are_added_during_registration(void **state)
{
	struct import_fixture *f = *state;
	AUTO(intake_freep) struct intake *in = open_intake(f, INTAKE_WRITE);
	struct workers *w = workers_new(3, MANY);
	struct task tasks[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		AUTO_FREE char *text = mem_printf("number %u\n", i);

		import_fixture_add(f, i, "many", text);
		if (i)
			import_fixture_ref(&f->paths[i - 1], &f->paths[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		tasks[i] = (struct task){ in, &f->paths[i] };
		workers_submit(w, run_task, &tasks[i]);
	}
	while (!workers_wait(w, 1))
		register_now(in);
	register_now(in);
	workers_free(w);
	assert_int_equal(told(in).imported, MANY);
	assert_int_equal(intake_waiting(in), 0);
}

#define TEST(f)                                                                          \
	cmocka_unit_test_setup_teardown(f, import_fixture_setup, import_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(path_waits_for_its_references),
		TEST(a_reference_may_be_valid_already),
		TEST(circle_of_references_is_not_registered),
		TEST(repeated_bytes_are_counted_once),
		TEST(failed_unpack_leaves_nothing),
		TEST(after_a_failure_nothing_is_registered),
		TEST(paths_made_valid_by_others_stay),
		TEST(no_lock_is_left),
		TEST(reading_needs_no_store_and_creates_none),
		TEST(lack_of_space_is_reported_first),
		TEST(missing_signatures_are_added),
		TEST(paths_are_added_during_registration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
