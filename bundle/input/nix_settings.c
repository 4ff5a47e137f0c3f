#include "input/nix_settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "input/nix_setting_names.h"

#define CONF_DIR_DEFAULT    "/etc/nix"
#define CONFIG_DIRS_DEFAULT "/etc/xdg"
#define CA_FILE_DEFAULT	    "/etc/ssl/certs/ca-certificates.crt"
#define SUBSTITUTER_DEFAULT "https://cache.nixos.org/"

#define NOTE_MAX 4096
/* Maximum quoted length of a name. */
#define NAME_QUOTE_MAX 60

DEFINE_CLEANUP(struct nf_secret_key *, nf_secret_key_free)

/* ---- the table of settings ---- */

enum setting_kind {
	WORDS,
	BOOLEAN,
	NUMBER,
	STRING
};

struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;
};

#define ROW(name, kind, field)                                                           \
	{                                                                                \
		(name), (kind), offsetof(struct nix_settings, field)                     \
	}

static const struct setting table[] = {
	ROW("substituters", WORDS, substituters),
	ROW("binary-caches", WORDS, substituters),
	ROW("trusted-substituters", WORDS, trusted_substituters),
	ROW("trusted-binary-caches", WORDS, trusted_substituters),
	ROW("trusted-public-keys", WORDS, trusted_public_keys),
	ROW("binary-cache-public-keys", WORDS, trusted_public_keys),
	ROW("secret-key-files", WORDS, secret_key_files),
	ROW("require-sigs", BOOLEAN, require_sigs),
	ROW("substitute", BOOLEAN, substitute),
	ROW("build-use-substitutes", BOOLEAN, substitute),
	ROW("fallback", BOOLEAN, fallback),
	ROW("build-fallback", BOOLEAN, fallback),
	ROW("always-allow-substitutes", BOOLEAN, always_allow_substitutes),
	ROW("auto-optimise-store", BOOLEAN, auto_optimise_store),
	ROW("connect-timeout", NUMBER, connect_timeout),
	ROW("stalled-download-timeout", NUMBER, stalled_download_timeout),
	ROW("http-connections", NUMBER, http_connections),
	ROW("binary-caches-parallel-connections", NUMBER, http_connections),
	ROW("download-speed", NUMBER, download_speed),
	ROW("max-substitution-jobs", NUMBER, max_substitution_jobs),
	ROW("substitution-max-jobs", NUMBER, max_substitution_jobs),
	ROW("netrc-file", STRING, netrc_file),
	ROW("ssl-cert-file", STRING, ssl_cert_file),
	ROW("user-agent-suffix", STRING, user_agent_suffix),
};

/* As in Nix, "extra-" is for lists only; before another name it makes an unknown
 * setting. */
static const struct setting *find_setting(const char *name, bool *ret_extra)
{
	struct nf_slice rest = nf_slice_str(name);

	*ret_extra = slice_skip_prefix(&rest, "extra-");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (nf_slice_is(rest, table[i].name))
			return *ret_extra && table[i].kind != WORDS ? NULL : &table[i];
	return NULL;
}

/* ---- values ---- */

static void add_word(struct nix_words *w, struct nix_word word)
{
	MEM_GROW(w->items, w->count, w->cap);
	w->items[w->count++] = word;
}

static void take_words(struct nix_words *w, struct nix_conf *c,
		       const struct nix_conf_entry *e, bool extra)
{
	struct nf_slice rest = nf_slice_str(e->value);

	if (!extra)
		w->count = 0;
	while (rest.len) {
		struct nf_slice word = slice_cut(&rest, ' ');

		add_word(w, (struct nix_word){
				    .text = arena_strndup(&c->arena, word.ptr, word.len),
				    .file = e->file,
				    .line = e->line,
			    });
	}
}

static int take_boolean(bool *ret, const char *value, struct nf_err *err)
{
	static const char *const words[] = { "false", "no", "0", "true", "yes", "1" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(value, words[i]) == 0) {
			*ret = i >= ARRAY_SIZE(words) / 2;
			return 0;
		}
	}
	return err_set(err, NF_E_USAGE, "'%s' is neither true nor false", value);
}

