#include "config/substituter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

void substituter_release(struct substituter *s)
{
	free(s->url);
	free(s->path);
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

static int parse_parameters(struct substituter *s, struct nf_slice query,
			    struct nf_err *err)
{
	int rc = 0;

	while (!rc && query.len) {
		struct nf_slice value = slice_cut(&query, '&');
		struct nf_slice key = slice_cut(&value, '=');

		if (nf_slice_is(key, "priority"))
			rc = parse_priority(s, value, err);
		else
			rc = err_set(err, NF_E_USAGE, "parameter '%.*s' is not supported",
				     NF_SLICE_ARG(key));
	}
	return rc;
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
	return err_set(err, NF_E_USAGE,
		       "only http://, https:// and file:// are supported");
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
	while (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
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
	s->url = mem_strndup(url.ptr, url.len);
	return 0;
}

char *substituter_resolve(const struct substituter *s, const char *file)
{
	if (strstr(file, "://"))
		return mem_strdup(file);
	return mem_printf("%s/%s", s->url, file);
}

struct nf_slice substituter_label(const struct substituter *s)
{
	struct nf_slice rest = nf_slice_str(s->url);

	if (s->kind == SUBSTITUTER_FILE)
		return nf_slice_str(s->path);
	if (!slice_skip_prefix(&rest, "https://"))
		slice_skip_prefix(&rest, "http://");
	return rest;
}
