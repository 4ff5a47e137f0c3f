#include "store/gcroot_list.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "store/gcroot_dir.h"
#include "store/root_link.h"

struct listing {
	struct gcroot_list *list;
	int store_fd; /* -1 if there is no store */
};

void gcroot_list_release(struct gcroot_list *l)
{
	free(l->items);
	*l = (struct gcroot_list){ 0 };
}

static bool has_path(const struct listing *l, const struct nf_storepath *path)
{
	struct stat st;

	return l->store_fd >= 0 &&
	       !fstatat(l->store_fd, path->base, &st, AT_SYMLINK_NOFOLLOW);
}

static int add_link(void *ctx, int dir_fd, const char *entry, struct nf_err *err)
{
	const struct listing *l = ctx;
	struct gcroot_list *list = l->list;
	struct nf_slice name = gcroot_dir_root(entry);
	char target[NF_STOREPATH_TEXT_MAX + 1];
	struct gcroot root = { 0 };
	struct stat st;

	(void)err;
	if (!name.len || name.len > NAME_MAX ||
	    !root_link_read(dir_fd, entry, target, sizeof(target)) ||
	    nf_storepath_parse(&root.path, nf_slice_str(target), NULL) ||
	    fstatat(dir_fd, entry, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	memcpy(root.name, name.ptr, name.len);
	root.exists = has_path(l, &root.path);
	root.made = st.st_mtim.tv_sec;
	MEM_GROW(list->items, list->count, list->cap);
	list->items[list->count++] = root;
	return 0;
}

static int cmp_roots(const void *a, const void *b)
{
	const struct gcroot *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : nf_storepath_cmp(&x->path, &y->path);
}

/* After a killed import, one root may keep a path twice. */
static void sort_once(struct gcroot_list *l)
{
	size_t n = 0;

	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), cmp_roots);
	for (size_t i = 0; i < l->count; i++)
		if (!n || cmp_roots(&l->items[n - 1], &l->items[i]) != 0)
			l->items[n++] = l->items[i];
	l->count = n;
}

int gcroot_list_read(struct gcroot_list *ret, const char *root, struct nf_err *err)
{
	AUTO_FREE char *store = mem_printf("%s" NF_STORE_DIR, root);
	AUTO(gcroot_list_release) struct gcroot_list list = { 0 };
	AUTO_FD int store_fd = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct listing l = { &list, store_fd };
	AUTO_FD int dir_fd = -1;
	int rc = gcroot_dir_find(&dir_fd, root, err);

	if (!rc && dir_fd >= 0)
		rc = gcroot_dir_each(dir_fd, add_link, &l, err);
	if (rc)
		return rc;
	sort_once(&list);
	*ret = list;
	list = (struct gcroot_list){ 0 };
	return 0;
}

struct removal {
	const char *name;
	size_t count;
};

static int remove_link(void *ctx, int dir_fd, const char *entry, struct nf_err *err)
{
	struct removal *r = ctx;
	char target[NF_STOREPATH_TEXT_MAX + 1];
	struct nf_storepath path;
	int rc;

	if (!nf_slice_is(gcroot_dir_root(entry), r->name) ||
	    !root_link_read(dir_fd, entry, target, sizeof(target)) ||
	    nf_storepath_parse(&path, nf_slice_str(target), NULL))
		return 0;
	rc = gcroot_dir_unlink(dir_fd, entry, err);
	r->count += !rc;
	return rc;
}

int gcroot_remove(const char *root, const char *name, size_t *ret, struct nf_err *err)
{
	struct removal removal = { .name = name };
	AUTO_FD int dir_fd = -1;
	int rc = gcroot_dir_find(&dir_fd, root, err);

	*ret = 0;
	if (rc || dir_fd < 0)
		return rc;
	rc = root_link_lock(dir_fd, GCROOT_DIR, err);
	if (!rc)
		rc = gcroot_dir_each(dir_fd, remove_link, &removal, err);
	if (!rc)
		rc = file_sync(dir_fd, GCROOT_DIR, err);
	*ret = removal.count;
	return rc;
}