/* 10, 20, 30 or 40 bits; 0 if C is not a unit. */
static unsigned unit_bits(char c)
{
	static const char units[] = "KMGTkmgt";
	const char *at = c ? strchr(units, c) : NULL;

	return at ? ((unsigned)(at - units) % 4 + 1) * 10 : 0;
}

/* Digits, possibly with leading zeros, and a unit. */
static bool parse_number(const char *value, uint64_t *ret)
{
	struct nf_slice digits = nf_slice_str(value);
	unsigned bits = digits.len ? unit_bits(digits.ptr[digits.len - 1]) : 0;

	if (bits)
		digits.len--;
	while (digits.len > 1 && digits.ptr[0] == '0')
		slice_skip_prefix(&digits, "0");
	return slice_parse_u64(digits, ret) &&
	       !__builtin_mul_overflow(*ret, 1ULL << bits, ret) &&
	       *ret != NIX_SETTING_UNSET;
}

static int take_value(struct nix_settings *s, const struct setting *row,
		      const struct nix_conf_entry *e, bool extra, struct nf_err *err)
{
	void *field = (char *)s + row->offset;

	switch (row->kind) {
	case WORDS:
		take_words(field, &s->conf, e, extra);
		return 0;
	case BOOLEAN:
		return take_boolean(field, e->value, err);
	case NUMBER:
		if (!parse_number(e->value, field))
			return err_set(err, NF_E_USAGE, "'%s' is not a number", e->value);
		return 0;
	case STRING:
		*(const char **)field = e->value;
		return 0;
	}
	return 0;
}

/* ---- notes ---- */

