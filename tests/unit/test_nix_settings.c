#include "input/nix_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "expect.h"
#include "skip.h"
#include "temp_dir.h"

#define KEY_A "a-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* ---- settings as Nix prints them: "name = value" a line ---- */

static void add_words(struct buf *out, const char *name, const struct nix_words *w)
{
	buf_addf(out, "%s =", name);
	for (size_t i = 0; i < w->count; i++)
		buf_addf(out, " %s", w->items[i].text);
	buf_add_str(out, w->count ? "\n" : " \n");
}

static void add_boolean(struct buf *out, const char *name, bool value)
{
	buf_addf(out, "%s = %s\n", name, value ? "true" : "false");
}

static void add_number(struct buf *out, const char *name, uint64_t value, uint64_t unset)
{
	buf_addf(out, "%s = %llu\n", name,
		 (unsigned long long)(value == NIX_SETTING_UNSET ? unset : value));
}

/* With the numbers that Nix 2.8 uses where nothing is set; sorted by name. */
static char *describe_settings(const struct nix_settings *s)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	add_number(&out, "connect-timeout", s->connect_timeout, 0);
	add_boolean(&out, "fallback", s->fallback);
	add_number(&out, "http-connections", s->http_connections, 25);
	buf_addf(&out, "netrc-file = %s\n", s->netrc_file ? s->netrc_file : "");
	add_boolean(&out, "require-sigs", s->require_sigs);
	add_words(&out, "secret-key-files", &s->secret_key_files);
	add_number(&out, "stalled-download-timeout", s->stalled_download_timeout, 300);
	add_boolean(&out, "substitute", s->substitute);
	add_words(&out, "substituters", &s->substituters);
	add_words(&out, "trusted-public-keys", &s->trusted_public_keys);
	add_words(&out, "trusted-substituters", &s->trusted_substituters);
	buf_addf(&out, "user-agent-suffix = %s\n", s->user_agent_suffix);
	return buf_take(&out);
}

#define COMPARED                                                                         \
	"connect-timeout|fallback|http-connections|netrc-file|require-sigs|"             \
	"secret-key-files|stalled-download-timeout|substitute|substituters|"             \
	"trusted-public-keys|trusted-substituters|user-agent-suffix"

/* ---- values ---- */

static int apply(struct nix_settings *s, const char *text, struct nf_err *err)
{
	int rc;

	nix_settings_init(s);
	rc = nix_conf_parse(&s->conf, nf_slice_str(text), "f", err);
	return rc ? rc : nix_settings_apply(s, err);
}

static void assert_words(const struct nix_words *w, const char *want)
{
	struct buf out;

	buf_init(&out, 65536);
	add_words(&out, "", w);
	assert_string_equal(out.ptr, want);
	buf_release(&out);
}

static void without_a_file_the_public_cache_and_its_key_count(void **state)
{
	struct nix_settings s;
	struct nf_err err;

	(void)state;
	assert_int_equal(apply(&s, "", &err), 0);
	assert_words(&s.substituters, " = https://cache.nixos.org/\n");
	assert_words(&s.trusted_public_keys, " = " NF_DEFAULT_PUBLIC_KEY "\n");
	assert_int_equal(s.secret_key_files.count, 0);
	assert_true(s.require_sigs);
	assert_true(s.substitute);
	assert_false(s.fallback);
	assert_false(s.always_allow_substitutes);
	assert_false(s.auto_optimise_store);
	assert_true(s.connect_timeout == NIX_SETTING_UNSET);
	assert_true(s.max_substitution_jobs == NIX_SETTING_UNSET);
	assert_null(s.netrc_file);
	assert_null(s.ssl_cert_file);
	assert_string_equal(s.user_agent_suffix, "");
	assert_int_equal(s.note_count, 0);
	nix_settings_release(&s);
}

