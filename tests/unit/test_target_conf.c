#include "input/target_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "skip.h"
#include "temp_dir.h"

#define KEY_A "a-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "b-1:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="

static void caches_are_written_without_logins_and_secrets(void **state)
{
	static const struct {
		const char *url, *want; /* NULL: it is left out */
	} rows[] = {
		{ "https://cache.nixos.org", "https://cache.nixos.org" },
		{ "https://cache.nixos.org/", "https://cache.nixos.org/" },
		{ "HTTP://lan:5000/x/y", "http://lan:5000/x/y" },
		{ "https://user:pass@c.example/x", "https://c.example/x" },
		{ "https://user:p@ss@c.example", "https://c.example" },
		{ "https://token@c.example", "https://c.example" },
		{ "https://user:pa/ss@c.example", NULL },
		{ "https://user:pa?ss@c.example", NULL },
		{ "https://user:1#2@c.example", NULL },
		{ "https://[::1]:80/x", "https://[::1]:80/x" },
		{ "https://[::1]", "https://[::1]" },
		{ "https://:80", NULL },
		{ "https://c?priority=30&want-mass-query=1",
		  "https://c?priority=30&want-mass-query=1" },
		{ "https://c?priority=30&trusted=1&secret-key=/k&token=abc",
		  "https://c?priority=30" },
		{ "https://c?auth=secret", "https://c" },
		{ "https://c/x#secret", "https://c/x" },
		{ "s3://b?region=eu-west-1&endpoint=minio.lan&profile=p",
		  "s3://b?region=eu-west-1&endpoint=minio.lan&profile=p" },
		{ "s3://b?endpoint=http://u:p@minio.lan", NULL },
		{ "s3://b?endpoint=http://u:p%40minio.lan", "s3://b" },
		{ "file:///mnt/cache", NULL },
		{ "/mnt/cache", NULL },
		{ "./x.bundle", NULL },
		{ "local", NULL },
		{ "daemon", NULL },
		{ "ssh://user:pass@host", NULL },
		{ "https://", NULL },
		{ "https:///x", NULL },
		{ "https://c /x", NULL },
		{ "https://c\nbuild-hook = x", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct target_conf c;
		bool added;

		target_conf_init(&c);
		added = target_conf_add_substituter(&c, nf_slice_str(rows[i].url));
		if (added != !!rows[i].want)
			fail_msg("'%s' is %s", rows[i].url,
				 added ? c.substituters.ptr : "left out");
		if (added)
			assert_string_equal(c.substituters.ptr, rows[i].want);
		target_conf_release(&c);
	}
}

static void fill_conf(struct target_conf *c, const char *nix_conf)
{
	struct nf_keyring *ring = nf_keyring_new();
	struct nix_settings s;

	target_conf_init(c);
	nix_settings_init(&s);
	assert_int_equal(nix_conf_parse(&s.conf, nf_slice_str(nix_conf), "f", NULL), 0);
	target_conf_add_feature(c, "flakes");
	target_conf_add_features(c, &s);
	assert_true(
		target_conf_add_substituter(c, nf_slice_str("https://u:p@a.example")));
	assert_true(target_conf_add_substituter(c, nf_slice_str("https://a.example")));
	assert_true(target_conf_add_substituter(
		c, nf_slice_str("http://b.example:5000/${x}\"\\?priority=3")));
	assert_int_equal(nf_keyring_add(ring, nf_slice_str(KEY_A), NULL), 0);
	assert_int_equal(nf_keyring_add(ring, nf_slice_str(KEY_B), NULL), 0);
	target_conf_add_keys(c, ring);
	nf_keyring_free(ring);
	nix_settings_release(&s);
}

static char *format(const struct target_conf *c,
		    void (*how)(struct buf *out, const struct target_conf *c))
{
	struct buf out;

	buf_init(&out, TARGET_CONF_TEXT_MAX);
	how(&out, c);
	return buf_take(&out);
}

static void nix_conf_names_each_cache_and_key_once(void **state)
{
	struct target_conf c;
	char *text;

	(void)state;
	fill_conf(&c, "experimental-features = gone\n"
		      "experimental-features = nix-command\n"
		      "extra-experimental-features = flakes ca-derivations\n");
	text = format(&c, target_conf_format);
	assert_string_equal(
		text,
		"# Written by nixferry: the caches, keys and features that filled this store.\n"
		"substituters = https://a.example http://b.example:5000/${x}\"\\?priority=3\n"
		"trusted-public-keys = " KEY_A " " KEY_B "\n"
		"experimental-features = flakes nix-command ca-derivations\n"
		"max-jobs = auto\n"
		"cores = 0\n");
	free(text);
	target_conf_release(&c);
}

/* An empty list would switch Nix's default off. */
static void an_empty_list_is_not_written(void **state)
{
	struct target_conf c;
	char *text;

	(void)state;
	target_conf_init(&c);
	text = format(&c, target_conf_format);
	assert_null(strstr(text, "substituters ="));
	assert_null(strstr(text, "keys ="));
	assert_null(strstr(text, "features ="));
	assert_non_null(strstr(text, "\nmax-jobs = auto\ncores = 0\n"));
	free(text);
	text = format(&c, target_conf_format_module);
	assert_null(strstr(text, "["));
	free(text);
	target_conf_release(&c);
}

static void nix_reads_both_texts(void **state)
{
	const struct temp_dir *t = *state;
	struct target_conf c;
	char *conf, *module, *out;
	int status;

	if (!temp_dir_have_command("nix-instantiate"))
		skip_because("no Nix here");
	fill_conf(&c, "");
	conf = format(&c, target_conf_format);
	module = format(&c, target_conf_format_module);
	temp_dir_write(t, "nix.conf", conf);
	temp_dir_write(t, "module.nix", module);
	out = temp_dir_run(
		&status,
		"cd '%s' && nix-instantiate --parse module.nix >parsed && "
		"nix-instantiate --eval --strict --json -E "
		"'(import ./module.nix).nix.settings' >settings 2>&1 && "
		"unset NIX_CONFIG NIX_USER_CONF_FILES; HOME=$PWD NIX_CONF_DIR=$PWD "
		"nix --extra-experimental-features nix-command show-config >shown && "
		"grep -qx 'substituters = https://a.example "
		"http://b.example:5000/${x}\"\\\\?priority=3' shown && "
		"grep -qx 'trusted-public-keys = " KEY_A " " KEY_B "' shown && "
		"grep -qx 'cores = 0' shown && grep -q '^max-jobs = [1-9]' shown && "
		"grep -q '\"max-jobs\":\"auto\"' settings && "
		"grep -qF '[\"https://a.example\",\"http://b.example:5000/${x}\\\"\\\\?priority=3\"]' settings",
		t->path);
	if (status)
		fail_msg("%s%s%s", out, conf, module);
	free(out);
	free(conf);
	free(module);
	target_conf_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caches_are_written_without_logins_and_secrets),
		cmocka_unit_test(nix_conf_names_each_cache_and_key_once),
		cmocka_unit_test(an_empty_list_is_not_written),
		cmocka_unit_test_setup_teardown(nix_reads_both_texts, temp_dir_setup,
						temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
