#include "input/nix_conf.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

/* Maximum quoted length of a wrong line, which may contain secrets. */
#define QUOTE_MAX 60

/* An open file, innermost first. */
struct nix_conf_open {
	const char *file;
	unsigned line;
	const struct nix_conf_open *outer;
};

static int read_file(void *ctx, const char *path, struct buf *out, struct nf_err *err)
{
	(void)ctx;
	return file_read_at(AT_FDCWD, path, out, err);
}

void nix_conf_init(struct nix_conf *c, nix_conf_read_fn *read, void *ctx)
{
	*c = (struct nix_conf){ .read = read ? read : read_file, .ctx = ctx };
	arena_init(&c->arena);
}

void nix_conf_release(struct nix_conf *c)
{
	free(c->entries);
	arena_release(&c->arena);
	*c = (struct nix_conf){ 0 };
}

static int line_error(const struct nix_conf_open *at, struct nf_err *err)
{
	if (err)
		err->code = NF_E_USAGE;
	return err_prefix(err, -NF_E_USAGE, "%s:%u", at->file, at->line);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Returns the next word; empty after the last. */
static struct nf_slice next_word(struct nf_slice *rest)
{
	struct nf_slice word;

	while (rest->len && is_space(rest->ptr[0]))
		*rest = nf_slice(rest->ptr + 1, rest->len - 1);
	word = nf_slice(rest->ptr, 0);
	while (word.len < rest->len && !is_space(rest->ptr[word.len]))
		word.len++;
	*rest = nf_slice(rest->ptr + word.len, rest->len - word.len);
	return word;
}

static char *keep(struct nix_conf *c, struct nf_slice s)
{
	return arena_strndup(&c->arena, s.ptr, s.len);
}

/* ---- include ---- */

static char *beside(struct nix_conf *c, const char *file, struct nf_slice path)
{
	const char *slash = strrchr(file, '/');
	AUTO_FREE char *joined = NULL;

	if (path.ptr[0] == '/' || !slash)
		return keep(c, path);
	joined = mem_printf("%.*s/%.*s", (int)(slash - file), file, NF_SLICE_ARG(path));
	return keep(c, nf_slice_str(joined));
}

static int check_depth(const struct nix_conf *c, const char *path, struct nf_err *err)
{
	size_t depth = 0;

	for (const struct nix_conf_open *o = c->open; o; o = o->outer, depth++)
		if (strcmp(o->file, path) == 0)
			return err_set(err, NF_E_USAGE, "'%s' includes itself", path);
	if (depth >= NIX_CONF_DEPTH_MAX)
		return err_set(err, NF_E_USAGE,
			       "included files are nested deeper than %d",
			       NIX_CONF_DEPTH_MAX);
	return 0;
}

static int include(struct nix_conf *c, const struct nix_conf_open *at,
		   struct nf_slice path, bool optional, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	const char *file = beside(c, at->file, path);
	struct nf_err why;
	int rc;

	buf_init(&text, NIX_CONF_MAX);
	rc = check_depth(c, file, err);
	if (rc)
		return line_error(at, err);
	rc = c->read(c->ctx, file, &text, &why);
	if (!rc)
		return nix_conf_parse(c, buf_slice(&text), file, err);
	if (optional && (rc == -NF_E_MISSING || rc == -NF_E_SYS))
		return 0;
	err_set(err, NF_E_USAGE, "included file: %s", why.text);
	return line_error(at, err);
}

static int take_include(struct nix_conf *c, const struct nix_conf_open *at,
			struct nf_slice rest, bool optional, struct nf_err *err)
{
	struct nf_slice path = next_word(&rest);

	if (path.len == 0 || next_word(&rest).len) {
		err_set(err, NF_E_USAGE, "'include' takes one file name");
		return line_error(at, err);
	}
	return include(c, at, path, optional, err);
}

/* ---- lines ---- */

static char *join_words(struct nix_conf *c, struct nf_slice rest)
{
	AUTO_BUF struct buf value = { 0 };
	struct nf_slice word;

	buf_init(&value, NIX_CONF_MAX);
	for (word = next_word(&rest); word.len; word = next_word(&rest)) {
		if (value.len)
			buf_add_char(&value, ' ');
		buf_add_slice(&value, word);
	}
	return keep(c, nf_slice(value.len ? value.ptr : "", value.len));
}

static int take_setting(struct nix_conf *c, const struct nix_conf_open *at,
			struct nf_slice name, struct nf_slice rest, struct nf_err *err)
{
	if (!nf_slice_is(next_word(&rest), "=")) {
		if (name.len > QUOTE_MAX)
			name.len = QUOTE_MAX;
		err_set(err, NF_E_USAGE,
			"'%.*s' is not followed by '=' as a separate word",
			NF_SLICE_ARG(name));
		return line_error(at, err);
	}
	MEM_GROW(c->entries, c->count, c->cap);
	c->entries[c->count++] = (struct nix_conf_entry){
		.name = keep(c, name),
		.value = join_words(c, rest),
		.file = at->file,
		.line = at->line,
	};
	return 0;
}

static int take_line(struct nix_conf *c, const struct nix_conf_open *at,
		     struct nf_slice line, struct nf_err *err)
{
	struct nf_slice rest = slice_cut(&line, '#');
	struct nf_slice name;

	if (rest.len && memchr(rest.ptr, '\0', rest.len)) {
		err_set(err, NF_E_USAGE, "it contains a NUL");
		return line_error(at, err);
	}
	name = next_word(&rest);
	if (name.len == 0)
		return 0;
	if (nf_slice_is(name, "include"))
		return take_include(c, at, rest, false, err);
	if (nf_slice_is(name, "!include"))
		return take_include(c, at, rest, true, err);
	return take_setting(c, at, name, rest, err);
}

int nix_conf_parse(struct nix_conf *c, struct nf_slice text, const char *file,
		   struct nf_err *err)
{
	struct nix_conf_open at = {
		.file = keep(c, nf_slice_str(file)),
		.outer = c->open,
	};
	int rc = 0;

	if (text.len > NIX_CONF_MAX)
		return err_set(err, NF_E_USAGE, "%s: larger than %llu bytes", file,
			       NIX_CONF_MAX);
	if (c->files++ == NIX_CONF_FILES_MAX)
		return err_set(err, NF_E_USAGE, "%s: more than %d configuration files",
			       file, NIX_CONF_FILES_MAX);
	c->open = &at;
	while (!rc && text.len) {
		at.line++;
		rc = take_line(c, &at, slice_cut(&text, '\n'), err);
	}
	c->open = at.outer;
	return rc;
}

int nix_conf_read(struct nix_conf *c, const char *file, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, NIX_CONF_MAX);
	rc = c->read(c->ctx, file, &text, err);
	return rc ? rc : nix_conf_parse(c, buf_slice(&text), file, err);
}
