#include "store/store_links.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir_entries.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/canonical.h"
#include "store/tree_check.h"

/* The directory for new links. It has no name of a store path. */
#define NEW_LINKS ".links"

/* A link may go away, or come, between two looks at it. */
#define TRIES 8

struct store_links {
	const struct target *target;
	struct progress *progress;
	int temp_fd;
	int fd;	    /* STORE/.links */
	int new_fd; /* NEW_LINKS */
	atomic_uint_fast64_t count, bytes;
	atomic_bool is_full_told;

	pthread_mutex_t lock; /* guards what follows */
	struct map known;     /* name -> inode of a link that is good */
	struct arena names;
};

/* The tree whose objects are being replaced. */
struct tree_walk {
	struct store_links *links;
	const char *top;
	char *temp; /* private name of a link, in temp_fd */
	int fds[NAR_DEPTH_MAX];
	bool is_changed[NAR_DEPTH_MAX];
	unsigned depth;
};

/* An object of the tree and its link. */
struct link_place {
	int dir_fd;
	const char *name;
	const struct nf_hash *hash;
	char link[NF_HASH_TEXT_MAX];
};

/* ---- opening ---- */

static int open_new_links(struct store_links *l, struct nf_err *err)
{
	if (mkdirat(l->temp_fd, NEW_LINKS, 0700))
		return err_sys(err, "cannot create the directory for new links");
	return file_opendir_at(&l->new_fd, l->temp_fd, NEW_LINKS, err);
}

int store_links_open(struct store_links **ret, const struct target *t, int temp_fd,
		     struct progress *progress, struct nf_err *err)
{
	AUTO(store_links_freep) struct store_links *l = mem_calloc(1, sizeof(*l));
	int rc;

