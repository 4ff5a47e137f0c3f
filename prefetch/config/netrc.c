#include "config/netrc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

struct netrc_text {
	struct nf_slice rest;
	unsigned line;
	bool at_start; /* of a line, not counting white space */
	struct buf token;
};

/* ---- tokens ---- */

static void skip_char(struct netrc_text *t)
{
	t->at_start = t->rest.ptr[0] == '\n' ||
		      (t->at_start && (unsigned char)t->rest.ptr[0] <= ' ');
	t->line += t->rest.ptr[0] == '\n';
	t->rest = nf_slice(t->rest.ptr + 1, t->rest.len - 1);
}

static void skip_line(struct netrc_text *t)
{
	while (t->rest.len && t->rest.ptr[0] != '\n')
		skip_char(t);
}

/* White space and comments. A value may begin with a '#'. */
static void skip_blank(struct netrc_text *t, bool is_value)
{
	while (t->rest.len) {
		if (t->rest.ptr[0] == '#' && (t->at_start || !is_value))
			skip_line(t);
		else if ((unsigned char)t->rest.ptr[0] <= ' ')
			skip_char(t);
		else
			return;
	}
}

static char unescape(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return c;
	}
}

static int read_quoted(struct netrc_text *t, struct nf_err *err)
{
	unsigned line = t->line;

	for (skip_char(t); t->rest.len && t->rest.ptr[0] != '\n'; skip_char(t)) {
		char c = t->rest.ptr[0];

		if (c == '"') {
			skip_char(t);
			return 0;
		}
		if (c != '\\') {
			buf_add_char(&t->token, c);
			continue;
		}
		skip_char(t);
		if (t->rest.len == 0 || t->rest.ptr[0] == '\n')
			break;
		buf_add_char(&t->token, unescape(t->rest.ptr[0]));
	}
	return err_set(err, NF_E_FORMAT, "line %u: a quoted word is not closed", line);
}

/* Stores it in t->token. *ret_any is false at the end of the file. */
static int next_token(struct netrc_text *t, bool is_value, bool *ret_any,
		      struct nf_err *err)
{
	buf_clear(&t->token);
	skip_blank(t, is_value);
	*ret_any = t->rest.len > 0;
	if (t->rest.len && t->rest.ptr[0] == '"')
		return read_quoted(t, err);
	for (; t->rest.len && (unsigned char)t->rest.ptr[0] > ' '; skip_char(t))
		buf_add_char(&t->token, t->rest.ptr[0]);
	return 0;
}

static bool is_keyword(const struct netrc_text *t, const char *word)
{
	return t->token.len == strlen(word) &&
	       strncasecmp(t->token.ptr, word, t->token.len) == 0;
}

static int read_value(struct netrc_text *t, const char *keyword, char **ret,
		      struct nf_err *err)
{
	bool any;
	int rc = next_token(t, true, &any, err);

	if (!rc && !any)
		rc = err_set(err, NF_E_FORMAT, "line %u: '%s' has no value", t->line,
			     keyword);
	if (rc)
		return rc;
	free(*ret);
	*ret = mem_strndup(t->token.len ? t->token.ptr : "", t->token.len);
	return 0;
}

/* A macro ends with an empty line. */
static void skip_macro(struct netrc_text *t)
{
	skip_line(t);
	while (t->rest.len) {
		bool is_empty = true;

		skip_char(t);
		for (; t->rest.len && t->rest.ptr[0] != '\n'; skip_char(t))
			is_empty &= (unsigned char)t->rest.ptr[0] <= ' ';
		if (is_empty)
			return;
	}
}

/* ---- entries ---- */

static struct netrc_entry *add_entry(struct netrc *n)
{
	MEM_GROW(n->entries, n->count, n->cap);
	n->entries[n->count] = (struct netrc_entry){ 0 };
	return &n->entries[n->count++];
}

static int take_keyword(struct netrc *n, struct netrc_text *t, struct nf_err *err)
{
	struct netrc_entry *e = n->count ? &n->entries[n->count - 1] : NULL;
	AUTO_FREE char *unused = NULL;

	if (is_keyword(t, "machine"))
		return read_value(t, "machine", &add_entry(n)->host, err);
	if (is_keyword(t, "default"))
		add_entry(n);
	else if (is_keyword(t, "login"))
		return read_value(t, "login", e ? &e->login : &unused, err);
	else if (is_keyword(t, "password"))
		return read_value(t, "password", e ? &e->password : &unused, err);
	else if (is_keyword(t, "account"))
		return read_value(t, "account", &unused, err);
	else if (is_keyword(t, "macdef"))
		skip_macro(t);
	return 0; /* As in libcurl, unknown words are skipped */
}

int netrc_parse(struct netrc *n, struct nf_slice text, struct nf_err *err)
{
	struct netrc_text t = { .rest = text, .line = 1, .at_start = true };
	bool any = true;
	int rc = 0;

	if (text.len > NETRC_MAX)
		return err_set(err, NF_E_LIMIT, "%zu bytes, more than %llu", text.len,
			       NETRC_MAX);
	slice_skip_prefix(&t.rest, "\xef\xbb\xbf");
	buf_init(&t.token, NETRC_MAX);
	while (!rc && any) {
		rc = next_token(&t, false, &any, err);
		if (!rc && any)
			rc = take_keyword(n, &t, err);
	}
	buf_release(&t.token);
	return rc;
}

/* ---- the file ---- */

static bool is_null_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static int open_file(int *ret, const char *path, bool *ret_is_public, struct nf_err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, NF_E_MISSING, "'%s' does not exist", path);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode) && !is_null_device(&st))
		return err_set(err, NF_E_FORMAT, "'%s' is not a regular file", path);
	*ret_is_public = S_ISREG(st.st_mode) && (st.st_mode & S_IROTH);
	*ret = TAKE_FD(fd);
	return 0;
}

int netrc_read(struct netrc *n, const char *path, bool *ret_is_public, struct nf_err *err)
{
	AUTO_FREE char *text = mem_alloc(NETRC_MAX + 1);
	AUTO_FD int fd = -1;
	size_t len;
	int rc;

	rc = open_file(&fd, path, ret_is_public, err);
	if (!rc)
		rc = file_read_full(fd, text, NETRC_MAX + 1, &len, path, err);
	if (rc)
		return rc;
	if (len > NETRC_MAX)
		return err_set(err, NF_E_LIMIT, "'%s' is larger than %llu bytes", path,
			       NETRC_MAX);
	rc = netrc_parse(n, nf_slice(text, len), err);
	return rc ? err_prefix(err, rc, "'%s'", path) : 0;
}

void netrc_release(struct netrc *n)
{
	for (size_t i = 0; i < n->count; i++) {
		free(n->entries[i].host);
		free(n->entries[i].login);
		free(n->entries[i].password);
	}
	free(n->entries);
	*n = (struct netrc)NETRC_INIT;
}

static const struct netrc_entry *find_machine(const struct netrc *n, const char *host)
{
	const struct netrc_entry *found = NULL;

	for (size_t i = 0; i < n->count; i++) {
		const struct netrc_entry *e = &n->entries[i];
		bool is_it = host ? e->host && strcasecmp(e->host, host) == 0 : !e->host;

		if (is_it && e->password)
			return e;
		if (is_it && e->login && !found)
			found = e;
	}
	return found;
}

const struct netrc_entry *netrc_find(const struct netrc *n, const char *host)
{
	const struct netrc_entry *e = find_machine(n, host);

	return e ? e : find_machine(n, NULL);
}
