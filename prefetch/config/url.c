#include "config/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/mem.h"
#include "base/slice.h"

static void free_handle(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void free_part(char **part)
{
	curl_free(*part);
}

static void lower_case(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s += 'a' - 'A';
}

void url_release(struct url *u)
{
	free(u->text);
	free(u->host);
	free(u->origin);
	*u = (struct url){ 0 };
}

/* ---- the scheme ---- */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_scheme(struct nf_slice s)
{
	if (s.len == 0 || !is_letter(s.ptr[0]))
		return false;
	for (size_t i = 1; i < s.len; i++)
		if (!is_letter(s.ptr[i]) && (s.ptr[i] < '0' || s.ptr[i] > '9') &&
		    !memchr("+-.", s.ptr[i], 3))
			return false;
	return true;
}

bool url_is_absolute(struct nf_slice text)
{
	struct nf_slice rest = text;
	struct nf_slice scheme = slice_cut(&rest, ':');

	return is_scheme(scheme) && slice_skip_prefix(&rest, "//");
}

/* ---- the parts ---- */

static char *part_of(CURLU *u, CURLUPart part, unsigned flags)
{
	AUTO(free_part) char *text = NULL;
	char *copy = NULL;

	if (curl_url_get(u, part, &text, flags) == CURLUE_OK)
		copy = mem_strdup(text);
	return copy;
}

static char *without_brackets(const char *host)
{
	size_t len = strlen(host);

	if (len > 2 && host[0] == '[' && host[len - 1] == ']')
		return mem_strndup(host + 1, len - 2);
	return mem_strdup(host);
}

/* A host with percent-encoded digits would become another one when it is parsed again. */
static bool is_stable(const char *text)
{
	AUTO(free_handle) CURLU *u = curl_url();
	AUTO_FREE char *again = NULL;

	if (!u || curl_url_set(u, CURLUPART_URL, text, CURLU_URLENCODE) != CURLUE_OK)
		return false;
	again = part_of(u, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
	return again && strcmp(again, text) == 0;
}

/* Splits U; false if it is not an HTTP URL. */
static bool take_parts(struct url *ret, CURLU *u)
{
	AUTO_FREE char *scheme = part_of(u, CURLUPART_SCHEME, 0);
	AUTO_FREE char *host = part_of(u, CURLUPART_HOST, 0);
	AUTO_FREE char *port = part_of(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);

	if (!scheme || !host || !port || !host[0])
		return false;
	lower_case(scheme);
	lower_case(host);
	if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		return false;
	curl_url_set(u, CURLUPART_USER, NULL, 0);
	curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	curl_url_set(u, CURLUPART_HOST, host, 0);
	*ret = (struct url){
		.text = part_of(u, CURLUPART_URL, CURLU_NO_DEFAULT_PORT),
		.host = without_brackets(host),
		.origin = mem_printf("%s://%s:%s", scheme, host, port),
		.tls = strcmp(scheme, "https") == 0,
	};
	if (ret->text && is_stable(ret->text))
		return true;
	url_release(ret);
	return false;
}

/* A scheme followed by one slash, or by three, is a mistake that libcurl would accept. */
static bool set_url(CURLU *u, const char *text)
{
	struct nf_slice rest = nf_slice_str(text);

	if (url_is_absolute(rest)) {
		slice_cut(&rest, ':');
		if (rest.len > 2 && rest.ptr[2] == '/')
			return false;
	} else if (slice_skip_prefix(&rest, "///") ||
		   strncasecmp(text, "http:", 5) == 0 ||
		   strncasecmp(text, "https:", 6) == 0) {
		return false;
	}
	return curl_url_set(u, CURLUPART_URL, text, CURLU_URLENCODE) == CURLUE_OK;
}

bool url_parse(struct url *ret, struct nf_slice text)
{
	AUTO(free_handle) CURLU *u = curl_url();
	AUTO_FREE char *copy = mem_strndup(text.len ? text.ptr : "", text.len);

	*ret = (struct url){ 0 };
	return u && strlen(copy) == text.len && url_is_absolute(text) &&
	       set_url(u, copy) && take_parts(ret, u);
}

bool url_join(struct url *ret, const char *base, const char *reference)
{
	AUTO(free_handle) CURLU *u = curl_url();

	*ret = (struct url){ 0 };
	return u && set_url(u, base) && set_url(u, reference) && take_parts(ret, u);
}

char *url_decode(struct nf_slice text)
{
	AUTO(free_part) char *decoded = NULL;
	int len = 0;

	if (text.len == 0)
		return mem_strdup("");
	decoded = curl_easy_unescape(NULL, text.ptr, (int)text.len, &len);
	if (!decoded || strlen(decoded) != (size_t)len)
		return NULL;
	return mem_strdup(decoded);
}

bool url_keeps_login(const struct url *from, const struct url *to)
{
	if (strcmp(from->origin, to->origin) == 0)
		return true;
	return !from->tls && to->tls && strcmp(from->host, to->host) == 0;
}
