/* What nf_fetch makes of its options, with a pool as the cache; tests/e2e/library.bats
 * has the installed function and the network. */
#include "pool_fixture.h"

#include <fcntl.h>
#include <nixferry/fetch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define BASE "00000000000000000000000000000000-x"

static const char *const urls[] = { "https://a" }, *const ssh[] = { "ssh://a" };

/* A valid call, except for what CHANGE does. */
static int refused(void (*change)(struct nf_fetch_options *o), struct nf_err *err)
{
	struct nf_keyring *keys = nf_keyring_new();
	struct nf_fetch_options o = {
		.path_count = 1,
		.substituters = urls,
		.substituter_count = 1,
		.keys = keys,
		.pool_dir = "/dev/null/pool",
	};
	struct nf_fetch_result result;
	struct nf_storepath path;
	int rc;

	assert_int_equal(nf_storepath_parse_base(&path, nf_slice_str(BASE), NULL), 0);
	o.paths = &path;
	change(&o);
	rc = nf_fetch(&o, &result, err);
	assert_int_equal(result.paths, 0);
	nf_fetch_result_release(&result);
	nf_keyring_free(keys);
	return rc;
}

#define ROW(name, change)                                                                \
	static void name(struct nf_fetch_options *o)                                     \
	{                                                                                \
		change;                                                                  \
	}
ROW(no_path, o->path_count = 0)
ROW(no_keys, o->keys = NULL)
ROW(no_pool, o->pool_dir = NULL)
ROW(profile_alone, o->profile = "system")
ROW(gc_root_alone, o->gc_root = "mine")
ROW(repair_alone, o->repair = true)
ROW(repair_of_daemon, (o->repair = true, o->store_root = "daemon"))
ROW(profile_of_two, (o->profile = "system", o->store_root = "/tmp", o->path_count = 2))
ROW(level_over, o->level = 20)
ROW(level_under, o->level = -1)
ROW(connections_over, o->connections = 1025)
ROW(timeout_over, o->stall_timeout = 86401)
ROW(rate_under, o->limit_rate = 4095)
ROW(ssh_cache, o->substituters = ssh)
ROW(no_netrc, o->netrc_file = "/tmp/no/such/netrc")
ROW(bad_pool, (void)o)

static void impossible_options_are_refused_at_once(void **state)
{
	static const struct {
		void (*change)(struct nf_fetch_options *o);
		int code;
		const char *text;
	} rows[] = {
		{ no_path, NF_E_USAGE, "no path" },
		{ no_keys, NF_E_USAGE, "no trusted keys" },
		{ no_pool, NF_E_USAGE, "no pool" },
		{ profile_alone, NF_E_USAGE, "needs a target store" },
		{ gc_root_alone, NF_E_USAGE, "needs a target store" },
		{ repair_alone, NF_E_USAGE, "needs a target store" },
		{ repair_of_daemon, NF_E_USAGE, "cannot be repaired" },
		{ profile_of_two, NF_E_USAGE, "can hold one path, but there are 2" },
		{ level_over, NF_E_USAGE, "level 20 is not one of 0 to 19" },
		{ level_under, NF_E_USAGE, "level -1" },
		{ connections_over, NF_E_USAGE, "connections 1025 is more than 1024" },
		{ timeout_over, NF_E_USAGE, "stall_timeout 86401" },
		{ rate_under, NF_E_USAGE, "limit_rate 4095 is less than 4096" },
		{ ssh_cache, NF_E_UNSUPPORTED, "ssh://a" },
		{ no_netrc, NF_E_MISSING, "/tmp/no/such/netrc" },
		{ bad_pool, NF_E_SYS, "'/dev/null'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_err err;

		assert_int_equal(refused(rows[i].change, &err), -rows[i].code);
		if (!strstr(err.text, rows[i].text))
			fail_msg("%s", err.text);
	}
}

/* ---- a pool as the cache of another ---- */

/* Fetches M from the fixture's pool into another, or into ROOT. */
static void fetch(struct pool_fixture *f, const struct made *m,
		  struct nf_fetch_options opts, struct nf_fetch_result *ret)
{
	AUTO_FREE char *url = mem_printf("file://%s", f->dir);
	AUTO_FREE char *pool = mem_printf("%s/other", f->top);
	const char *const caches[] = { url };

	opts.paths = &m->info.path;
	opts.path_count = 1;
	opts.substituters = caches;
	opts.substituter_count = 1;
	opts.keys = f->ring;
	opts.pool_dir = pool;
	assert_ok(f, nf_fetch(&opts, ret, &f->err));
	assert_int_equal(ret->paths, 1);
}

static void a_dry_run_counts_and_writes_nothing(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *pool = mem_printf("%s/other", f->top);
	AUTO_FREE char *root = mem_printf("%s/root", f->top);
	struct nf_fetch_result r;
	struct made m;

	made_init(&m, f, "a", "text", NULL);
	pool_fixture_ingest(f, &m, POOL_KEEP);
	assert_int_equal(mkdir(root, 0755), 0);
	fetch(f, &m,
	      (struct nf_fetch_options){
		      .dry_run = true, .store_root = root, .gc_root = "mine" },
	      &r);
	assert_int_equal(r.to_fetch_bytes, m.nar.len);
	assert_int_equal(r.fetched + r.imported.imported + r.imported.gc_root_count, 0);
	nf_fetch_result_release(&r);
	assert_int_equal(access(pool, F_OK), -1);
	assert_int_equal(rmdir(root), 0);
	fetch(f, &m, (struct nf_fetch_options){ 0 }, &r);
	assert_int_equal(r.fetched, 1);
	nf_fetch_result_release(&r);
	fetch(f, &m, (struct nf_fetch_options){ .dry_run = true }, &r);
	assert_int_equal(r.in_pool, 1);
	assert_int_equal(r.to_fetch_bytes, 0);
	nf_fetch_result_release(&r);
	made_release(&m);
}

static void damage(const char *root, const struct made *m)
{
	AUTO_FREE char *file =
		mem_printf("%s" NF_STORE_DIR "/%s", root, m->info.path.base);

	assert_int_equal(chmod(file, 0644), 0);
	pool_fixture_write(file, "else");
	assert_int_equal(chmod(file, 0444), 0);
}

static void a_damaged_path_is_restored_with_repair(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *root = mem_printf("%s/root", f->top);
	struct nf_fetch_options opts = { .store_root = root };
	struct nf_fetch_result r;
	struct made m;

	made_init(&m, f, "a", "text", NULL);
	pool_fixture_ingest(f, &m, POOL_KEEP);
	assert_int_equal(mkdir(root, 0755), 0);
	fetch(f, &m, opts, &r);
	assert_int_equal(r.imported.imported, 1);
	nf_fetch_result_release(&r);
	damage(root, &m);
	fetch(f, &m, opts, &r);
	assert_int_equal(r.imported.present, 1);
	nf_fetch_result_release(&r);
	opts.repair = true;
	fetch(f, &m, opts, &r);
	assert_int_equal(r.imported.repaired, 1);
	nf_fetch_result_release(&r);
	fetch(f, &m, opts, &r);
	assert_int_equal(r.imported.repaired, 0);
	nf_fetch_result_release(&r);
	made_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_options_are_refused_at_once),
		FIXTURE_TEST(a_dry_run_counts_and_writes_nothing),
		FIXTURE_TEST(a_damaged_path_is_restored_with_repair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
