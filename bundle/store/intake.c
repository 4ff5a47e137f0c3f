#include "store/intake.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/plural.h"
#include "store/drv_file.h"
#include "store/gcroot.h"
#include "store/intake_batch.h"
#include "store/nix_lock.h"
#include "store/store_db.h"
#include "store/store_profile.h"
#include "store/store_text.h"
#include "store/target.h"
#include "store/unpack.h"
#include "store/unpack_dir.h"

/* What a file system object costs beside its bytes. */
#define NODE_BYTES (4 * KIB)
/* Of a batch are locked at once: each takes a file descriptor. */
#define LOCKS_MAX 256

/* A path that was handed over. */
struct waiting {
	struct nf_pathinfo info;
	struct intake_tree tree;
	char *token;
	bool was_valid; /* by another's doing, when its turn came */
	bool is_placed; /* its tree */
};

struct waiting_list {
	struct waiting **items;
	size_t len, cap;
};

/* What is known of a path without asking the database. */
enum known {
	KNOWN_WAITING = 1,
	KNOWN_VALID,
};

struct intake {
	struct target target; /* with INTAKE_READ only its names */
	int collector_fd;     /* the lock that keeps collectors out; -1: only reading */
	int temp_fd;	      /* of the directory for trees, locked; -1: only reading */
	struct progress *progress;
	uint64_t free_bytes, free_nodes; /* when it was opened */
	atomic_uint temp_number;
	void (*on_registered)(void *ctx, const char *token);
	void *ctx;

	pthread_mutex_t db_lock;
	struct store_db *db; /* NULL: there is none, nothing is valid */

	pthread_mutex_t lock; /* of all below; never held while db_lock is waited for */
	struct waiting_list waiting;
	struct map known;
	struct arena names; /* the map's keys */
	bool is_broken;
	struct nf_import_result done; /* present: those that another made valid */
};

static void waiting_free(struct waiting *w)
{
	nf_pathinfo_release(&w->info);
	free(w->tree.temp);
	free(w->token);
	free(w);
}

static void waiting_push(struct waiting_list *l, struct waiting *w)
{
	MEM_GROW(l->items, l->len, l->cap);
	l->items[l->len++] = w;
}

/* ---- opening ---- */

static int has_row(void *ctx, struct nf_slice base, bool *ret, struct nf_err *err)
{
	struct store_db *db = ctx;
	struct nf_storepath path;

	*ret = false;
	return nf_storepath_parse_base(&path, base, NULL)
		       ? 0
		       : store_db_is_valid(db, &path, ret, err);
}

static int open_for_writing(struct intake *in, const char *root, struct nf_err *err)
{
	int rc = target_open(&in->target, root, err);
	bool left = false;

	if (!rc)
		rc = nix_lock_collector(&in->collector_fd, &in->target, in->progress,
					err);
	if (!rc)
		rc = unpack_dir_open(&in->temp_fd, &in->target, &left, err);
	if (!rc)
		rc = target_free_space(&in->target, &in->free_bytes, &in->free_nodes,
				       err);
	if (!rc)
		rc = store_db_open(&in->db, in->target.state_dir, STORE_DB_WRITE, err);
	return rc || !left ? rc : path_locks_sweep(&in->target, has_row, in->db, err);
}

static int open_for_reading(struct intake *in, const char *root, struct nf_err *err)
{
	struct nf_err why;
	int rc;

	in->free_bytes = in->free_nodes = UINT64_MAX;
	target_name(&in->target, root);
	rc = store_db_open(&in->db, in->target.state_dir, STORE_DB_READ, &why);
	if (rc == -NF_E_MISSING)
		return 0;
	if (rc && err)
		*err = why;
	return rc;
}

int intake_open(struct intake **ret, const char *root, enum intake_mode mode,
		struct progress *progress, struct nf_err *err)
{
	AUTO(intake_freep) struct intake *in = mem_calloc(1, sizeof(*in));
	int rc;