void nix_settings_note(struct nix_settings *s, bool matters, const char *fmt, ...)
{
	char text[NOTE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	MEM_GROW(s->notes, s->note_count, s->note_cap);
	s->notes[s->note_count++] = (struct nix_note){ mem_strdup(text), matters };
}

static void note_unused(struct nix_settings *s, const struct buf *names)
{
	if (names->len)
		nix_settings_note(s, false,
				  "settings of nix.conf that have no effect: %s",
				  names->ptr);
}

static void add_name(struct buf *names, const char *name)
{
	if (names->len)
		buf_add_str(names, ", ");
	buf_add_str(names, name);
}

/* ---- settings that nixferry does not use ---- */

static bool is_known(const char *name)
{
	struct nf_slice rest = nf_slice_str(name);
	bool extra = slice_skip_prefix(&rest, "extra-");

	if (nix_setting_is_known(name)) /* extra-platforms is a setting itself */
		return true;
	for (size_t i = 0; extra && i < ARRAY_SIZE(table); i++)
		if (nf_slice_is(rest, table[i].name) && table[i].kind != WORDS)
			return false;
	return nix_setting_is_known(rest.ptr);
}

static void note_unknown(struct nix_settings *s, const struct nix_conf_entry *e,
			 bool has_plugins)
{
	struct nf_slice rest = nf_slice_str(e->name);
	const char *extra = slice_skip_prefix(&rest, "extra-") ? "extra-" : "";
	const char *near = nix_setting_nearest(rest.ptr);
	AUTO_FREE char *hint = NULL;

	if (near && strcmp(near, rest.ptr) == 0)
		extra = "";
	hint = near ? mem_printf(" (did you mean '%s%s'?)", extra, near) : NULL;
	/* A plugin may define it. */
	nix_settings_note(s, !has_plugins, "%s:%u: unknown setting '%.*s'%s", e->file,
			  e->line, NAME_QUOTE_MAX, e->name, hint ? hint : "");
}

static bool has_plugins(const struct nix_settings *s)
{
	for (size_t i = 0; i < s->conf.count; i++)
		if (strcmp(s->conf.entries[i].name, "plugin-files") == 0 ||
		    strcmp(s->conf.entries[i].name, "extra-plugin-files") == 0)
			return true;
	return false;
}

/* Report each name once. */
static void note_others(struct nix_settings *s)
{
	AUTO_BUF struct buf unused = { 0 };
	bool plugins = has_plugins(s);
	struct map seen;

	map_init(&seen);
	buf_init(&unused, NOTE_MAX / 2);
	for (size_t i = 0; i < s->conf.count; i++) {
		const struct nix_conf_entry *e = &s->conf.entries[i];
		bool extra, is_new;

		if (find_setting(e->name, &extra))
			continue;
		map_put(&seen, nf_slice_str(e->name), &is_new);
		if (is_new && is_known(e->name))
			add_name(&unused, e->name);
		else if (is_new)
			note_unknown(s, e, plugins);
	}
	note_unused(s, &unused);
	map_release(&seen);
}

/* ---- applying the settings ---- */

void nix_settings_init(struct nix_settings *s)
{
	*s = (struct nix_settings){
		.require_sigs = true,
		.substitute = true,
		.connect_timeout = NIX_SETTING_UNSET,
		.stalled_download_timeout = NIX_SETTING_UNSET,
		.http_connections = NIX_SETTING_UNSET,
		.download_speed = NIX_SETTING_UNSET,
		.max_substitution_jobs = NIX_SETTING_UNSET,
		.user_agent_suffix = "",
	};
	add_word(&s->substituters, (struct nix_word){ .text = SUBSTITUTER_DEFAULT });
	add_word(&s->trusted_public_keys,
		 (struct nix_word){ .text = NF_DEFAULT_PUBLIC_KEY });
	nix_conf_init(&s->conf, NULL, NULL);
}

void nix_settings_release(struct nix_settings *s)
{
	free(s->substituters.items);
	free(s->trusted_substituters.items);
	free(s->trusted_public_keys.items);
	free(s->secret_key_files.items);
	for (size_t i = 0; i < s->note_count; i++)
		free(s->notes[i].text);
	free(s->notes);
	nix_conf_release(&s->conf);
	*s = (struct nix_settings){ 0 };
}

int nix_settings_apply(struct nix_settings *s, struct nf_err *err)
{
	for (size_t i = 0; i < s->conf.count; i++) {
		const struct nix_conf_entry *e = &s->conf.entries[i];
		bool extra;
		const struct setting *row = find_setting(e->name, &extra);
		int rc = row ? take_value(s, row, e, extra, err) : 0;

		if (rc)
			return err_prefix(err, rc, "%s:%u: %s", e->file, e->line,
					  e->name);
	}
	note_others(s);
	if (!s->require_sigs)
		nix_settings_note(
			s, true,
			"nix.conf sets require-sigs = false, but nixferry always requires a signature or a content address");
	return 0;
}

/* ---- the environment ---- */

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

/* A file that may be missing. As in Nix, a file without read permission is skipped: it
 * may contain another user's secrets. */
static int read_conf(struct nix_settings *s, const char *file, struct nf_err *err)
{
	struct nf_err why = { 0 };
	int rc = nix_conf_read(&s->conf, file, &why);

	if (rc == -NF_E_MISSING)
		return 0;
	if (rc == -NF_E_SYS) {
		nix_settings_note(s, true, "%s is ignored: %s", file, why.text);
		return 0;
	}
	if (rc && err)
		*err = why;
	return rc;
}

/* The parts of "A:B:C", from the last to the first. */
static int read_list(struct nix_settings *s, const char *list, const char *suffix,
		     struct nf_err *err)
{
	size_t end = strlen(list);
	int rc = 0;

	while (!rc && end) {
		const char *colon = memrchr(list, ':', end);
		const char *start = colon ? colon + 1 : list;
		AUTO_FREE char *file =
			mem_printf("%.*s%s", (int)(list + end - start), start, suffix);

		if (start < list + end)
			rc = read_conf(s, file, err);
		end = colon ? (size_t)(colon - list) : 0;
	}
	return rc;
}

static int read_home(struct nix_settings *s, struct nf_err *err)
{
	const char *dir = environment("XDG_CONFIG_HOME");
	const char *home = environment("HOME");
	AUTO_FREE char *file = NULL;

	if (dir) {
		file = mem_printf("%s/nix/nix.conf", dir);
	} else if (home && home_is_ours(home)) {
		file = mem_printf("%s/.config/nix/nix.conf", home);
	} else {
		if (home)
			nix_settings_note(
				s, false,
				"no configuration is read from '%s', which belongs to another user",
				home);
		return 0;
	}
	return read_conf(s, file, err);
}

static int read_user_files(struct nix_settings *s, struct nf_err *err)
{
	const char *files = getenv("NIX_USER_CONF_FILES");
	const char *dirs = environment("XDG_CONFIG_DIRS");
	int rc;

	if (files)
		return read_list(s, files, "", err);
	rc = read_list(s, dirs ? dirs : CONFIG_DIRS_DEFAULT, "/nix/nix.conf", err);
	return rc ? rc : read_home(s, err);
}

static int read_environment(struct nix_settings *s, struct nf_err *err)
{
	const char *text = getenv("NIX_CONFIG");

	if (!text)
		return 0;
	return nix_conf_parse(&s->conf, nf_slice_str(text), "NIX_CONFIG", err);
}

static const char *keep(struct nix_settings *s, const char *text)
{
	return arena_strndup(&s->conf.arena, text, strlen(text));
}

static void set_default_files(struct nix_settings *s, const char *conf_dir)
{
	AUTO_FREE char *netrc = mem_printf("%s/netrc", conf_dir);
	const char *ca = environment("NIX_SSL_CERT_FILE");

	if (!s->netrc_file)
		s->netrc_file = keep(s, netrc);
	if (!ca)
		ca = environment("SSL_CERT_FILE");
	if (!ca && access(CA_FILE_DEFAULT, R_OK) == 0)
		ca = CA_FILE_DEFAULT;
	if (!s->ssl_cert_file && ca)
		s->ssl_cert_file = keep(s, ca);
	if (s->ssl_cert_file && !s->ssl_cert_file[0])
		s->ssl_cert_file = NULL;
}

int nix_settings_load(struct nix_settings *s, struct nf_err *err)
{
	const char *dir = environment("NIX_CONF_DIR");
	AUTO_FREE char *file = mem_printf("%s/nix.conf", dir ? dir : CONF_DIR_DEFAULT);
	int rc;

	nix_settings_init(s);
	rc = read_conf(s, file, err);
	if (!rc)
		rc = read_user_files(s, err);
	if (!rc)
		rc = read_environment(s, err);
	if (!rc)
		rc = nix_settings_apply(s, err);
	if (!rc)
		set_default_files(s, dir ? dir : CONF_DIR_DEFAULT);
	return rc;
}

/* ---- keys ---- */

static int word_error(const struct nix_word *w, const char *setting, struct nf_err *err)
{
	if (err)
		err->code = NF_E_USAGE;
	return err_prefix(err, -NF_E_USAGE, "%s:%u: %s", w->file, w->line, setting);
}

static int add_secret_key(struct nix_settings *s, struct nf_keyring *ring,
			  const struct nix_word *w, struct nf_err *err)
{
	AUTO(nf_secret_key_freep) struct nf_secret_key *key = NULL;
	AUTO_FREE char *text = NULL;
	struct nf_err why;
	int rc = nf_secret_key_read(&key, w->text, &why);

	if (rc == -NF_E_USAGE || rc == -NF_E_SYS) {
		nix_settings_note(s, false, "secret-key-files: %s", why.text);
		return 0;
	}
	if (rc) {
		err_set(err, NF_E_USAGE, "%s", why.text);
		return word_error(w, "secret-key-files", err);
	}
	text = nf_secret_key_public(key);
	return nf_keyring_add(ring, nf_slice_str(text), err);
}

int nix_settings_add_keys(struct nix_settings *s, struct nf_keyring *ring,
			  struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < s->trusted_public_keys.count; i++) {
		const struct nix_word *w = &s->trusted_public_keys.items[i];
		struct nf_err why;

		if (nf_keyring_add(ring, nf_slice_str(w->text), &why))
			nix_settings_note(s, true,
					  "%s:%u: trusted-public-keys: ignored: %s",
					  w->file, w->line, why.text);
	}
	for (size_t i = 0; !rc && i < s->secret_key_files.count; i++)
		rc = add_secret_key(s, ring, &s->secret_key_files.items[i], err);
	return rc;
}
