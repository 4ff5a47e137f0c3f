#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/plural.h"
#include "store/disk_check.h"
#include "store/intake_batch.h"
#include "store/intake_private.h"
#include "store/nix_lock.h"
#include "store/unpack.h"

/* Paths locked at once in a batch; each lock takes a file descriptor. */
#define LOCKS_MAX 256

/* Whether a reference to a path that nobody added is valid. */
static int is_there(void *ctx, struct nf_slice base, bool *ret, struct nf_err *err)
{
	struct intake *in = ctx;
	struct nf_storepath path;
	int rc;

	/* A path that is added during registration waits for the next batch. */
	*ret = false;
	rc = nf_storepath_parse_base(&path, base, err);
	return rc ? rc : intake_is_valid(in, &path, ret, err);
}

static struct intake_wait *list_waits(const struct intake_waiting_list *l)
{
	struct intake_wait *waits = mem_calloc(l->len, sizeof(*waits));

	for (size_t i = 0; i < l->len; i++)
		waits[i].info = &l->items[i]->info;
	return waits;
}

/* Moves the paths that can be registered out of ALL, in order. */
static int take_batch(struct intake *in, struct intake_waiting_list *all,
		      struct intake_waiting_list *batch, struct nf_err *err)
{
	AUTO_FREE struct intake_wait *waits = list_waits(all);
	AUTO_FREE size_t *order = mem_calloc(all->len, sizeof(*order));
	size_t ready = 0, kept = 0;
	int rc = intake_batch_find(waits, all->len, is_there, in, order, &ready, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < ready; i++)
		intake_waiting_push(batch, all->items[order[i]]);
	for (size_t i = 0; i < all->len; i++)
		if (!waits[i].is_ready)
			all->items[kept++] = all->items[i];
	all->len = kept;
	return 0;
}

/* Part of a batch, whose locks are held. */
struct register_group {
	struct intake_waiting **items;
	size_t len;
};

static int lock_group(struct intake *in, const struct register_group *g,
		      struct path_locks *ret, struct nf_err *err)
{
	AUTO_FREE const char **bases = mem_calloc(g->len, sizeof(*bases));

	for (size_t i = 0; i < g->len; i++)
		bases[i] = g->items[i]->info.path.base;
	return path_locks_take(ret, &in->target, bases, g->len, in->progress, err);
}

/* A valid path keeps its row. Its tree is moved into place only if the path is missing
 * there and the tree matches the row. */
static int judge_valid(struct intake *in, struct intake_waiting *w,
		       const struct nf_pathinfo *row, struct nf_err *err)
{
	struct nf_slice base = nf_storepath_base(&w->info.path);
	bool there;
	int rc = disk_check(in->target.store_fd, in->target.root, w->info.path.base,
			    &there, err);

	if (rc)
		return rc;
	w->was_lost = !there;
	if (w->was_lost) {
		intake_note_lost(in, row);
		return intake_check_lost(in, base, w->info.nar_hash.bytes, err);
	}
	if (!nf_hash_eq(&row->nar_hash, &w->info.nar_hash))
		progress_note(
			in->progress,
			"'" NF_STORE_DIR
			"/%s' has become valid in '%s' with different content; it stays as it is",
			w->info.path.base, in->target.name);
	return 0;
}

/* Another process may have made the path valid since the last check. */
static int look_again(struct intake *in, struct intake_waiting *w, struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo row = { 0 };
	int rc;

	if (intake_is_damaged(in, nf_storepath_base(&w->info.path))) {
		rc = intake_has_row(in, &w->info.path, &w->was_valid, err);
		w->was_damaged = w->was_valid;
		return rc;
	}
	rc = intake_find_row(in, &w->info.path, false, &row, err);
	if (rc == -NF_E_MISSING)
		return 0;
	/* A path whose row cannot be read is still valid. */
	w->was_valid = !rc || rc == -NF_E_UNSUPPORTED;
	if (rc == -NF_E_UNSUPPORTED)
		return 0;
	return rc ? rc : judge_valid(in, w, &row, err);
}

static int look_at_group(struct intake *in, const struct register_group *g,
			 struct nf_err *err)
{
	bool any_lost = false;
	int rc = 0;

	for (size_t i = 0; !rc && i < g->len; i++) {
		rc = look_again(in, g->items[i], err);
		any_lost |= g->items[i]->was_lost || g->items[i]->was_damaged;
	}
	/* A valid path must not be half written after a power failure. */
	return rc || !any_lost ? rc : target_sync(&in->target, err);
}

/* What occupies the place of an invalid path was left by a killed run. */
static int place(struct intake *in, struct intake_waiting *w, struct nf_err *err)
{
	const char *base = w->info.path.base;
	int rc;

	if (w->was_damaged)
		return intake_replace(in, w, err);
	if (w->was_valid && !w->was_lost)
		return file_remove_tree_at(in->unpack_dir.fd, w->tree.temp, err);
	rc = file_remove_tree_at(in->target.store_fd, base, err);
	w->is_placed = !rc;
	if (!rc)
		rc = unpack_finish(in->unpack_dir.fd, w->tree.temp, in->target.store_fd,
				   base, err);
	if (!rc && w->was_lost)
		intake_note_restored(in, nf_storepath_base(&w->info.path));
	return rc;
}

/* The infos of the paths that were already valid, or of the others; *RET (free()) has as
 * many elements as the return value says. */
static size_t list_infos(const struct register_group *g, bool were_valid,
			 const struct nf_pathinfo ***ret)
{
	size_t count = 0;

	*ret = mem_calloc(g->len, sizeof(**ret));
	for (size_t i = 0; i < g->len; i++)
		if (g->items[i]->was_valid == were_valid)
			(*ret)[count++] = &g->items[i]->info;
	return count;
}