	in->target = (struct target)TARGET_INIT;
	in->collector_fd = -1;
	in->temp_fd = -1;
	in->progress = progress;
	pthread_mutex_init(&in->db_lock, NULL);
	pthread_mutex_init(&in->lock, NULL);
	map_init(&in->known);
	arena_init(&in->names);
	rc = mode == INTAKE_WRITE ? open_for_writing(in, root, err)
				  : open_for_reading(in, root, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(in);
	return 0;
}

void intake_free(struct intake *in)
{
	if (!in)
		return;
	if (in->temp_fd >= 0 && unpack_dir_remove(&in->target, NULL))
		progress_note(in->progress,
			      "'%s/nix/store/" UNPACK_DIR_NAME "' could not be removed",
			      in->target.root);
	cleanup_fd(&in->temp_fd);
	store_db_free(in->db);
	cleanup_fd(&in->collector_fd);
	target_close(&in->target);
	for (size_t i = 0; i < in->waiting.len; i++)
		waiting_free(in->waiting.items[i]);
	free(in->waiting.items);
	map_release(&in->known);
	arena_release(&in->names);
	pthread_mutex_destroy(&in->db_lock);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

const char *intake_root(const struct intake *in)
{
	return in->target.root;
}

int intake_temp_fd(const struct intake *in)
{
	return in->temp_fd;
}

void intake_on_registered(struct intake *in, void (*fn)(void *ctx, const char *token),
			  void *ctx)
{
	in->on_registered = fn;
	in->ctx = ctx;
}

/* ---- questions ---- */

int intake_find(struct intake *in, const struct nf_storepath *path, bool with_refs,
		struct nf_pathinfo *info, struct nf_err *err)
{
	int rc;

	nf_pathinfo_init(info);
	pthread_mutex_lock(&in->db_lock);
	rc = in->db ? store_db_query(in->db, path, with_refs, info, err)
		    : err_set(err, NF_E_MISSING, "there is no store in '%s'",
			      in->target.root);
	pthread_mutex_unlock(&in->db_lock);
	return rc;
}

int intake_is_valid(struct intake *in, const struct nf_storepath *path, bool *ret,
		    struct nf_err *err)
{
	int rc = 0;

	*ret = false;
	pthread_mutex_lock(&in->db_lock);
	if (in->db)
		rc = store_db_is_valid(in->db, path, ret, err);
	pthread_mutex_unlock(&in->db_lock);
	return rc;
}

int intake_check_space(const struct intake *in, uint64_t bytes, uint64_t nodes,
		       struct nf_err *err)
{
	if (nodes > in->free_nodes)
		return err_set(err, NF_E_NOSPACE,
			       "'%s/nix/store' has %llu free %s, %llu %s needed",
			       in->target.root, (unsigned long long)in->free_nodes,
			       plural(in->free_nodes, "inode", "inodes"),
			       (unsigned long long)nodes, plural(nodes, "is", "are"));
	bytes += nodes * NODE_BYTES;
	if (bytes > in->free_bytes)
		return err_set(err, NF_E_NOSPACE,
			       "'%s/nix/store' has %llu MiB free, %llu MiB are needed",
			       in->target.root,
			       (unsigned long long)(in->free_bytes / MIB),
			       (unsigned long long)(bytes / MIB + 1));
	return 0;
}

/* 0 if nothing is known without the database. */
static enum known look_up(struct intake *in, struct nf_slice base)
{
	const uintptr_t *known;
	enum known ret;

	pthread_mutex_lock(&in->lock);
	known = map_get(&in->known, base);
	ret = known ? (enum known) * known : 0;
	pthread_mutex_unlock(&in->lock);
	return ret;
}

/* False if that, or more, was known before. With the lock. */
static bool note_known(struct intake *in, struct nf_slice base, enum known what)
{
	uintptr_t *known = map_get(&in->known, base);
	bool is_new;

	if (known && *known >= what)
		return false;
	if (!known)
		known = map_put(&in->known, arena_slice(&in->names, base), &is_new);
	*known = what;
	return true;
}

/* ---- unpacking ---- */

/* What would fail when it is registered, and others with it, fails alone. */
static int check_sigs(const struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, STORE_SIGS_MAX);
	return store_text_sigs(&text, info, err);
}

int intake_unpack(struct intake *in, const struct nf_pathinfo *info,
		  struct nf_source *nar, struct intake_tree *ret, struct nf_err *err)
{
	/* Two workers may have the same path, from two sources. */
	AUTO_FREE char *temp = mem_printf("%s.%u", info->path.base,
					  atomic_fetch_add(&in->temp_number, 1));
	uint64_t nodes = 0;
	int rc = check_sigs(info, err);

