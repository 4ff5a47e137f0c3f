/* What nf_fetch refuses before doing anything; tests/e2e/library.bats has the rest. */
#include <nixferry/fetch.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_options_are_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