	l->target = t;
	l->progress = progress;
	l->temp_fd = temp_fd;
	l->fd = l->new_fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	map_init(&l->known);
	arena_init(&l->names);
	rc = target_open_links(t, &l->fd, err);
	if (!rc && file_is_mount(t->store_fd, l->fd))
		rc = err_set(err, NF_E_SYS,
			     "'%s/nix/store/.links' is a mount point: unmount it",
			     t->root);
	if (!rc)
		rc = open_new_links(l, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(l);
	return 0;
}

void store_links_free(struct store_links *l)
{
	if (!l)
		return;
	cleanup_fd(&l->fd);
	cleanup_fd(&l->new_fd);
	map_release(&l->known);
	arena_release(&l->names);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- which links are good ---- */

static void note_known(struct store_links *l, const char *link, ino_t inode)
{
	struct nf_slice name = nf_slice_str(link);
	uintptr_t *known;
	bool is_new;

	pthread_mutex_lock(&l->lock);
	known = map_get(&l->known, name);
	if (!known && l->known.len < KNOWN_LINKS_MAX)
		known = map_put(&l->known, arena_slice(&l->names, name), &is_new);
	if (known)
		*known = (uintptr_t)inode;
	pthread_mutex_unlock(&l->lock);
}

static bool is_known(struct store_links *l, const char *link, ino_t inode)
{
	const uintptr_t *known;
	bool ret;

	pthread_mutex_lock(&l->lock);
	known = map_get(&l->known, nf_slice_str(link));
	ret = known && *known == (uintptr_t)inode;
	pthread_mutex_unlock(&l->lock);
	return ret;
}

/* Whether the link that has just got the private name is what unpacking makes: its
 * contents, type and metadata. */
static int check_link(const struct tree_walk *w, const struct link_place *p, bool *ret,
		      struct nf_err *err)
{
	const struct store_links *l = w->links;
	const struct tree_check_place place = { l->temp_fd, l->target->owner };
	AUTO(tree_check_release) struct tree_check seen = { 0 };
	struct stat st;
	int rc;

	*ret = false;
	if (fstatat(l->temp_fd, w->temp, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(err, "cannot stat '%s'", w->temp);
	*ret = is_known(w->links, p->link, st.st_ino);
	if (*ret || (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)))
		return 0;
	rc = tree_check(&seen, &place, w->temp, NF_SHA256, NULL, err);
	if (rc)
		return rc == -NF_E_INTR ? rc : 0;
	*ret = !seen.odd_count && nf_hash_eq(&seen.hash, p->hash);
	if (*ret)
		note_known(w->links, p->link, st.st_ino);
	return 0;
}

/* ---- one object ---- */

static int open_for_change(struct tree_walk *w, struct nf_err *err)
{
	if (!w->depth || w->is_changed[w->depth - 1])
		return 0;
	if (fchmod(w->fds[w->depth - 1], 0755))
		return err_sys(err, "cannot change the mode of a directory");
	w->is_changed[w->depth - 1] = true;
	return 0;
}

static void count_link(struct store_links *l, uint64_t bytes)
{
	atomic_fetch_add(&l->count, 1);
	atomic_fetch_add(&l->bytes, bytes);
}

/* The link, under its private name, takes the object's place. */
static int replace_object(struct tree_walk *w, const struct link_place *p,
			  struct nf_err *err)
{
	struct store_links *l = w->links;
	struct stat st;
	int rc = open_for_change(w, err);

	if (!rc && fstatat(l->temp_fd, w->temp, &st, AT_SYMLINK_NOFOLLOW))
		rc = err_sys(err, "cannot stat '%s'", w->temp);
	if (rc)
		return rc;
	if (!renameat(l->temp_fd, w->temp, p->dir_fd, p->name)) {
		count_link(l, (uint64_t)st.st_size);
		return 0;
	}
	/* Some file systems count one link more while they replace. */
	rc = errno == EMLINK ? 0 : err_sys(err, "cannot replace '%s' by a link", p->name);
	unlinkat(l->temp_fd, w->temp, 0);
	return rc;
}

static void note_damaged(struct store_links *l, const char *link, const char *what)
{
	progress_note(
		l->progress,
		"'%s/nix/store/.links/%s' is damaged and %s: 'nixferry check' finds the paths that share it",
		l->target->root, link, what);
}

/* As ext4 says where a directory is full: the object is then not shared. Nor is it if it
 * can have no more names. */
static int ignore_full(struct store_links *l, struct nf_err *err)
{
	if (errno == EMLINK)
		return 0;
	if (errno != ENOSPC)
		return err_sys(err, "cannot link in '%s/nix/store/.links'",
			       l->target->root);
	if (!atomic_exchange(&l->is_full_told, true))
		progress_note(
			l->progress,
			"'%s/nix/store/.links' takes no more links: not all files are shared",
			l->target->root);
	return 0;
}

/* What a file system says of a link to a foreign file, and to a directory. */
static bool cannot_be_linked(int error)
{
	return error == EPERM || error == EACCES || error == EXDEV;
}

/* Returns 1 if there is no link that can be used. */
static int use_link(struct tree_walk *w, const struct link_place *p, int dir_fd,
		    struct nf_err *err)
{
	struct store_links *l = w->links;
	bool is_good = false;
	int rc;

	if (!linkat(dir_fd, p->link, l->temp_fd, w->temp, 0)) {
		rc = check_link(w, p, &is_good, err);
		if (!rc && is_good)
			return replace_object(w, p, err);
		unlinkat(l->temp_fd, w->temp, 0);
		if (rc)
			return rc;
	} else if (errno == ENOENT) {
		return 1;
	} else if (!cannot_be_linked(errno)) {
		return ignore_full(l, err);
	}
	if (!unlinkat(dir_fd, p->link, 0)) {
		note_damaged(l, p->link, "was replaced");
		return 1;
	}
	if (errno == ENOENT)
		return 1; /* another thread has removed it */
	note_damaged(l, p->link, "cannot be replaced");
	return 0;
}

/* Returns 1 if another thread was faster. */
static int add_new_link(struct store_links *l, const struct link_place *p,
			struct nf_err *err)
{
	struct stat st;

	if (!linkat(p->dir_fd, p->name, l->new_fd, p->link, 0)) {
		if (!fstatat(p->dir_fd, p->name, &st, AT_SYMLINK_NOFOLLOW))
			note_known(l, p->link, st.st_ino);
		return 0;
	}
	return errno == EEXIST ? 1 : ignore_full(l, err);
}

static int share_object(struct tree_walk *w, const struct tree_object *o,
			struct nf_err *err)
{
	struct store_links *l = w->links;
	struct link_place p = {
		.dir_fd = w->depth ? w->fds[w->depth - 1] : l->temp_fd,
		.name = w->depth ? o->name : w->top,
		.hash = o->hash,
	};
	int rc = 1;

	nix32_encode(p.link, o->hash->bytes, nf_hash_size(NF_SHA256));
	for (int i = 0; rc == 1 && i < TRIES; i++) {
		rc = use_link(w, &p, l->new_fd, err);
		if (rc == 1)
			rc = use_link(w, &p, l->fd, err);
		if (rc == 1)
			rc = add_new_link(l, &p, err);
	}
	return rc == 1 ? 0 : rc;
}

/* ---- the tree ---- */

static int enter_directory(struct tree_walk *w, const struct tree_object *o,
			   struct nf_err *err)
{
	const char *name = w->depth ? o->name : w->top;
	int fd = openat(w->depth ? w->fds[w->depth - 1] : w->links->temp_fd, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "cannot open the directory '%s'", name);
	/* The topmost stays writable until it is moved into the store. */
	w->is_changed[w->depth] = !w->depth;
	w->fds[w->depth++] = fd;
	return 0;
}

static int leave_directory(struct tree_walk *w, struct nf_err *err)
{
	AUTO_FD int fd = w->fds[--w->depth];

	if (w->depth && w->is_changed[w->depth] &&
	    (fchmod(fd, 0555) || futimens(fd, canonical_times)))
		return err_sys(err, "cannot set the mode and time of a directory");
	return 0;
}

static int visit_object(struct tree_walk *w, const struct tree_object *o,
			struct nf_err *err)
{
	if (o->kind == NF_NAR_DIRECTORY)
		return enter_directory(w, o, err);
	if (o->kind == NF_NAR_LEAVE)
		return leave_directory(w, err);
	return share_object(w, o, err);
}

int store_links_share(struct store_links *l, const char *name,
		      const struct tree_hashes *objects, struct nf_err *err)
{
	AUTO_FREE char *temp = mem_printf("%s.link", name);
	struct tree_walk w = { .links = l, .top = name, .temp = temp };
	int rc = 0, later;

	for (size_t i = 0; !rc && i < objects->len; i++)
		rc = visit_object(&w, &objects->objects[i], err);
	while (w.depth) {
		later = leave_directory(&w, rc ? NULL : err);
		rc = rc ? rc : later;
	}
	return rc;
}

/* ---- publishing ---- */

int store_links_collect(struct store_links *l, struct store_links_batch *ret,
			struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *e;

	*ret = (struct store_links_batch){ 0 };
	arena_init(&ret->arena);
	dir_entries_begin(&entries, l->new_fd);
	while (ret->len < KNOWN_LINKS_MAX && (e = dir_entries_next(&entries))) {
		MEM_GROW(ret->names, ret->len, ret->cap);
		ret->names[ret->len++] =
			arena_strndup(&ret->arena, e->d_name, strlen(e->d_name));
	}
	return dir_entries_end(&entries) ? 0 : err_sys(err, "cannot read the new links");
}

/* A link that another process has made meanwhile stays, and so do its files. */
static int publish_link(struct store_links *l, const char *link, struct nf_err *err)
{
	int rc = 0;

	if (linkat(l->new_fd, link, l->fd, link, 0) && errno != EEXIST && errno != EMLINK)
		rc = ignore_full(l, err);
	if (!rc && unlinkat(l->new_fd, link, 0))
		rc = err_sys(err, "cannot remove the link '%s'", link);
	return rc;
}

void store_links_publish(struct store_links *l, const struct store_links_batch *b)
{
	struct nf_err err;

	for (size_t i = 0; i < b->len; i++) {
		if (!publish_link(l, b->names[i], &err))
			continue;
		progress_note(l->progress, "not all files are shared: %s", err.text);
		return;
	}
}

void store_links_batch_release(struct store_links_batch *b)
{
	free(b->names);
	arena_release(&b->arena);
	*b = (struct store_links_batch){ 0 };
}

void store_links_tell(struct store_links *l, uint64_t *ret_count, uint64_t *ret_bytes)
{
	*ret_count = atomic_load(&l->count);
	*ret_bytes = atomic_load(&l->bytes);
}