	if (rc)
		return rc;
	rc = unpack_nar(nar, in->temp_fd, temp, &nodes, err);
	if (!rc && nf_storepath_is_drv(&info->path))
		rc = drv_file_check(in->temp_fd, temp, err);
	if (rc) {
		(void)!file_remove_tree_at(in->temp_fd, temp, NULL);
		return rc;
	}
	*ret = (struct intake_tree){ TAKE_PTR(temp), nodes };
	return 0;
}

static void give_token_back(struct intake *in, const struct waiting *w)
{
	if (w->token && in->on_registered)
		in->on_registered(in->ctx, w->token);
}

void intake_add(struct intake *in, const struct nf_pathinfo *info,
		struct intake_tree *tree, char *token)
{
	struct waiting *w = mem_calloc(1, sizeof(*w));
	bool is_first;

	nf_pathinfo_copy(&w->info, info);
	w->tree = *tree;
	w->token = token;
	*tree = (struct intake_tree){ 0 };
	pthread_mutex_lock(&in->lock);
	is_first = note_known(in, nf_storepath_base(&info->path), KNOWN_WAITING);
	if (is_first)
		waiting_push(&in->waiting, w);
	pthread_mutex_unlock(&in->lock);
	if (is_first)
		return;
	(void)!file_remove_tree_at(in->temp_fd, w->tree.temp, NULL);
	give_token_back(in, w);
	waiting_free(w);
}

/* ---- registering ---- */

/* A reference to what nobody handed over. */
static int is_there(void *ctx, struct nf_slice base, bool *ret, struct nf_err *err)
{
	struct intake *in = ctx;
	struct nf_storepath path;
	int rc;

	/* One that was handed over meanwhile waits for the next batch. */
	*ret = look_up(in, base) == KNOWN_VALID;
	if (*ret)
		return 0;
	rc = nf_storepath_parse_base(&path, base, err);
	if (!rc)
		rc = intake_is_valid(in, &path, ret, err);
	if (rc || !*ret)
		return rc;
	pthread_mutex_lock(&in->lock);
	note_known(in, base, KNOWN_VALID);
	pthread_mutex_unlock(&in->lock);
	return 0;
}

static struct intake_wait *list_waits(const struct waiting_list *l)
{
	struct intake_wait *waits = mem_calloc(l->len, sizeof(*waits));

	for (size_t i = 0; i < l->len; i++)
		waits[i].info = &l->items[i]->info;
	return waits;
}

/* Takes those out of ALL that can be registered, in their order. */
static int take_batch(struct intake *in, struct waiting_list *all,
		      struct waiting_list *batch, struct nf_err *err)
{
	AUTO_FREE struct intake_wait *waits = list_waits(all);
	AUTO_FREE size_t *order = mem_calloc(all->len, sizeof(*order));
	size_t ready = 0, kept = 0;
	int rc = intake_batch_find(waits, all->len, is_there, in, order, &ready, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < ready; i++)
		waiting_push(batch, all->items[order[i]]);
	for (size_t i = 0; i < all->len; i++)
		if (!waits[i].is_ready)
			all->items[kept++] = all->items[i];
	all->len = kept;
	return 0;
}

/* Some paths of a batch, whose locks are held. */
struct group {
	struct waiting **items;
	size_t len;
};

static int lock_group(struct intake *in, const struct group *g, struct path_locks *ret,
		      struct nf_err *err)
{
	AUTO_FREE const char **bases = mem_calloc(g->len, sizeof(*bases));

	for (size_t i = 0; i < g->len; i++)
		bases[i] = g->items[i]->info.path.base;
	return path_locks_take(ret, &in->target, bases, g->len, in->progress, err);
}

/* Others may have made the path valid since it was asked for. */
static int look_again(struct intake *in, struct waiting *w, struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };
	int rc = intake_find(in, &w->info.path, false, &have, err);

