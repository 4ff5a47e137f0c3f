#include "store/gcroot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/path_name.h"
#include "store/gcroot_dir.h"
#include "store/root_link.h"

/* For paths whose name is not allowed as the name of a root. */
#define UNNAMED "unnamed"

/* A path and the root that will keep it. */
struct held {
	struct nf_slice root;
	const struct nf_storepath *path;
	size_t number; /* number within its root, from 1 */
	size_t of;     /* number of paths that its root keeps */
};

/* ---- names ---- */

/* Returns what is wrong with the name of a root, or NULL. */
static const char *name_fault(struct nf_slice name)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-._?=";
	struct nf_storepath sp;

	if (!name.len)
		return "it is empty";
	if (name.len > GCROOT_NAME_MAX)
		return "it is too long";
	if (name.ptr[0] == '.' || name.ptr[0] == '-')
		return "it begins with '.' or '-'";
	for (size_t i = 0; i < name.len; i++)
		if (!name.ptr[i] || !strchr(allowed, name.ptr[i]))
			return "only letters, digits and +-._?= are allowed";
	if (!nf_storepath_parse_base(&sp, name, NULL))
		return "it is the name of a store path";
	return NULL;
}

int gcroot_check_name(const char *name, struct nf_err *err)
{
	const char *fault = name_fault(nf_slice_str(name));

	return fault ? err_set(err, NF_E_USAGE, "'%.*s' cannot be the name of a root: %s",
			       GCROOT_NAME_MAX, name, fault)
		     : 0;
}

struct nf_slice gcroot_default_name(const struct nf_storepath *path)
{
	struct nf_slice name = path_name_stem(nf_storepath_name(path));

	return name_fault(name) ? NF_SLICE_LIT(UNNAMED) : name;
}

/* ---- links ---- */

static int cmp_held(const void *a, const void *b)
{
	const struct held *x = a, *y = b;
	int c = nf_slice_cmp(x->root, y->root);

	return c ? c : nf_storepath_cmp(x->path, y->path);
}

/* Sorts, numbers and deduplicates the links; *count becomes smaller if paths were
 * repeated. */
static struct held *make_held(const char *name, const struct nf_storepath *paths,
			      size_t *count)
{
	struct held *held = mem_calloc(*count, sizeof(*held));
	size_t n = 0;

	for (size_t i = 0; i < *count; i++) {
		held[i].root = name ? nf_slice_str(name) : gcroot_default_name(&paths[i]);
		held[i].path = &paths[i];
	}
	if (*count)
		qsort(held, *count, sizeof(*held), cmp_held);
	for (size_t i = 0; i < *count; i++) {
		if (n && !cmp_held(&held[n - 1], &held[i]))
			continue;
		held[n] = held[i];
		held[n].number = n && nf_slice_eq(held[n - 1].root, held[n].root)
					 ? held[n - 1].number + 1
					 : 1;
		n++;
	}
	for (size_t i = n; i > 0; i--)
		held[i - 1].of =
			i < n && held[i].number > 1 ? held[i].of : held[i - 1].number;
	*count = n;
	return held;
}

static const char *link_name(char out[NAME_MAX + 1], const struct held *h)
{
	if (h->number == 1)
		snprintf(out, NAME_MAX + 1, "%.*s", NF_SLICE_ARG(h->root));
	else
		snprintf(out, NAME_MAX + 1, "%.*s~%zu", NF_SLICE_ARG(h->root), h->number);
	return out;
}

/* A second link keeps the path alive until the old links are removed. */
static const char *spare_name(char out[NAME_MAX + 1], const struct held *h)
{
	snprintf(out, NAME_MAX + 1, "%.*s~~%zu", NF_SLICE_ARG(h->root), h->number);
	return out;
}

static bool holds(int dir_fd, const struct held *h)
{
	char name[NAME_MAX + 1];
	char want[NF_STOREPATH_TEXT_MAX], have[NF_STOREPATH_TEXT_MAX + 1];

	nf_storepath_format(want, h->path);
	return root_link_read(dir_fd, link_name(name, h), have, sizeof(have)) &&
	       !strcmp(want, have);
}

static int hold(int dir_fd, const struct held *h, struct nf_err *err)
{
	char name[NAME_MAX + 1], path[NF_STOREPATH_TEXT_MAX];

	nf_storepath_format(path, h->path);
	return root_link_replace(dir_fd, spare_name(name, h), path, err);
}