static int register_placed(struct intake *in, const struct register_group *g,
			   struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos = NULL;
	size_t count = list_infos(g, false, &infos);
	int rc;

	if (!count)
		return 0;
	/* The bytes reach the disk before the database says that they are there. */
	rc = target_sync(&in->target, err);
	if (rc)
		return rc;
	pthread_mutex_lock(&in->db_lock);
	rc = store_db_register(in->db, in->target.store_fd, infos, count, time(NULL),
			       err);
	pthread_mutex_unlock(&in->db_lock);
	if (rc && store_db_is_in_doubt(in->db))
		return err_prefix(err, rc, "unknown whether %zu %s registered", count,
				  plural(count, "path is", "paths are"));
	return rc;
}

static int rewrite_damaged(struct intake *in, const struct register_group *g,
			   struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos = mem_calloc(g->len, sizeof(*infos));
	size_t count = 0;

	for (size_t i = 0; i < g->len; i++)
		if (g->items[i]->was_damaged)
			infos[count++] = &g->items[i]->info;
	return intake_rewrite(in, infos, count, err);
}

static int sign_valid(struct intake *in, const struct register_group *g,
		      struct nf_err *err)
{
	AUTO_FREE const struct nf_pathinfo **infos = NULL;
	size_t count = list_infos(g, true, &infos);

	return intake_add_sigs(in, infos, count, err);
}

static int place_group(struct intake *in, const struct register_group *g,
		       struct nf_err *err)
{
	int rc = look_at_group(in, g, err);

	for (size_t i = 0; !rc && i < g->len; i++)
		rc = place(in, g->items[i], err);
	if (!rc)
		rc = register_placed(in, g, err);
	if (!rc)
		rc = rewrite_damaged(in, g, err);
	return rc ? rc : sign_valid(in, g, err);
}

/* Whatever is placed is made durable before it is registered. */
static bool was_synced(const struct register_group *g)
{
	for (size_t i = 0; i < g->len; i++)
		if (g->items[i]->is_placed || g->items[i]->was_damaged)
			return true;
	return false;
}

/* A power failure must not leave a link to a file that was not written. */
static int write_group(struct intake *in, const struct register_group *g,
		       struct nf_err *err)
{
	AUTO(store_links_batch_release) struct store_links_batch links = { 0 };
	int rc = in->links ? store_links_collect(in->links, &links, err) : 0;

	if (!rc)
		rc = place_group(in, g, err);
	if (!rc && in->links && was_synced(g))
		store_links_publish(in->links, &links);
	return rc;
}

/* After any failure, what the database records stays, and so does what it may record when
 * it is next opened. The next import replaces what is not valid then. */
static void take_back(struct intake *in, const struct intake_waiting *w)
{
	bool valid;

	if (store_db_is_in_doubt(in->db))
		return;
	if (w->is_placed && !intake_has_row(in, &w->info.path, &valid, NULL) && !valid)
		(void)!file_remove_tree_at(in->target.store_fd, w->info.path.base, NULL);
}

static void count_registered(struct intake *in, const struct intake_waiting *w)
{
	pthread_mutex_lock(&in->lock);
	intake_note_known(in, nf_storepath_base(&w->info.path), INTAKE_VALID);
	if (w->was_valid && !w->was_lost && !w->was_damaged) {
		in->done.present++;
	} else {
		in->done.imported++;
		in->done.nar_bytes += w->info.nar_size;
		in->done.inodes += w->tree.inodes;
	}
	pthread_mutex_unlock(&in->lock);
	intake_give_token_back(in, w);
}

static int register_group(struct intake *in, const struct register_group *g,
			  struct nf_err *err)
{
	AUTO(path_locks_release)
	struct path_locks locks = { .is_left = &in->is_lock_left };
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

/* Since references come first, each group and those before it are closed under
 * references. */
static int register_batch(struct intake *in, struct intake_waiting_list *batch,
			  struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < batch->len; i += LOCKS_MAX) {
		size_t left = batch->len - i;
		struct register_group g = { batch->items + i,
					    left < LOCKS_MAX ? left : LOCKS_MAX };

		rc = register_group(in, &g, err);
	}
	for (size_t i = 0; i < batch->len; i++)
		intake_waiting_free(batch->items[i]);
	return rc;
}

static struct intake_waiting_list take_waiting(struct intake *in)
{
	struct intake_waiting_list all;

	pthread_mutex_lock(&in->lock);
	all = in->waiting;
	in->waiting = (struct intake_waiting_list){ 0 };
	pthread_mutex_unlock(&in->lock);
	return all;
}

static void give_back(struct intake *in, struct intake_waiting_list *all)
{
	pthread_mutex_lock(&in->lock);
	for (size_t i = 0; i < all->len; i++)
		intake_waiting_push(&in->waiting, all->items[i]);
	pthread_mutex_unlock(&in->lock);
	free(all->items);
}

int intake_register(struct intake *in, struct nf_err *err)
{
	struct intake_waiting_list all, batch = { 0 };
	int rc;

	if (in->is_broken)
		return err_set(err, NF_E_SYS, "an earlier failure to register");
	all = take_waiting(in);
	rc = take_batch(in, &all, &batch, err);
	if (!rc)
		rc = register_batch(in, &batch, err);
	/* syncfs reports a write error only once; a second call would succeed. */
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
		       w->info->path.base, NF_SLICE_ARG(w->missing), in->target.name);
}

int intake_why_waiting(struct intake *in, struct nf_err *err)
{
	struct intake_waiting_list all = take_waiting(in);
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