	if (rc == -NF_E_MISSING)
		return 0;
	w->was_valid = !rc;
	if (!rc && !nf_hash_eq(&have.nar_hash, &w->info.nar_hash))
		progress_note(in->progress,
			      "'" NF_STORE_DIR "/%s' is valid in '%s' by now, with other "
			      "content, and stays as it is",
			      w->info.path.base, in->target.root);
	return rc;
}

/* What stands in the place of a path that is not valid is what a killed run left. */
static int place(struct intake *in, struct waiting *w, struct nf_err *err)
{
	const char *base = w->info.path.base;
	int rc = look_again(in, w, err);

	if (rc)
		return rc;
	if (w->was_valid)
		return file_remove_tree_at(in->temp_fd, w->tree.temp, err);
	rc = file_remove_tree_at(in->target.store_fd, base, err);
	w->is_placed = !rc;
	return rc ? rc
		  : unpack_finish(in->temp_fd, w->tree.temp, in->target.store_fd, base,
				  err);
}

/* The infos of those that were valid, or of the others; *RET (free()) has as many as are
 * returned. */
static size_t list_infos(const struct group *g, bool were_valid,
			 const struct nf_pathinfo ***ret)
{
	size_t count = 0;

	*ret = mem_calloc(g->len, sizeof(**ret));
	for (size_t i = 0; i < g->len; i++)
		if (g->items[i]->was_valid == were_valid)
			(*ret)[count++] = &g->items[i]->info;
	return count;
}

static int register_placed(struct intake *in, const struct group *g, struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos = NULL;
	size_t count = list_infos(g, false, &infos);
	int rc;

	if (!count)
		return 0;
	/* The bytes are on the disk before the database says that they are there. */
	rc = target_sync(&in->target, err);
	if (rc)
		return rc;
	pthread_mutex_lock(&in->db_lock);
	rc = store_db_register(in->db, in->target.store_fd, infos, count, time(NULL),
			       err);
	pthread_mutex_unlock(&in->db_lock);
	return rc;
}

static int sign_valid(struct intake *in, const struct group *g, struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos = NULL;
	size_t count = list_infos(g, true, &infos);

	return intake_add_sigs(in, infos, count, err);
}

static int write_group(struct intake *in, const struct group *g, struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < g->len; i++)
		rc = place(in, g->items[i], err);
	if (!rc)
		rc = register_placed(in, g, err);
	return rc ? rc : sign_valid(in, g, err);
}

/* Whatever went wrong: what the database knows stays. */
static void take_back(struct intake *in, const struct waiting *w)
{
	bool valid;

	if (w->is_placed && !intake_is_valid(in, &w->info.path, &valid, NULL) && !valid)
		(void)!file_remove_tree_at(in->target.store_fd, w->info.path.base, NULL);
}

static void count_registered(struct intake *in, const struct waiting *w)
{
	pthread_mutex_lock(&in->lock);
	note_known(in, nf_storepath_base(&w->info.path), KNOWN_VALID);
	if (w->was_valid) {
		in->done.present++;
	} else {
		in->done.imported++;
		in->done.nar_bytes += w->info.nar_size;
		in->done.nodes += w->tree.nodes;
	}
	pthread_mutex_unlock(&in->lock);
	give_token_back(in, w);
}

static int register_group(struct intake *in, const struct group *g, struct nf_err *err)
{
	AUTO(path_locks_release) struct path_locks locks = { 0 };
	int rc = lock_group(in, g, &locks, err);

	if (!rc)
		rc = write_group(in, g, err);
	for (size_t i = 0; i < g->len; i++)
		if (rc)
			take_back(in, g->items[i]);
		else
			count_registered(in, g->items[i]);
	return rc;
}