static void lists_are_set_added_to_and_emptied(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "substituters = a b", " = a b\n" },
		{ "substituters = a\nextra-substituters = b c", " = a b c\n" },
		{ "extra-substituters = a", " = https://cache.nixos.org/ a\n" },
		{ "extra-substituters = a\nsubstituters = b", " = b\n" },
		{ "binary-caches = a\nextra-binary-caches = b", " = a b\n" },
		{ "substituters =", " = \n" },
		{ "substituters = a\nextra-substituters =", " = a\n" },
		{ "substituters = a a\nextra-substituters = a", " = a a a\n" },
	};
	struct nix_settings s;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(apply(&s, rows[i].text, &err), 0);
		assert_words(&s.substituters, rows[i].want);
		nix_settings_release(&s);
	}
	assert_int_equal(apply(&s, "\nsubstituters = a b", &err), 0);
	assert_string_equal(s.substituters.items[1].file, "f");
	assert_int_equal(s.substituters.items[1].line, 2);
	nix_settings_release(&s);
}

static void numbers_have_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
	} rows[] = {
		{ "0", 0 },	      { "15", 15 },
		{ "010", 10 },	      { "000", 0 },
		{ "2K", 2048 },	      { "2k", 2048 },
		{ "3M", 3ULL << 20 }, { "1G", 1ULL << 30 },
		{ "1t", 1ULL << 40 }, { "18446744073709551614", UINT64_MAX - 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = mem_printf("download-speed = %s", rows[i].text);
		struct nix_settings s;
		struct nf_err err;

		assert_int_equal(apply(&s, text, &err), 0);
		assert_true(s.download_speed == rows[i].want);
		nix_settings_release(&s);
	}
}

static void every_name_of_a_setting_reaches_it(void **state)
{
	struct nix_settings s;
	struct nf_err err;

	(void)state;
	assert_int_equal(apply(&s,
			       "trusted-binary-caches = a\n"
			       "extra-trusted-substituters = b\n"
			       "binary-cache-public-keys = k\n"
			       "extra-trusted-public-keys = l\n"
			       "secret-key-files = /s\n"
			       "build-fallback = yes\n"
			       "build-use-substitutes = no\n"
			       "always-allow-substitutes = 1\n"
			       "auto-optimise-store = true\n"
			       "connect-timeout = 1\n"
			       "stalled-download-timeout = 2\n"
			       "binary-caches-parallel-connections = 3\n"
			       "max-substitution-jobs = 4\n"
			       "netrc-file = /n\n"
			       "ssl-cert-file = /c\n"
			       "user-agent-suffix = x   y\n",
			       &err),
			 0);
	assert_words(&s.trusted_substituters, " = a b\n");
	assert_words(&s.trusted_public_keys, " = k l\n");
	assert_words(&s.secret_key_files, " = /s\n");
	assert_true(s.fallback);
	assert_false(s.substitute);
	assert_true(s.always_allow_substitutes);
	assert_true(s.auto_optimise_store);
	assert_int_equal(s.connect_timeout, 1);
	assert_int_equal(s.stalled_download_timeout, 2);
	assert_int_equal(s.http_connections, 3);
	assert_int_equal(s.max_substitution_jobs, 4);
	assert_string_equal(s.netrc_file, "/n");
	assert_string_equal(s.ssl_cert_file, "/c");
	assert_string_equal(s.user_agent_suffix, "x y");
	assert_int_equal(s.note_count, 0);
	nix_settings_release(&s);
}

static void wrong_values_are_reported_with_file_line_and_name(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "fallback = maybe",
		  "f:1: fallback: 'maybe' is neither true nor false" },
		{ "fallback = True", "f:1: fallback: 'True' is neither true nor false" },
		{ "fallback =", "f:1: fallback: '' is neither true nor false" },
		{ "\nconnect-timeout = x", "f:2: connect-timeout: 'x' is not a number" },
		{ "connect-timeout =", "f:1: connect-timeout: '' is not a number" },
		{ "connect-timeout = -1", "f:1: connect-timeout: '-1' is not a number" },
		{ "connect-timeout = 1 2",
		  "f:1: connect-timeout: '1 2' is not a number" },
		{ "connect-timeout = K", "f:1: connect-timeout: 'K' is not a number" },
		{ "connect-timeout = 0x10",
		  "f:1: connect-timeout: '0x10' is not a number" },
		{ "connect-timeout = 17179869184G",
		  "f:1: connect-timeout: '17179869184G' is not a number" },
		{ "build-fallback = 2\nfallback = true",
		  "f:1: build-fallback: '2' is neither true nor false" },
	};
	struct nix_settings s;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect_error(err, apply(&s, rows[i].text, &err), NF_E_USAGE,
			     rows[i].error);
		nix_settings_release(&s);
	}
}

