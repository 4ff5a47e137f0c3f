#include "config/substituter.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/slice.h"
#include "config/url.h"

void substituter_release(struct substituter *s)
{
	free(s->url);
	free(s->path);
	free(s->ignored);
	free(s->unknown);
	*s = (struct substituter){ 0 };
}

static int parse_priority(struct substituter *s, struct nf_slice value,
			  struct nf_err *err)
{
	struct nf_slice digits = value;
	bool negative = slice_skip_prefix(&digits, "-");
	uint64_t number;

	if (!negative)
		slice_skip_prefix(&digits, "+");
	if (!slice_parse_u64(digits, &number) || number > INT_MAX)
		return err_set(err, NF_E_USAGE, "priority '%.*s' is not a number",
			       NF_SLICE_ARG(value));
	s->has_priority = true;
	s->priority = negative ? -(int)number : (int)number;
	return 0;
}

static int parse_boolean(bool *ret, struct nf_slice key, struct nf_slice value,
			 struct nf_err *err)
{
	bool yes = nf_slice_is(value, "1") || nf_slice_is(value, "true") ||
		   nf_slice_is(value, "yes");

	if (!yes && !nf_slice_is(value, "0") && !nf_slice_is(value, "false") &&
	    !nf_slice_is(value, "no"))
		return err_set(err, NF_E_USAGE, "%.*s '%.*s' is neither true nor false",
			       NF_SLICE_ARG(key), NF_SLICE_ARG(value));
	*ret = yes;
	return 0;
}

/* Parameters that tell Nix how to write to a cache, or how to store what it knows about
 * it. */
