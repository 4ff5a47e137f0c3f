#include "input/installable.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/slice.h"
#include "base/stream.h"
#include "input/flake_ref.h"

/* An invalid name is a usage error, whatever code the parser returns. */
static int wrong_name(struct nf_err *err)
{
	if (err)
		err->code = NF_E_USAGE;
	return -NF_E_USAGE;
}

/* The path that a link in FROM to the relative TARGET points to. */
static char *join_link(const char *from, const char *target)
{
	const char *slash = strrchr(from, '/');
	int dir_len = slash ? (int)(slash - from) + 1 : 0;
	AUTO_FREE char *whole = mem_printf("%.*s%s", dir_len, from, target);

	return path_canon(nf_slice_str(whole));
}

/* *RET stays NULL if PATH is not a link. */
static int read_link(char **ret, const char *path, const char *text, struct nf_err *err)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0 && errno == EINVAL)
		return 0;
	if (len < 0) {
		err_sys(err, "installable '%s': '%s'", text, path);
		return wrong_name(err);
	}
	target[len] = '\0';
	*ret = target[0] == '/' ? path_canon(nf_slice_str(target))
				: join_link(path, target);
	return 0;
}

/* The real path of a file below a link. */
static int follow_whole(struct nf_storepath *ret, const char *path, const char *text,
			struct nf_err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);

	if (real && nf_storepath_parse_below(ret, nf_slice_str(real), NULL, NULL) == 0)
		return 0;
	return err_set(err, NF_E_USAGE,
		       "installable '%s': '%s' is neither in " NF_STORE_DIR
		       " nor a symbolic link",
		       text, path);
}

/* Returns false if the canonical PATH, seen from CWD, is outside the store, which may be
 * another machine's; otherwise *RC is the result. */
static bool parse_in_store(struct nf_storepath *ret, const char *cwd, const char *path,
			   int *rc, struct nf_err *err)
{
	AUTO_FREE char *whole = path_canon_from(cwd, path);
	struct nf_slice where = nf_slice_str(whole);

	if (nf_slice_is(where, NF_STORE_DIR)) {
		*rc = err_set(err, NF_E_USAGE,
			      "'" NF_STORE_DIR "' is the store, not a path in it");
		return true;
	}
	if (!slice_skip_prefix(&where, NF_STORE_DIR "/"))
		return false;
	*rc = nf_storepath_parse_below(ret, nf_slice_str(whole), NULL, err);
	*rc = *rc ? wrong_name(err) : 0;
	return true;
}

/* Follows links from the canonical path NAME (TEXT as written) until one leads into the
 * store. As in Nix, the store path itself may not exist. */
static int follow(struct nf_storepath *ret, const char *name, const char *text,
		  struct nf_err *err)
{
	AUTO_FREE char *at = mem_strdup(name);
	AUTO_FREE char *cwd = getcwd(NULL, 0);

	for (int depth = 0; depth <= LINK_DEPTH_MAX; depth++) {
		char *next = NULL;
		int rc;

		if (parse_in_store(ret, cwd ? cwd : "", at, &rc, err))
			return rc ? err_prefix(err, rc, "installable '%s'", text) : 0;
		rc = read_link(&next, at, text, err);
		if (!rc && !next)
			return follow_whole(ret, at, text, err);
		if (rc)
			return rc;
		free(at);
		at = next;
	}
	return err_set(err, NF_E_USAGE, "installable '%s': too many symbolic links",
		       text);
}

static int resolve_path(struct nf_storepath *ret, struct nf_slice text,
			struct nf_err *err)
{
	/* "./result/" would be the directory, not the link. */
	AUTO_FREE char *name = path_canon(text);
	AUTO_FREE char *shown = mem_strndup(text.ptr, text.len);

	if (nf_storepath_parse_base(ret, nf_slice_str(name), NULL) == 0)
		return 0;
	return follow(ret, name, shown, err);
}