static void ignored_settings_are_noted(void **state)
{
	struct nix_settings s;
	struct nf_err err;

	(void)state;
	assert_int_equal(apply(&s,
			       "sandbox = false\nextra-fallback = true\n"
			       "extra-experimental-features = flakes\n"
			       "require-sigs = false\n",
			       &err),
			 0);
	assert_int_equal(s.note_count, 3);
	assert_string_equal(
		s.notes[0].text,
		"f:2: unknown setting 'extra-fallback' (did you mean 'fallback'?)");
	assert_true(s.notes[0].matters);
	assert_string_equal(
		s.notes[1].text,
		"settings of nix.conf that have no effect: sandbox, extra-experimental-features");
	assert_false(s.notes[1].matters);
	assert_string_equal(
		s.notes[2].text,
		"nix.conf sets require-sigs = false, but nixferry always requires a signature or a content address");
	assert_true(s.notes[2].matters);
	assert_false(s.fallback);
	nix_settings_release(&s);
}

static void misspelt_settings_are_reported_once(void **state)
{
	static const struct {
		const char *text, *note; /* NULL: none */
	} rows[] = {
		{ "trusted-public-key = k\n\ntrusted-public-key = l",
		  "f:1: unknown setting 'trusted-public-key' (did you mean 'trusted-public-keys'?)" },
		{ "\nextra-substituter = x",
		  "f:2: unknown setting 'extra-substituter' (did you mean 'extra-substituters'?)" },
		{ "http-conections = 3",
		  "f:1: unknown setting 'http-conections' (did you mean 'http-connections'?)" },
		{ "zzzzzzzzzzzz = 1", "f:1: unknown setting 'zzzzzzzzzzzz'" },
		{ "max-jobs = 1\ncores = 1\nlazy-trees = true", NULL },
		{ "extra-platforms = x\nextra-system-features = kvm", NULL },
		{ "env-keep-derivations = true\nbuild-max-jobs = 1", NULL },
		{ "substituters = a\nextra-substituters = b", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nix_settings s;
		const char *told = NULL;

		assert_int_equal(apply(&s, rows[i].text, NULL), 0);
		for (size_t j = 0; j < s.note_count; j++) {
			if (!s.notes[j].matters)
				continue;
			assert_null(told);
			told = s.notes[j].text;
		}
		assert_string_equal(told ? told : "-", rows[i].note ? rows[i].note : "-");
		nix_settings_release(&s);
	}
}

static void plugin_may_define_more_settings(void **state)
{
	struct nix_settings s;

	(void)state;
	assert_int_equal(apply(&s, "plugin-files = /p\nits-own = 1", NULL), 0);
	for (size_t j = 0; j < s.note_count; j++)
		assert_false(s.notes[j].matters);
	nix_settings_release(&s);
}

/* ---- keys ---- */

static void public_keys_and_halves_of_secret_keys_are_trusted(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_keyring *ring = nf_keyring_new();
	AUTO_FREE char *conf = NULL;
	struct nf_secret_key *key;
	struct nix_settings s;
	struct nf_err err;
	char *secret;

	assert_int_equal(nf_secret_key_generate(&key, NF_SLICE_LIT("own-1"), &err), 0);
	secret = nf_secret_key_text(key);
	temp_dir_write(t, "own", secret);
	temp_dir_write(t, "seen", secret);
	assert_int_equal(fchmodat(t->fd, "own", 0600, 0), 0);
	assert_int_equal(fchmodat(t->fd, "seen", 0644, 0), 0);
	nf_secret_text_free(secret);
	nf_secret_key_free(key);
	conf = mem_printf("trusted-public-keys = " KEY_A
			  "\nsecret-key-files = %s/own %s/none %s/seen",
			  t->path, t->path, t->path);
	assert_int_equal(apply(&s, conf, &err), 0);
	assert_int_equal(nix_settings_add_keys(&s, ring, &err), 0);
	assert_int_equal(nf_keyring_count(ring), 2);
	assert_string_equal(nf_keyring_name(ring, 0), "a-1");
	assert_string_equal(nf_keyring_name(ring, 1), "own-1");
	assert_int_equal(s.note_count, 2);
	assert_non_null(strstr(s.notes[0].text, "no such file"));
	assert_non_null(strstr(s.notes[1].text, "can be read by other users"));
	nix_settings_release(&s);
	nf_keyring_free(ring);
}

static void invalid_keys_are_reported_with_file_and_line(void **state)
{
	const struct temp_dir *t = *state;
	struct nf_keyring *ring = nf_keyring_new();
	AUTO_FREE char *file = temp_dir_join(t, "bad");
	AUTO_FREE char *conf = mem_printf("secret-key-files = %s", file);
	AUTO_FREE char *text = NULL;
	struct nix_settings s;
	struct nf_err err;

	assert_int_equal(apply(&s, "\ntrusted-public-keys = " KEY_A " b:x", &err), 0);
	assert_int_equal(nix_settings_add_keys(&s, ring, &err), 0);
	assert_int_equal(nf_keyring_count(ring), 1);
	assert_int_equal(s.note_count, 1);
	assert_string_equal(
		s.notes[0].text,
		"f:2: trusted-public-keys: ignored: public key 'b': not 32 bytes in base64");
	assert_true(s.notes[0].matters);
	nix_settings_release(&s);

	temp_dir_write(t, "bad", "not a key\n");
	assert_int_equal(fchmodat(t->fd, "bad", 0600, 0), 0);
	assert_int_equal(apply(&s, conf, &err), 0);
	text = mem_printf(
		"f:1: secret-key-files: '%s': secret key: no ':' after its name", file);
	expect_error(err, nix_settings_add_keys(&s, ring, &err), NF_E_USAGE, text);
	nix_settings_release(&s);
	nf_keyring_free(ring);
}

/* ---- files and the environment ---- */

static const char *const variables[] = {
	"NIX_CONF_DIR", "NIX_USER_CONF_FILES", "XDG_CONFIG_DIRS",   "XDG_CONFIG_HOME",
	"HOME",		"NIX_CONFIG",	       "NIX_SSL_CERT_FILE", "SSL_CERT_FILE",
};

static int setup(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
	return temp_dir_setup(state);
}

static void set(const struct temp_dir *t, const char *name, const char *value)
{
	AUTO_FREE char *path = temp_dir_join(t, value);

	setenv(name, path, 1);
}

/* All that Nix reads, each file adding its own name. */
static void make_files(const struct temp_dir *t)
{
	static const char *const files[] = { "etc", "xdg1/nix", "xdg2/nix",
					     "home/.config/nix", "confighome/nix" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		AUTO_FREE char *name = mem_printf("%s/nix.conf", files[i]);
		AUTO_FREE char *text =
			mem_printf("extra-substituters = %s\nuser-agent-suffix = %s\n",
				   files[i], files[i]);

		temp_dir_mkdir(t, files[i]);
		temp_dir_write(t, name, text);
	}
	temp_dir_write(t, "one.conf", "extra-substituters = one\n");
	temp_dir_write(t, "two.conf", "extra-substituters = two\n");
}

static void use_files(const struct temp_dir *t)
{
	AUTO_FREE char *dirs =
		mem_printf("%s/xdg1:%s/none::%s/xdg2", t->path, t->path, t->path);

	make_files(t);
	set(t, "NIX_CONF_DIR", "etc");
	set(t, "HOME", "home");
	setenv("XDG_CONFIG_DIRS", dirs, 1);
}

static void assert_loads(const char *substituters, const char *last)
{
	struct nix_settings s;
	struct nf_err err = { 0 };

	if (nix_settings_load(&s, &err))
		fail_msg("%s", err.text);
	assert_words(&s.substituters, substituters);
	assert_string_equal(s.user_agent_suffix, last);
	nix_settings_release(&s);
}

static void files_count_in_nixs_order(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *files = mem_printf("%s/one.conf:%s/two.conf", t->path, t->path);

	use_files(t);
	assert_loads(
		" = https://cache.nixos.org/ etc xdg2/nix xdg1/nix home/.config/nix\n",
		"home/.config/nix");
	set(t, "XDG_CONFIG_HOME", "confighome");
	setenv("NIX_CONFIG", "extra-substituters = env\nuser-agent-suffix = env", 1);
	assert_loads(
		" = https://cache.nixos.org/ etc xdg2/nix xdg1/nix confighome/nix env\n",
		"env");
	setenv("NIX_USER_CONF_FILES", files, 1);
	assert_loads(" = https://cache.nixos.org/ etc two one env\n", "env");
	setenv("NIX_USER_CONF_FILES", "", 1);
	unsetenv("NIX_CONFIG");
	assert_loads(" = https://cache.nixos.org/ etc\n", "etc");
}

static void unreadable_file_is_skipped_with_a_note(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *text = mem_printf(
		"%s/nix.conf is ignored: cannot read '%s/nix.conf': Is a directory",
		t->path, t->path);
	struct nix_settings s;
	struct nf_err err;

	setenv("NIX_CONF_DIR", t->path, 1);
	setenv("NIX_USER_CONF_FILES", "", 1);
	temp_dir_mkdir(t, "nix.conf");
	assert_int_equal(nix_settings_load(&s, &err), 0);
	assert_int_equal(s.note_count, 1);
	assert_string_equal(s.notes[0].text, text);
	nix_settings_release(&s);
}

static void errors_name_the_environments_text_too(void **state)
{
	const struct temp_dir *t = *state;
	struct nix_settings s;
	struct nf_err err;

	set(t, "NIX_CONF_DIR", "etc");
	setenv("NIX_USER_CONF_FILES", "", 1);
	setenv("NIX_CONFIG", "a = b\nsubstituters http://x", 1);
	expect_error(
		err, nix_settings_load(&s, &err), NF_E_USAGE,
		"NIX_CONFIG:2: 'substituters' is not followed by '=' as a separate word");
	nix_settings_release(&s);
}

/* Root may have inherited another user's HOME. */
static void home_of_another_user_is_ignored(void **state)
{
	const struct temp_dir *t = *state;
	AUTO_FREE char *home = temp_dir_join(t, "home");

	use_files(t);
	if (chown(home, 12345, 12345) < 0)
		skip_because("needs root");
	assert_loads(" = https://cache.nixos.org/ etc xdg2/nix xdg1/nix\n", "xdg1/nix");
}

static void certificates_come_from_nix_conf_then_the_environment(void **state)
{
	const struct temp_dir *t = *state;
	struct nix_settings s;
	struct nf_err err;

	set(t, "NIX_CONF_DIR", "etc");
	setenv("NIX_USER_CONF_FILES", "", 1);
	setenv("SSL_CERT_FILE", "/ssl", 1);
	assert_int_equal(nix_settings_load(&s, &err), 0);
	assert_string_equal(s.ssl_cert_file, "/ssl");
	nix_settings_release(&s);
	setenv("NIX_SSL_CERT_FILE", "/nix-ssl", 1);
	assert_int_equal(nix_settings_load(&s, &err), 0);
	assert_string_equal(s.ssl_cert_file, "/nix-ssl");
	nix_settings_release(&s);
	setenv("NIX_CONFIG", "ssl-cert-file = /conf", 1);
	assert_int_equal(nix_settings_load(&s, &err), 0);
	assert_string_equal(s.ssl_cert_file, "/conf");
	nix_settings_release(&s);
	setenv("NIX_CONFIG", "ssl-cert-file =", 1);
	assert_int_equal(nix_settings_load(&s, &err), 0);
	assert_null(s.ssl_cert_file);
	nix_settings_release(&s);
}

/* ---- beside real Nix ---- */

static void assert_as_nix(const char *reason)
{
	AUTO_FREE char *ours = NULL;
	AUTO_FREE char *nixs = temp_dir_run(
		NULL,
		"nix --extra-experimental-features nix-command show-config 2>/dev/null | grep -E '^(" COMPARED
		") ='");
	struct nix_settings s;
	struct nf_err err = { 0 };

	if (nix_settings_load(&s, &err))
		fail_msg("%s: %s", reason, err.text);
	ours = describe_settings(&s);
	print_message("%s\n", reason);
	assert_string_equal(ours, nixs);
	nix_settings_release(&s);
}

static void nix_reads_the_same_files_the_same_way(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "", "nothing" },
		{ "substituters = a b # c\nextra-substituters = d\n", "a list" },
		{ "extra-substituters = a\nbinary-caches = b\n", "an alias" },
		{ "extra-binary-cache-public-keys = k:x l:y\n", "an alias with extra-" },
		{ "trusted-binary-caches = a\nextra-trusted-substituters = b\n",
		  "another" },
		{ "substituters =\ntrusted-public-keys =\n", "empty lists" },
		{ "include more\nfallback = true\n!include none\n", "included files" },
		{ "fallback = true\ninclude more\n", "the included file comes later" },
		{ "\t  http-connections =   007 \r\n", "odd space, leading zeros" },
		{ "build-use-substitutes = no\nfallback = yes\nrequire-sigs = 0\n",
		  "booleans" },
		{ "user-agent-suffix = a   b\nnetrc-file = /n\n", "words of a string" },
		{ "user-agent-suffix =\nsecret-key-files = /a /b\n", "empty strings" },
		{ "connect-timeout = 7\nunknown = 9\n"
		  "stalled-download-timeout = 10\n",
		  "numbers" },
		{ "extra-connect-timeout = 7\nextra-user-agent-suffix = x\n",
		  "extra- before what is no list" },
	};
	const struct temp_dir *t = *state;

	if (!temp_dir_have_command("nix"))
		skip_because("no Nix here");
	use_files(t);
	temp_dir_write(t, "etc/more", "fallback = no\nextra-substituters = more\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		temp_dir_write(t, "etc/nix.conf", rows[i].text);
		assert_as_nix(rows[i].reason);
		setenv("NIX_CONFIG", rows[i].text, 1);
		if (!strstr(rows[i].text, "include"))
			assert_as_nix("and in NIX_CONFIG");
		unsetenv("NIX_CONFIG");
	}
	set(t, "NIX_USER_CONF_FILES", "one.conf");
	assert_as_nix("files that are named");
}

