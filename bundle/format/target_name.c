#include "format/target_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/stream.h"

/* What is wrong with a name is wrong usage, whatever the parser calls it. */
static int wrong_name(struct nf_err *err)
{
	if (err)
		err->code = NF_E_USAGE;
	return -NF_E_USAGE;
}

/* The path that a link at FROM to the relative TARGET means. */
static char *join_link(const char *from, const char *target)
{
	const char *slash = strrchr(from, '/');
	int dir_len = slash ? (int)(slash - from) + 1 : 0;

	return mem_printf("%.*s%s", dir_len, from, target);
}

static int read_link(char **ret, const char *path, const char *text, struct nf_err *err)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0 && errno == EINVAL)
		return err_set(err, NF_E_USAGE,
			       "target '%s': '%s' is neither in " NF_STORE_DIR
			       " nor a symbolic link",
			       text, path);
	if (len < 0) {
		err_sys(err, "target '%s': '%s'", text, path);
		return wrong_name(err);
	}
	target[len] = '\0';
	*ret = target[0] == '/' ? mem_strdup(target) : join_link(path, target);
	return 0;
}

/* Follows the links at PATH (taken over) until one leads into the store. */
static int follow(struct nf_storepath *ret, char *path, const char *text,
		  struct nf_err *err)
{
	AUTO_FREE char *at = path;

	for (int depth = 0; depth <= LINK_DEPTH_MAX; depth++) {
		struct nf_slice where = nf_slice_str(at);
		char *next = NULL;
		int rc;

		if (slice_skip_prefix(&where, NF_STORE_DIR "/")) {
			rc = nf_storepath_parse_below(ret, nf_slice_str(at), NULL, err);
			return rc ? wrong_name(err) : 0;
		}
		rc = read_link(&next, at, text, err);
		if (rc)
			return rc;
		free(at);
		at = next;
	}
	return err_set(err, NF_E_USAGE, "target '%s': too many symbolic links", text);
}

int target_name_resolve(struct nf_storepath *ret, struct nf_slice text,
			struct nf_err *err)
{
	AUTO_FREE char *name = NULL;

	/* "./result/" would be the directory, not the link. */
	while (text.len > 1 && text.ptr[text.len - 1] == '/')
		text.len--;
	if (text.len == 0)
		return err_set(err, NF_E_USAGE, "empty target");
	if (text.len >= PATH_MAX || memchr(text.ptr, '\0', text.len))
		return err_set(err, NF_E_USAGE, "target '%.*s' is no path",
			       (int)(text.len < 80 ? text.len : 80), text.ptr);
	if (nf_storepath_parse_base(ret, text, NULL) == 0)
		return 0;
	name = mem_strndup(text.ptr, text.len);
	if (strchr(name, '#'))
		return err_set(
			err, NF_E_USAGE,
			"target '%s': flake attributes are not evaluated: give the store "
			"path that it builds",
			name);
	return follow(ret, mem_strdup(name), name, err);
}

void target_names_release(struct target_names *t)
{
	free(t->paths);
	*t = (struct target_names)TARGET_NAMES_INIT;
}

int target_names_add(struct target_names *t, struct nf_slice text, struct nf_err *err)
{
	struct nf_storepath path;
	int rc;

	rc = target_name_resolve(&path, text, err);
	if (rc)
		return rc;
	MEM_GROW(t->paths, t->count, t->cap);
	t->paths[t->count++] = path;
	return 0;
}

int target_names_add_lines(struct target_names *t, const char *name, struct nf_slice text,
			   struct nf_err *err)
{
	for (size_t line = 1; text.len; line++) {
		struct nf_slice target = slice_trim(slice_cut(&text, '\n'));
		int rc;

		if (target.len == 0 || target.ptr[0] == '#')
			continue;
		rc = target_names_add(t, target, err);
		if (rc)
			return err_prefix(err, rc, "%s: line %zu", name, line);
	}
	return 0;
}

static int read_list(struct buf *buf, const char *file, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *in = NULL;
	struct buf_sink sink;

	if (strcmp(file, "-") != 0)
		return file_read_at(AT_FDCWD, file, buf, err);
	in = source_of_fd(STDIN_FILENO);
	buf_sink_init(&sink, buf);
	return source_copy(in, &sink.sink, err);
}

int target_names_add_file(struct target_names *t, const char *file, struct nf_err *err)
{
	const char *name = strcmp(file, "-") == 0 ? "standard input" : file;
	AUTO_BUF struct buf text;
	int rc;

	buf_init(&text, TARGET_LIST_MAX);
	rc = read_list(&text, file, err);
	if (rc == -NF_E_MISSING)
		return wrong_name(err);
	if (rc)
		return rc;
	return target_names_add_lines(t, name, buf_slice(&text), err);
}

static int compare(const void *a, const void *b)
{
	return nf_storepath_cmp(a, b);
}

void target_names_sort(struct target_names *t)
{
	size_t kept = 0;

	if (t->count == 0)
		return;
	qsort(t->paths, t->count, sizeof(*t->paths), compare);
	for (size_t i = 1; i < t->count; i++) {
		if (nf_storepath_cmp(&t->paths[kept], &t->paths[i]) != 0)
			t->paths[++kept] = t->paths[i];
	}
	t->count = kept + 1;
}