/* Since references come first, each group is closed under them with those before. */
static int register_batch(struct intake *in, struct waiting_list *batch,
			  struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < batch->len; i += LOCKS_MAX) {
		size_t left = batch->len - i;
		struct group g = { batch->items + i,
				   left < LOCKS_MAX ? left : LOCKS_MAX };

		rc = register_group(in, &g, err);
	}
	for (size_t i = 0; i < batch->len; i++)
		waiting_free(batch->items[i]);
	return rc;
}

static struct waiting_list take_waiting(struct intake *in)
{
	struct waiting_list all;

	pthread_mutex_lock(&in->lock);
	all = in->waiting;
	in->waiting = (struct waiting_list){ 0 };
	pthread_mutex_unlock(&in->lock);
	return all;
}

static void give_back(struct intake *in, struct waiting_list *all)
{
	pthread_mutex_lock(&in->lock);
	for (size_t i = 0; i < all->len; i++)
		waiting_push(&in->waiting, all->items[i]);
	pthread_mutex_unlock(&in->lock);
	free(all->items);
}

int intake_register(struct intake *in, struct nf_err *err)
{
	struct waiting_list all, batch = { 0 };
	int rc;

	if (in->is_broken)
		return err_set(err, NF_E_SYS, "an earlier failure to register");
	all = take_waiting(in);
	rc = take_batch(in, &all, &batch, err);
	if (!rc)
		rc = register_batch(in, &batch, err);
	/* What the system could not write it tells once; who asks again is told that all
	 * is well. */
	in->is_broken = rc != 0;
	give_back(in, &all);
	free(batch.items);
	return rc;
}

size_t intake_waiting(struct intake *in)
{
	size_t len;

	pthread_mutex_lock(&in->lock);
	len = in->waiting.len;
	pthread_mutex_unlock(&in->lock);
	return len;
}

static int tell_why(const struct intake *in, const struct intake_wait *w,
		    struct nf_err *err)
{
	if (!w->missing.len)
		return err_set(err, NF_E_FORMAT,
			       "'" NF_STORE_DIR "/%s' refers to itself through others",
			       w->info->path.base);
	return err_set(err, NF_E_MISSING,
		       "'" NF_STORE_DIR "/%s' needs '" NF_STORE_DIR
		       "/%.*s', which is not valid in '%s'",
		       w->info->path.base, NF_SLICE_ARG(w->missing), in->target.root);
}

int intake_why_waiting(struct intake *in, struct nf_err *err)
{
	struct waiting_list all = take_waiting(in);
	AUTO_FREE struct intake_wait *waits = list_waits(&all);
	AUTO_FREE size_t *order = mem_calloc(all.len, sizeof(*order));
	size_t ready;
	int rc = intake_batch_find(waits, all.len, is_there, in, order, &ready, err);

	for (size_t i = 0; !rc && i < all.len; i++)
		if (!waits[i].is_ready)
			rc = tell_why(in, &waits[i], err);
	give_back(in, &all);
	return rc;
}

/* ---- what else is told to the target ---- */

int intake_add_sigs(struct intake *in, const struct nf_pathinfo *const *infos,
		    size_t count, struct nf_err *err)
{
	size_t added = 0;
	int rc;

	if (!count)
		return 0;
	pthread_mutex_lock(&in->db_lock);
	rc = store_db_add_sigs(in->db, infos, count, &added, err);
	pthread_mutex_unlock(&in->db_lock);
	pthread_mutex_lock(&in->lock);
	in->done.sigs_added += added;
	pthread_mutex_unlock(&in->lock);
	return rc;
}

int intake_add_roots(struct intake *in, const struct nf_storepath *roots, size_t count,
		     const char *profile, char **ret_link, struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = gcroot_add(&in->target, &roots[i], err);
	if (!rc && profile)
		rc = store_profile_set(&in->target, profile, roots, ret_link, err);
	return rc ? rc : target_sync(&in->target, err);
}

void intake_tell(struct intake *in, struct nf_import_result *r)
{
	pthread_mutex_lock(&in->lock);
	r->imported = in->done.imported;
	r->present += in->done.present;
	r->sigs_added = in->done.sigs_added;
	r->nar_bytes = in->done.nar_bytes;
	r->nodes = in->done.nodes;
	pthread_mutex_unlock(&in->lock);
}