static void nix_refuses_the_same_files(void **state)
{
	static const char *const rows[] = {
		"a=b\n",
		"a b\n",
		"a =b c\n",
		"a\n",
		"include\n",
		"include a b\n",
		"include none\n",
		"fallback = maybe\n",
		"fallback =\n",
		"connect-timeout = x\n",
		"connect-timeout =\n",
		"connect-timeout = -1\n",
		"connect-timeout = 1 2\n",
		"build-fallback = 2\nfallback = true\n",
	};
	const struct temp_dir *t = *state;

	if (!temp_dir_have_command("nix"))
		skip_because("no Nix here");
	set(t, "NIX_CONF_DIR", "etc");
	set(t, "HOME", "home");
	temp_dir_mkdir(t, "etc");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nix_settings s;
		struct nf_err err;
		int status;

		temp_dir_write(t, "etc/nix.conf", rows[i]);
		free(temp_dir_run(
			&status,
			"nix --extra-experimental-features nix-command show-config"));
		assert_int_not_equal(status, 0);
		assert_int_equal(nix_settings_load(&s, &err), -NF_E_USAGE);
		nix_settings_release(&s);
	}
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, setup, temp_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_the_public_cache_and_its_key_count),
		cmocka_unit_test(lists_are_set_added_to_and_emptied),
		cmocka_unit_test(numbers_have_units),
		cmocka_unit_test(every_name_of_a_setting_reaches_it),
		cmocka_unit_test(wrong_values_are_reported_with_file_line_and_name),
		cmocka_unit_test(ignored_settings_are_noted),
		cmocka_unit_test(misspelt_settings_are_reported_once),
		cmocka_unit_test(plugin_may_define_more_settings),
		WITH_DIR(public_keys_and_halves_of_secret_keys_are_trusted),
		WITH_DIR(invalid_keys_are_reported_with_file_and_line),
		WITH_DIR(files_count_in_nixs_order),
		WITH_DIR(unreadable_file_is_skipped_with_a_note),
		WITH_DIR(errors_name_the_environments_text_too),
		WITH_DIR(home_of_another_user_is_ignored),
		WITH_DIR(certificates_come_from_nix_conf_then_the_environment),
		WITH_DIR(nix_reads_the_same_files_the_same_way),
		WITH_DIR(nix_refuses_the_same_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
