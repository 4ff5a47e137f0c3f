#include "input/target_conf.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/slice.h"

#define LIST_MAX (512 * KIB)

#define SUBSTITUTERS "substituters"
#define KEYS	     "trusted-public-keys"
#define FEATURES     "experimental-features"

void target_conf_init(struct target_conf *c)
{
	buf_init(&c->substituters, LIST_MAX);
	buf_init(&c->keys, LIST_MAX);
	buf_init(&c->features, LIST_MAX);
}

void target_conf_release(struct target_conf *c)
{
	buf_release(&c->substituters);
	buf_release(&c->keys);
	buf_release(&c->features);
}

/* ---- words ---- */

static bool has_word(const struct buf *list, struct nf_slice word)
{
	struct nf_slice rest = buf_slice(list);

	while (rest.len)
		if (nf_slice_eq(slice_cut(&rest, ' '), word))
			return true;
	return false;
}

/* In nix.conf, white space ends a word, and '#' the line. */
static bool is_word(struct nf_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f || s.ptr[i] == '#')
			return false;
	return s.len > 0;
}

static void add_word(struct buf *list, struct nf_slice word)
{
	if (!is_word(word) || has_word(list, word))
		return;
	if (list->len)
		buf_add_char(list, ' ');
	buf_add_slice(list, word);
}

/* ---- what goes into it ---- */

/* Cuts the scheme with "://" off *URL. */
static bool cut_scheme(struct nf_slice *url, struct nf_slice *scheme)
{
	static const char *const names[] = { "https://", "http://", "s3://" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(names[i]);

		if (url->len > len && !strncasecmp(url->ptr, names[i], len)) {
			*scheme = nf_slice_str(names[i]);
			*url = nf_slice(url->ptr + len, url->len - len);
			return true;
		}
	}
	return false;
}

/* "user:password@" of "user:password@host"; a password may contain '@'. */
static void cut_login(struct nf_slice *host)
{
	const char *at = host->len ? memrchr(host->ptr, '@', host->len) : NULL;

	if (at)
		*host = nf_slice(at + 1, (size_t)(host->ptr + host->len - at - 1));
}

/* "user:pa" of "user:pa?ss@host" is no host and port. */
static bool is_host(struct nf_slice s)
{
	struct nf_slice name = s, port = s;
	uint64_t number;

	if (s.len && s.ptr[0] == '[')
		slice_cut(&port, ']');
	name = slice_cut(&port, ':');
	return s.len && (!port.ptr || slice_parse_u64(port, &number)) &&
	       (name.len || s.ptr[0] == '[');
}

static bool is_kept(struct nf_slice parameter)
{
	static const char *const names[] = { "priority", "want-mass-query", "region",
					     "scheme",	 "endpoint",	    "profile" };
	struct nf_slice key = slice_cut(&parameter, '=');

	/* An endpoint may be a URL with a login. */
	if (parameter.len && memmem(parameter.ptr, parameter.len, "%40", 3))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (nf_slice_is(key, names[i]))
			return true;
	return false;
}

static void add_parameters(struct buf *url, struct nf_slice query)
{
	char mark = '?';

	while (query.len) {
		struct nf_slice parameter = slice_cut(&query, '&');

		if (!is_kept(parameter))
			continue;
		buf_add_char(url, mark);
		buf_add_slice(url, parameter);
		mark = '&';
	}
}

/* Of a password that contains a '/', '?' or '#', a part comes after the host. */
static bool has_password_after(struct nf_slice authority, struct nf_slice url)
{
	const char *end = authority.ptr + authority.len;

	return memchr(end, '@', (size_t)(url.ptr + url.len - end)) != NULL;
}

bool target_conf_add_substituter(struct target_conf *c, struct nf_slice url)
{
	AUTO_BUF struct buf clean = { 0 };
	struct nf_slice scheme, host, path, query, rest = url;

	if (!cut_scheme(&rest, &scheme))
		return false;
	query = slice_cut(&rest, '#');
	path = slice_cut(&query, '?');
	host = slice_cut(&path, '/');
	if (has_password_after(host, url))
		return false;
	cut_login(&host);
	if (!is_host(host))
		return false;
	buf_init(&clean, LIST_MAX);
	buf_add_slice(&clean, scheme);
	buf_add_slice(&clean, host);
	if (path.ptr)
		buf_add_char(&clean, '/');
	buf_add_slice(&clean, path);
	add_parameters(&clean, query);
	if (!is_word(buf_slice(&clean)))
		return false;
	add_word(&c->substituters, buf_slice(&clean));
	return true;
}

void target_conf_add_keys(struct target_conf *c, const struct nf_keyring *ring)
{
	for (size_t i = 0; i < nf_keyring_count(ring); i++) {
		AUTO_FREE char *text = nf_keyring_format(ring, i);

		add_word(&c->keys, nf_slice_str(text));
	}
}

void target_conf_add_feature(struct target_conf *c, const char *name)
{
	add_word(&c->features, nf_slice_str(name));
}

void target_conf_add_features(struct target_conf *c, const struct nix_settings *s)
{
	size_t first = 0;

	for (size_t i = 0; i < s->conf.count; i++)
		if (strcmp(s->conf.entries[i].name, FEATURES) == 0)
			first = i;
	for (size_t i = first; i < s->conf.count; i++) {
		struct nf_slice rest = nf_slice_str(s->conf.entries[i].value);
		struct nf_slice name = nf_slice_str(s->conf.entries[i].name);

		slice_skip_prefix(&name, "extra-");
		while (nf_slice_is(name, FEATURES) && rest.len)
			add_word(&c->features, slice_cut(&rest, ' '));
	}
}

/* ---- nix.conf ---- */

static void add_setting(struct buf *out, const char *name, const struct buf *list)
{
	if (list->len)
		buf_addf(out, "%s = %s\n", name, list->ptr);
}

void target_conf_format(struct buf *out, const struct target_conf *c)
{
	buf_add_str(out,
		    "# Written by nixferry: the caches, keys and features that filled "
		    "this store.\n");
	add_setting(out, SUBSTITUTERS, &c->substituters);
	add_setting(out, KEYS, &c->keys);
	add_setting(out, FEATURES, &c->features);
	buf_add_str(out, "max-jobs = auto\ncores = 0\n");
}

/* ---- a module ---- */

/* In Nix's strings '"', '\' and "${" are special. */
static void add_string(struct buf *out, struct nf_slice s)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("\"\\$", s.ptr[i]))
			buf_add_char(out, '\\');
		buf_add_char(out, s.ptr[i]);
	}
	buf_add_char(out, '"');
}

static void add_list(struct buf *out, const char *name, const struct buf *list)
{
	struct nf_slice rest = buf_slice(list);

	if (!rest.len)
		return;
	buf_addf(out, "    %s = [\n", name);
	while (rest.len) {
		buf_add_str(out, "      ");
		add_string(out, slice_cut(&rest, ' '));
		buf_add_char(out, '\n');
	}
	buf_add_str(out, "    ];\n");
}

void target_conf_format_module(struct buf *out, const struct target_conf *c)
{
	buf_add_str(out, "# Written by nixferry: the caches, keys and features that it "
			 "used, as a NixOS module.\n"
			 "{\n"
			 "  nix.settings = {\n");
	add_list(out, SUBSTITUTERS, &c->substituters);
	add_list(out, KEYS, &c->keys);
	add_list(out, FEATURES, &c->features);
	buf_add_str(out, "    max-jobs = \"auto\";\n"
			 "    cores = 0;\n"
			 "  };\n"
			 "}\n");
}