static bool is_only_for_nix(struct nf_slice key)
{
	static const char *const names[] = {
		"compression",
		"compression-level",
		"index-debug-info",
		"local-nar-cache",
		"log-compression",
		"ls-compression",
		"narinfo-compression",
		"parallel-compression",
		"path-info-cache-size",
		"read-only",
		"require-sigs",
		"log",
		"build-dir",
		"secret-key",
		"secret-keys",
		"store",
		"system-features",
		"tls-certificate",
		"tls-private-key",
		"write-nar-listing",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (nf_slice_is(key, names[i]))
			return true;
	return slice_skip_prefix(&key, "retry-");
}

/* Appends KEY to a list: "a, b". */
static void list_key(char **list, struct nf_slice key)
{
	AUTO_FREE char *before = TAKE_PTR(*list);

	*list = mem_printf("%s%s%.*s", before ? before : "", before ? ", " : "",
			   NF_SLICE_ARG(key));
}

/* "local?root=/mnt" */
static int parse_root(struct substituter *s, struct nf_slice value, struct nf_err *err)
{
	if (value.len == 0 || value.ptr[0] != '/')
		return err_set(err, NF_E_USAGE, "its root '%.*s' is not absolute",
			       NF_SLICE_ARG(value));
	free(s->path);
	s->path = mem_strndup(value.ptr, value.len);
	return 0;
}

static int parse_parameter(struct substituter *s, struct nf_slice key,
			   struct nf_slice value, struct nf_err *err)
{
	bool is_local = s->kind == SUBSTITUTER_PATH;
	bool mass; /* many paths are always queried at once */

	if (nf_slice_is(key, "priority"))
		return parse_priority(s, value, err);
	if (nf_slice_is(key, "root") && is_local)
		return parse_root(s, value, err);
	if (nf_slice_is(key, "trusted"))
		return parse_boolean(&s->trusted, key, value, err);
	if (nf_slice_is(key, "want-mass-query"))
		return parse_boolean(&mass, key, value, err);
	if (is_local && (nf_slice_is(key, "real") || nf_slice_is(key, "state")))
		return err_set(err, NF_E_UNSUPPORTED, "'%.*s' is not supported",
			       NF_SLICE_ARG(key));
	list_key(is_only_for_nix(key) ? &s->ignored : &s->unknown, key);
	return 0;
}

static int parse_encoded(struct substituter *s, struct nf_slice key,
			 struct nf_slice value, struct nf_err *err)
{
	AUTO_FREE char *plain_key = url_decode(key);
	AUTO_FREE char *plain_value = url_decode(value);

	if (!plain_key || !plain_value)
		return err_set(err, NF_E_USAGE, "a parameter contains a NUL");
	return parse_parameter(s, nf_slice_str(plain_key), nf_slice_str(plain_value),
			       err);
}

static int parse_parameters(struct substituter *s, struct nf_slice query,
			    struct nf_err *err)
{
	int rc = 0;

	while (!rc && query.len) {
		struct nf_slice value = slice_cut(&query, '&');
		struct nf_slice key = slice_cut(&value, '=');

		if (key.len)
			rc = parse_encoded(s, key, value, err);
	}
	return rc;
}

static bool is_path(struct nf_slice url)
{
	return url.len && (url.ptr[0] == '/' || slice_skip_prefix(&url, "./") ||
			   slice_skip_prefix(&url, "../"));
}

/* NAME followed by "://", or for file also ":/"; in either case. */
static bool skip_scheme(struct nf_slice *url, const char *name)
{
	size_t len = strlen(name);

	if (url->len <= len || strncasecmp(url->ptr, name, len) != 0 ||
	    url->ptr[len] != ':')
		return false;
	*url = nf_slice(url->ptr + len + 1, url->len - len - 1);
	return true;
}

static bool has_user(struct nf_slice url)
{
	struct nf_slice host, rest = url;

	slice_cut(&rest, ':');
	slice_skip_prefix(&rest, "//");
	host = slice_cut(&rest, '/');
	return host.len && memchr(host.ptr, '@', host.len);
}

static int parse_http(struct substituter *s, struct nf_slice url, struct nf_err *err)
{
	AUTO(url_release) struct url parsed = { 0 };
	size_t len;

	/* A login would be shown wherever the URL is. */
	if (has_user(url))
		return err_set(
			err, NF_E_USAGE,
			"user names and passwords belong in a netrc file, not in the URL");
	if (!url_parse(&parsed, url))
		return err_set(err, NF_E_USAGE, "it is not an http or https URL");
	s->kind = SUBSTITUTER_HTTP;
	s->url = TAKE_PTR(parsed.text);
	for (len = strlen(s->url); s->url[len - 1] == '/'; len--)
		s->url[len - 1] = '\0';
	return 0;
}

static int parse_file(struct substituter *s, struct nf_slice path, struct nf_err *err)
{
	s->kind = SUBSTITUTER_FILE;
	slice_skip_prefix(&path, "//");
	if (path.len == 0 || path.ptr[0] != '/')
		return err_set(err, NF_E_USAGE, "its path is not absolute");
	s->path = url_decode(path);
	if (!s->path)
		return err_set(err, NF_E_USAGE, "its path contains a NUL");
	s->url = mem_printf("file://%.*s", NF_SLICE_ARG(path));
	return 0;
}

static int parse_kind(struct substituter *s, struct nf_slice url, struct nf_err *err)
{
	struct nf_slice rest = url;

	if (skip_scheme(&rest, "http") || skip_scheme(&rest, "https"))
		return parse_http(s, url, err);
	if (skip_scheme(&rest, "file"))
		return parse_file(s, rest, err);
	if (is_path(url) || nf_slice_is(url, "local")) {
		s->kind = SUBSTITUTER_PATH;
		s->path = is_path(url) ? mem_strndup(url.ptr, url.len) : mem_strdup("/");
		return 0;
	}
	return err_set(
		err, NF_E_UNSUPPORTED,
		"only http://, https://, file://, local and paths (/mnt, ./x.bundle) are supported");
}

/* The URL for error messages: never quotes what may be a password. */
static struct nf_slice quotable(struct nf_slice text)
{
	const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;

	if (!at || !url_is_absolute(text))
		return text;
	return nf_slice(at + 1, (size_t)(text.ptr + text.len - at - 1));
}

static bool has_control_character(struct nf_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
			return true;
	return false;
}

int substituter_parse(struct substituter *s, struct nf_slice text, struct nf_err *err)
{
	struct nf_slice query = text;
	struct nf_slice url = slice_cut(&query, '?');
	int rc;

	*s = (struct substituter){ 0 };
	while (url.len > 1 && url.ptr[url.len - 1] == '/')
		url.len--;
	if (has_control_character(text))
		rc = err_set(err, NF_E_USAGE,
			     "it contains white space or control characters");
	else
		rc = parse_kind(s, url, err);
	if (!rc)
		rc = parse_parameters(s, query, err);
	if (rc) {
		substituter_release(s);
		return err_prefix(err, rc, "substituter '%.*s'",
				  NF_SLICE_ARG(quotable(text)));
	}
	/* "local" with two different roots is two stores. */
	if (!s->url)
		s->url = mem_strdup(s->path);
	return 0;
}

char *substituter_resolve(const struct substituter *s, const char *file)
{
	AUTO_FREE char *base = mem_printf("%s/", s->url);
	AUTO(url_release) struct url url = { 0 };

	return url_join(&url, base, file) ? TAKE_PTR(url.text) : NULL;
}

struct nf_slice substituter_label(const struct substituter *s)
{
	struct nf_slice rest = nf_slice_str(s->url);

	if (s->kind != SUBSTITUTER_HTTP)
		return nf_slice_str(s->path);
	if (!slice_skip_prefix(&rest, "https://"))
		slice_skip_prefix(&rest, "http://");
	return rest;
}
