/* URLs: the first line is a base, the rest a reference. Either, once parsed, is an HTTP
 * URL that parses to itself and has neither a login nor a fragment. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "config/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const struct url *u)
{
	size_t scheme_len = u->tls ? strlen("https://") : strlen("http://");
	const char *authority = u->text + scheme_len;
	struct url again;

	assert(strncmp(u->text, u->tls ? "https://" : "http://", scheme_len) == 0);
	assert(!memchr(authority, '@', strcspn(authority, "/?")));
	assert(!strchr(u->text, '#'));
	assert(u->host[0]);
	assert(url_is_absolute(nf_slice_str(u->text)));
	assert(url_keeps_login(u, u));
	assert(url_parse(&again, nf_slice_str(u->text)));
	assert(strcmp(again.text, u->text) == 0);
	assert(strcmp(again.origin, u->origin) == 0);
	url_release(&again);
}

static void check_decoding(struct nf_slice text)
{
	char *decoded = url_decode(text);

	assert(!decoded || strlen(decoded) <= text.len);
	free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_slice rest = nf_slice((const char *)data, size);
	struct nf_slice line = slice_cut(&rest, '\n');
	char *reference = mem_strndup(rest.len ? rest.ptr : "", rest.len);
	struct url base, joined;

	check_decoding(line);
	if (url_parse(&base, line)) {
		check_url(&base);
		if (url_join(&joined, base.text, reference)) {
			check_url(&joined);
			url_release(&joined);
		}
		url_release(&base);
	}
	free(reference);
	return 0;
}