static bool is_output_list(struct nf_slice list)
{
	if (nf_slice_is(list, "*"))
		return true;
	do {
		struct nf_slice name = slice_cut(&list, ',');

		for (size_t i = 0; i < name.len; i++)
			if (!isalnum((unsigned char)name.ptr[i]) &&
			    !strchr("+-._?=", name.ptr[i]))
				return false;
		if (name.len == 0)
			return false;
	} while (list.ptr);
	return true;
}

/* Cuts "!OUTPUTS" or "^OUTPUTS" off *TEXT; false if it is not followed by a list of
 * outputs. */
static bool cut_outputs(struct nf_slice *text, struct nf_slice *ret)
{
	size_t at = text->len;

	*ret = (struct nf_slice){ 0 };
	while (at > 0 && text->ptr[at - 1] != '!' && text->ptr[at - 1] != '^')
		at--;
	if (at == 0)
		return true;
	*ret = nf_slice(text->ptr + at, text->len - at);
	text->len = at - 1;
	return is_output_list(*ret);
}

static bool is_file(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

/* TEXT contains '#', '!' or '^', and is not an existing file. */
static int resolve_marked(struct installable *t, const char *text, struct nf_err *err)
{
	struct nf_slice name = nf_slice_str(text), outputs;
	AUTO_FREE char *ref = NULL;
	int rc;

	if (!cut_outputs(&name, &outputs))
		return err_set(err, NF_E_USAGE,
			       "installable '%s': '%.*s' is not a list of outputs", text,
			       NF_SLICE_ARG(outputs));
	ref = mem_strndup(name.ptr, name.len);
	t->is_flake = strchr(ref, '#') != NULL;
	if (t->is_flake) {
		rc = flake_ref_derivation(&t->path, ref, err);
		if (rc)
			return err_prefix(err, rc, "installable '%s'", text);
	} else {
		rc = resolve_path(&t->path, name, err);
		if (rc)
			return rc;
	}
	if (outputs.len && !nf_storepath_is_drv(&t->path))
		return err_set(
			err, NF_E_USAGE,
			"installable '%s': '%s' is not a derivation, and has no outputs to choose from",
			text, t->path.base);
	t->outputs = outputs.len ? mem_strndup(outputs.ptr, outputs.len) : NULL;
	return 0;
}

/* Returns the real path (free()) if NAME, outside the store, is the directory of a
 * flake. */
static char *find_flake(const char *name)
{
	AUTO_FREE char *real = NULL;
	AUTO_FREE char *file = NULL;
	struct nf_slice rest;

	if (nf_storepath_parse_base(&(struct nf_storepath){ 0 }, nf_slice_str(name),
				    NULL) == 0)
		return NULL;
	real = realpath(name, NULL);
	if (!real)
		return NULL;
	rest = nf_slice_str(real);
	file = mem_printf("%s/flake.nix", real);
	return slice_skip_prefix(&rest, NF_STORE_DIR "/") || !is_file(file)
		       ? NULL
		       : TAKE_PTR(real);
}

/* TEXT is a path, or a directory with a flake. */
static int resolve_plain(struct installable *t, const char *text, struct nf_err *err)
{
	struct nf_slice in_store = nf_slice_str(text);
	AUTO_FREE char *flake = NULL;
	int rc;

	if (!slice_skip_prefix(&in_store, NF_STORE_DIR "/"))
		flake = find_flake(text);
	if (!flake)
		return resolve_path(&t->path, nf_slice_str(text), err);
	t->is_flake = true;
	rc = flake_ref_host(&t->path, flake, err);
	return rc ? err_prefix(err, rc, "installable '%s'", text) : 0;
}

void installable_release(struct installable *t)
{
	free(TAKE_PTR(t->outputs));
}

int installable_resolve(struct installable *ret, struct nf_slice text, struct nf_err *err)
{
	AUTO_FREE char *name = NULL;
	struct installable t = { 0 };
	int rc;

	if (text.len == 0)
		return err_set(err, NF_E_USAGE, "empty installable");
	if (text.len >= PATH_MAX || memchr(text.ptr, '\0', text.len))
		return err_set(err, NF_E_USAGE, "installable '%.*s' is not a path",
			       (int)(text.len < 80 ? text.len : 80), text.ptr);
	name = mem_strndup(text.ptr, text.len);
	if (strpbrk(name, "#!^") && !is_file(name))
		rc = resolve_marked(&t, name, err);
	else
		rc = resolve_plain(&t, name, err);
	if (!rc)
		*ret = t;
	return rc;
}

void installables_release(struct installables *t)
{
	for (size_t i = 0; i < t->count; i++)
		installable_release(&t->items[i]);
	free(t->items);
	*t = (struct installables)INSTALLABLES_INIT;
}

int installables_add(struct installables *t, struct nf_slice text, struct nf_err *err)
{
	struct installable new;
	int rc;

	rc = installable_resolve(&new, text, err);
	if (rc)
		return rc;
	MEM_GROW(t->items, t->count, t->cap);
	t->items[t->count++] = new;
	return 0;
}

int installables_add_lines(struct installables *t, const char *name, struct nf_slice text,
			   struct nf_err *err)
{
	for (size_t number = 1; text.len; number++) {
		struct nf_slice line = slice_trim(slice_cut(&text, '\n'));
		int rc;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		rc = installables_add(t, line, err);
		if (rc)
			return err_prefix(err, rc, "%s: line %zu", name, number);
	}
	return 0;
}

static int read_list(struct buf *buf, const char *file, struct nf_err *err)
{
	if (strcmp(file, "-") != 0)
		return file_read_input(file, buf, err);
	return file_read_fd(STDIN_FILENO, "standard input", buf, err);
}

static bool is_xz(const struct buf *text)
{
	struct nf_slice s = buf_slice(text);

	return slice_skip_prefix(&s, "\xfd"
				     "7zXZ");
}

/* Replaces the content of TEXT with its decoded form. */
static int decode_xz(struct buf *text, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *in =
		decoder_new(CODEC_XZ, nf_source_of_memory(text->ptr, text->len));
	AUTO_BUF struct buf decoded = { 0 };
	struct buf_sink sink;
	struct buf encoded;
	int rc;

	buf_init(&decoded, TARGET_LIST_MAX);
	buf_sink_init(&sink, &decoded);
	rc = source_copy(in, &sink.sink, err);
	if (rc)
		return rc;
	encoded = *text;
	*text = decoded;
	decoded = encoded;
	return 0;
}

int installables_add_file(struct installables *t, const char *file, struct nf_err *err)
{
	const char *name = strcmp(file, "-") == 0 ? "standard input" : file;
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, TARGET_LIST_MAX);
	rc = read_list(&text, file, err);
	if (rc == -NF_E_MISSING)
		return wrong_name(err);
	if (!rc && is_xz(&text)) {
		rc = decode_xz(&text, err);
		rc = rc ? err_prefix(err, rc, "%s", name) : 0;
	}
	if (rc)
		return rc;
	return installables_add_lines(t, name, buf_slice(&text), err);
}

static int compare(const void *a, const void *b)
{
	const struct installable *x = a, *y = b;
	int order = nf_storepath_cmp(&x->path, &y->path);

	if (order || !x->outputs || !y->outputs)
		return order ? order : !!x->outputs - !!y->outputs;
	return strcmp(x->outputs, y->outputs);
}

void installables_sort(struct installables *t)
{
	size_t kept = 0;

	if (t->count == 0)
		return;
	qsort(t->items, t->count, sizeof(*t->items), compare);
	for (size_t i = 1; i < t->count; i++) {
		if (compare(&t->items[kept], &t->items[i]) != 0)
			t->items[++kept] = t->items[i];
		else
			installable_release(&t->items[i]);
	}
	t->count = kept + 1;
}