static int take_place(int dir_fd, const struct held *h, struct nf_err *err)
{
	char spare[NAME_MAX + 1], name[NAME_MAX + 1];

	spare_name(spare, h);
	if (renameat(dir_fd, spare, dir_fd, link_name(name, h)))
		return err_sys(err, "cannot create the link '%s'", name);
	return 0;
}

/* First make the second links of all paths, then replace the first old link. */
static int hold_all(int dir_fd, const struct held *held, size_t count, struct nf_err *err)
{
	AUTO_FREE bool *is_new = mem_calloc(count, sizeof(*is_new));
	bool any = false;
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		is_new[i] = !holds(dir_fd, &held[i]);
		any = any || is_new[i];
		if (is_new[i])
			rc = hold(dir_fd, &held[i], err);
	}
	if (!rc && any)
		rc = file_sync(dir_fd, GCROOT_DIR, err);
	for (size_t i = 0; !rc && i < count; i++)
		if (is_new[i])
			rc = take_place(dir_fd, &held[i], err);
	return rc || !any ? rc : file_sync(dir_fd, GCROOT_DIR, err);
}

size_t gcroot_names(char ***ret, const char *name, const struct nf_storepath *paths,
		    size_t count)
{
	AUTO_FREE struct held *held = make_held(name, paths, &count);
	size_t n = 0;

	*ret = mem_calloc(count, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		if (held[i].number == 1)
			(*ret)[n++] = mem_strndup(held[i].root.ptr, held[i].root.len);
	return n;
}

/* ---- removal ---- */

struct letting_go {
	const struct held *held;
	size_t count;
};

static int cmp_root(const void *key, const void *item)
{
	const struct nf_slice *name = key;
	const struct held *h = item;

	return nf_slice_cmp(*name, h->root);
}

/* Whether ENTRY belongs to one of the roots but is not one of its current links. */
static bool is_let_go(const struct letting_go *l, const char *entry)
{
	struct nf_slice rest = nf_slice_str(entry);
	struct nf_slice root = slice_cut(&rest, '~');
	const struct held *h = bsearch(&root, l->held, l->count, sizeof(*h), cmp_root);
	struct held same = { .root = root, .number = 1 };
	char name[NAME_MAX + 1];
	uint64_t number = 1;

	if (!h)
		return false;
	if (rest.ptr && !slice_parse_u64(rest, &number))
		return true;
	same.number = (size_t)number;
	return number < 1 || number > h->of || strcmp(link_name(name, &same), entry) != 0;
}

static int let_go(void *ctx, int dir_fd, const char *entry, struct nf_err *err)
{
	return is_let_go(ctx, entry) ? gcroot_dir_unlink(dir_fd, entry, err) : 0;
}

int gcroot_set_at(int dir_fd, const char *name, const struct nf_storepath *paths,
		  size_t count, struct nf_err *err)
{
	AUTO_FREE struct held *held = make_held(name, paths, &count);
	struct letting_go letting_go = { held, count };
	int rc = root_link_lock(dir_fd, GCROOT_DIR, err);

	if (!rc)
		rc = hold_all(dir_fd, held, count, err);
	if (!rc)
		rc = gcroot_dir_each(dir_fd, let_go, &letting_go, err);
	for (size_t i = 0; !rc && i < count; i++)
		rc = gcroot_dir_unlink(dir_fd, held[i].path->base, err);
	return rc ? rc : file_sync(dir_fd, GCROOT_DIR, err);
}

int gcroot_set(const struct target *t, const char *name, const struct nf_storepath *paths,
	       size_t count, struct nf_err *err)
{
	AUTO_FD int dir_fd = -1;
	int rc;

	if (!count)
		return 0;
	rc = gcroot_dir_make(&dir_fd, t, err);
	if (!rc)
		rc = gcroot_set_at(dir_fd, name, paths, count, err);
	return rc ? err_prefix(err, rc, "'%s'", t->state_dir) : 0;
}

int gcroot_drop(const struct target *t, const struct nf_storepath *path,
		struct nf_err *err)
{
	struct held held = { .root = gcroot_default_name(path), .path = path };
	struct letting_go letting_go = { &held, 1 };
	AUTO_FD int dir_fd = -1;
	int rc = gcroot_dir_make(&dir_fd, t, err);

	if (!rc)
		rc = root_link_lock(dir_fd, GCROOT_DIR, err);
	if (!rc)
		rc = gcroot_dir_each(dir_fd, let_go, &letting_go, err);
	if (!rc)
		rc = gcroot_dir_unlink(dir_fd, path->base, err);
	if (!rc)
		rc = file_sync(dir_fd, GCROOT_DIR, err);
	return rc ? err_prefix(err, rc, "'%s'", t->state_dir) : 0;
}
