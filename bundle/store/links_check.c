#include "store/links_check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/dir_entries.h"
#include "base/interrupt.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_dump.h"

/* A damaged entry. */
struct bad_link {
	const char *name;
	const char *what; /* is wrong */
	ino_t inode;
	const char *sharer; /* the first file that shares it; NULL: none */
	size_t more;
};

struct links_look {
	const struct links_check *check;
	int fd; /* STORE/.links */
	struct bad_link *bad;
	size_t len, cap;
	struct map by_inode; /* to its place */
	struct arena arena;
};

static void look_release(struct links_look *l)
{
	cleanup_fd(&l->fd);
	free(l->bad);
	map_release(&l->by_inode);
	arena_release(&l->arena);
}

static struct nf_slice key_of(const ino_t *inode)
{
	return nf_slice((const char *)inode, sizeof(*inode));
}

static void add_bad(struct links_look *l, const char *name, ino_t inode, const char *what)
{
	bool is_new;

	*map_put(&l->by_inode, arena_slice(&l->arena, key_of(&inode)), &is_new) = l->len;
	MEM_GROW(l->bad, l->len, l->cap);
	l->bad[l->len++] = (struct bad_link){
		.name = arena_strndup(&l->arena, name, strlen(name)),
		.what = arena_strndup(&l->arena, what, strlen(what)),
		.inode = inode,
	};
}

static int read_entry(struct links_look *l, const char *name, const struct stat *st,
		      struct nf_err *err)
{
	const struct tree_check_place place = { l->fd, l->check->place->owner };
	AUTO(tree_check_release) struct tree_check seen = { 0 };
	AUTO_FREE char *what = NULL;
	char hash[NF_HASH_TEXT_MAX];
	int rc = tree_check(&seen, &place, name, NF_SHA256, NULL, err);

	if (rc == -NF_E_UNSUPPORTED) {
		add_bad(l, name, st->st_ino, "it is neither a file nor a link");
		return 0;
	}
	if (rc)
		return rc == -NF_E_INTR ? rc : 0;
	nf_hash_format(hash, &seen.hash, NF_NIX32);
	if (!strcmp(strchr(hash, ':') + 1, name))
		return 0;
	what = mem_printf("its contents have the hash %s", hash);
	add_bad(l, name, st->st_ino, what);
	return 0;
}

static int read_entries(struct links_look *l, struct nf_err *err)
{
	struct dir_entries entries;
	const struct dirent *e;
	struct stat st;
	int rc = 0;

	dir_entries_begin(&entries, l->fd);
	while (!rc && (e = dir_entries_next(&entries))) {
		rc = interrupt_check(err);
		if (!rc && !fstatat(l->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
		    (st.st_nlink == 1 || l->check->count))
			rc = read_entry(l, e->d_name, &st, err);
	}
	if (!dir_entries_end(&entries) && !rc)
		rc = err_sys(err, "cannot read the directory of links");
	return rc;
}

static void look_for_sharer(void *ctx, const char *path, const struct stat *st)
{
	struct links_look *l = ctx;
	const uintptr_t *at = map_get(&l->by_inode, key_of(&st->st_ino));
	struct bad_link *bad = at ? &l->bad[*at] : NULL;

	if (bad && bad->sharer)
		bad->more++;
	else if (bad)
		bad->sharer = arena_strndup(&l->arena, path, strlen(path));
}

/* A tree that cannot be read to its end has been reported. */
static int find_sharers(struct links_look *l, struct nf_err *err)
{
	const struct links_check *c = l->check;
	struct nf_slice run;
	int rc = 0;

	for (size_t i = 0; l->len && rc != -NF_E_INTR && i < c->count; i++) {
		struct nf_source *nar = nar_dump_watched(
			c->place->store_fd, c->corrupt[i], look_for_sharer, l);

		do {
			rc = interrupt_check(err);
			if (!rc)
				rc = source_next(nar, &run, err);
		} while (!rc && run.len);
		source_close(nar);
	}
	return rc == -NF_E_INTR ? rc : 0;
}

static void report_link(const struct links_look *l, const struct bad_link *b)
{
	const struct links_check *c = l->check;
	AUTO_FREE char *text = NULL;

	if (!b->sharer)
		text = mem_printf("%s, and no path shares it", b->what);
	else if (b->more)
		text = mem_printf("%s; '%s' and %zu more share it", b->what, b->sharer,
				  b->more);
	else
		text = mem_printf("%s; '%s' shares it", b->what, b->sharer);
	c->found(c->ctx, b->name, text);
}

int links_check(const struct links_check *c, struct nf_err *err)
{
	AUTO(look_release) struct links_look l = { .check = c };
	int rc;

	map_init(&l.by_inode);
	arena_init(&l.arena);
	l.fd = openat(c->place->store_fd, ".links",
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l.fd < 0)
		return 0;
	rc = read_entries(&l, err);
	if (!rc)
		rc = find_sharers(&l, err);
	for (size_t i = 0; !rc && i < l.len; i++)
		report_link(&l, &l.bad[i]);
	return rc;
}
