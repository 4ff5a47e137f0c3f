#include "config/substituter.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/slice.h"
#include "config/url.h"

void substituter_release(struct substituter *s)
{
	free(s->url);
	free(s->path);
	free(s->ignored);
	*s = (struct substituter){ 0 };
}

static int parse_priority(struct substituter *s, struct nf_slice value,
			  struct nf_err *err)
{
	uint64_t number;

	if (!slice_parse_u64(value, &number) || number > INT16_MAX)
		return err_set(err, NF_E_USAGE, "priority '%.*s' is not a small number",
			       NF_SLICE_ARG(value));
	s->has_priority = true;
	s->priority = (int)number;
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

/* They tell Nix how to write to a cache, or how to keep what it knows of it. */
static bool is_only_for_nix(struct nf_slice key)
{
	static const char *const names[] = {
		"compression",	       "compression-level",    "index-debug-info",
		"local-nar-cache",     "log-compression",      "ls-compression",
		"narinfo-compression", "parallel-compression", "path-info-cache-size",
		"secret-key",	       "secret-keys",	       "store",
		"system-features",     "tls-certificate",      "tls-private-key",
		"write-nar-listing",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (nf_slice_is(key, names[i]))
			return true;
	return slice_skip_prefix(&key, "retry-");
}

static void ignore(struct substituter *s, struct nf_slice key)
{
	AUTO_FREE char *before = TAKE_PTR(s->ignored);

	s->ignored = mem_printf("%s%s%.*s", before ? before : "", before ? ", " : "",
				NF_SLICE_ARG(key));
}

/* "local?root=/mnt" */
static int parse_root(struct substituter *s, struct nf_slice value, struct nf_err *err)
{
	if (s->kind != SUBSTITUTER_PATH)
		return err_set(err, NF_E_USAGE, "only 'local' has a root");
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
	bool mass; /* we always ask about many paths at once */

	if (nf_slice_is(key, "priority"))
		return parse_priority(s, value, err);
	if (nf_slice_is(key, "root"))
		return parse_root(s, value, err);
	if (nf_slice_is(key, "trusted"))
		return parse_boolean(&s->trusted, key, value, err);
	if (nf_slice_is(key, "want-mass-query"))
		return parse_boolean(&mass, key, value, err);
	if (!is_only_for_nix(key))
		return err_set(err, NF_E_USAGE, "parameter '%.*s' is not supported",
			       NF_SLICE_ARG(key));
	ignore(s, key);
	return 0;
}

static int parse_parameters(struct substituter *s, struct nf_slice query,
			    struct nf_err *err)
{
	int rc = 0;

	while (!rc && query.len) {
		struct nf_slice value = slice_cut(&query, '&');
		struct nf_slice key = slice_cut(&value, '=');

		rc = parse_parameter(s, key, value, err);
	}
	return rc;
}

static bool is_path(struct nf_slice url)
{
	return url.len && (url.ptr[0] == '/' || slice_skip_prefix(&url, "./") ||
			   slice_skip_prefix(&url, "../"));
}

static int parse_kind(struct substituter *s, struct nf_slice url, struct nf_err *err)
{
	struct nf_slice rest = url;

	if (slice_skip_prefix(&rest, "http://") || slice_skip_prefix(&rest, "https://")) {
		s->kind = SUBSTITUTER_HTTP;
		if (rest.len == 0 || rest.ptr[0] == '/')
			return err_set(err, NF_E_USAGE, "it names no host");
		return 0;
	}
	if (slice_skip_prefix(&rest, "file://")) {
		s->kind = SUBSTITUTER_FILE;
		if (rest.len == 0 || rest.ptr[0] != '/')
			return err_set(err, NF_E_USAGE, "its path is not absolute");
		s->path = mem_strndup(rest.ptr, rest.len);
		return 0;
	}
	if (is_path(url) || nf_slice_is(url, "local")) {
		s->kind = SUBSTITUTER_PATH;
		s->path = is_path(url) ? mem_strndup(url.ptr, url.len) : mem_strdup("/");
		return 0;
	}
	return err_set(err, NF_E_UNSUPPORTED,
		       "only http://, https://, file://, local and paths (/mnt, "
		       "./x.bundle) are supported");
}

/* They would be shown wherever the address is. What is before the '@' is not quoted. */
static int refuse_credentials(struct nf_slice url, struct nf_err *err)
{
	struct nf_slice host, rest = url;
	const char *at;

	if (!slice_skip_prefix(&rest, "http://") && !slice_skip_prefix(&rest, "https://"))
		return 0;
	host = slice_cut(&rest, '/');
	at = host.len ? memrchr(host.ptr, '@', host.len) : NULL;
	if (!at)
		return 0;
	return err_set(err, NF_E_USAGE,
		       "substituter at '%.*s': names and passwords belong into a netrc "
		       "file, not into the address",
		       (int)(host.ptr + host.len - at - 1), at + 1);
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
	rc = refuse_credentials(url, err);
	if (rc)
		return rc;
	if (has_control_character(text))
		rc = err_set(err, NF_E_USAGE, "it has white space or control characters");
	else
		rc = parse_kind(s, url, err);
	if (!rc)
		rc = parse_parameters(s, query, err);
	if (rc) {
		substituter_release(s);
		return err_prefix(err, rc, "substituter '%.*s'", NF_SLICE_ARG(text));
	}
	/* Two roots of "local" are two stores. */
	s->url = nf_slice_is(url, "local") ? mem_strdup(s->path)
					   : mem_strndup(url.ptr, url.len);
	return 0;
}

char *substituter_resolve(const struct substituter *s, const char *file)
{
	AUTO_FREE char *base = mem_printf("%s/", s->url);
	AUTO(url_release) struct url url;

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
