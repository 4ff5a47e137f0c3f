/* netrc: a parsed entry is found again when it is written in quotes. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "config/netrc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_quoted(struct buf *out, const char *keyword, const char *value)
{
	buf_addf(out, " %s \"", keyword);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_add_char(out, '\\');
		if (*value == '\n')
			buf_add_str(out, "\\n");
		else
			buf_add_char(out, *value);
	}
	buf_add_char(out, '"');
}

static void write_and_read(const struct netrc_entry *e)
{
	struct netrc n = NETRC_INIT;
	const struct netrc_entry *again;
	struct buf out;

	buf_init(&out, SIZE_MAX);
	add_quoted(&out, "machine", e->host);
	if (e->login)
		add_quoted(&out, "login", e->login);
	add_quoted(&out, "password", e->password);
	if (netrc_parse(&n, buf_slice(&out), NULL) == 0) {
		again = netrc_find(&n, e->host);
		assert(again && strcmp(again->password, e->password) == 0);
		assert(!e->login || strcmp(again->login, e->login) == 0);
	}
	netrc_release(&n);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netrc n = NETRC_INIT;

	if (netrc_parse(&n, nf_slice((const char *)data, size), NULL) == 0)
		assert(netrc_find(&n, "") == NULL || n.count > 0);
	for (size_t i = 0; i < n.count; i++)
		if (n.entries[i].host && n.entries[i].password)
			write_and_read(&n.entries[i]);
	netrc_release(&n);
	return 0;
}
