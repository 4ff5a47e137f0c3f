/* nix.conf: what was read, written out plainly, reads the same. The input's first NUL
 * parts the file from one that it may include. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "input/nix_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_other(void *ctx, const char *path, struct buf *out, struct nf_err *err)
{
	const struct nf_slice *other = ctx;

	if (strcmp(path, "none") == 0)
		return err_set(err, NF_E_MISSING, "'none' is not there");
	buf_add_slice(out, *other);
	return 0;
}

static void check_word(const char *text)
{
	assert(!strpbrk(text, " \t\r\n#"));
}

static void check_again(const struct nix_conf *c)
{
	struct nix_conf again;
	struct nf_err err;
	struct buf text;

	buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i < c->count; i++)
		buf_addf(&text, "%s = %s\n", c->entries[i].name, c->entries[i].value);
	nix_conf_init(&again, read_other, NULL);
	if (text.len <= 1 << 20) {
		assert(nix_conf_parse(&again, buf_slice(&text), "again", &err) == 0);
		assert(again.count == c->count);
		for (size_t i = 0; i < c->count; i++) {
			assert(!strcmp(again.entries[i].name, c->entries[i].name));
			assert(!strcmp(again.entries[i].value, c->entries[i].value));
		}
	}
	nix_conf_release(&again);
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *nul = size ? memchr(data, '\0', size) : NULL;
	struct nf_slice text = nf_slice((const char *)data, size);
	struct nf_slice other = nf_slice("", 0);
	struct nix_settings s;
	struct nf_err err;
	int rc;

	if (nul) {
		text.len = (size_t)(nul - text.ptr);
		other = nf_slice(nul + 1, size - text.len - 1);
	}
	nix_settings_init(&s);
	nix_conf_init(&s.conf, read_other, &other);
	rc = nix_conf_parse(&s.conf, text, "f", &err);
	if (!rc) {
		check_again(&s.conf);
		rc = nix_settings_apply(&s, &err);
	}
	assert(!rc || (rc == -NF_E_USAGE && err.text[0]));
	for (size_t i = 0; i < s.conf.count; i++)
		check_word(s.conf.entries[i].name);
	for (size_t i = 0; i < s.substituters.count; i++)
		check_word(s.substituters.items[i].text);
	nix_settings_release(&s);
	return 0;
}
