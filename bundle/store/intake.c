#include "store/intake.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "store/disk_check.h"
#include "store/drv_file.h"
#include "store/gcroot.h"
#include "store/intake_private.h"
#include "store/nix_lock.h"
#include "store/series.h"
#include "store/store_profile.h"
#include "store/unpack.h"

/* Space that a file system object takes in addition to its bytes. */
#define NODE_BYTES (4 * KIB)

void intake_waiting_free(struct intake_waiting *w)
{
	nf_pathinfo_release(&w->info);
	free(w->tree.temp);
	free(w->token);
	free(w);
}

void intake_waiting_push(struct intake_waiting_list *l, struct intake_waiting *w)
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

	if (!rc)
		rc = temp_roots_open(&in->temp_roots, &in->target, in->progress, err);
	if (!rc)
		rc = unpack_dir_open(&in->unpack_dir, &in->target, err);
	if (!rc)
		rc = temp_roots_add(in->temp_roots, nf_slice_str(in->unpack_dir.name),
				    err);
	if (!rc)
		rc = target_free_space(&in->target, &in->space, err);
	if (!rc)
		rc = store_db_open(&in->db, in->target.state_dir, STORE_DB_WRITE, err);
	if (rc || !in->unpack_dir.any_left)
		return rc;
	return path_locks_sweep(&in->target, has_row, in->db, err);
}

/* If there is no store directory, nothing is on the disk. */
static int open_store_dir(struct intake *in, struct nf_err *err)
{
	AUTO_FREE char *dir = mem_printf("%s" NF_STORE_DIR, in->target.root);

	in->target.store_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->target.store_fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(err, "cannot open the directory '%s'", dir);
	return 0;
}

static int open_for_reading(struct intake *in, const char *root, struct nf_err *err)
{
	struct nf_err why;
	int rc;

	in->space.bytes = in->space.inodes = UINT64_MAX;
	target_init(&in->target, root);
	rc = open_store_dir(in, err);
	if (rc)
		return rc;
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
	in->unpack_dir = (struct unpack_dir)UNPACK_DIR_INIT;
	in->progress = progress;
	pthread_mutex_init(&in->db_lock, NULL);
	pthread_mutex_init(&in->lock, NULL);
	map_init(&in->known);
	map_init(&in->lost_by_base);
	map_init(&in->damaged);
	arena_init(&in->names);
	rc = mode == INTAKE_WRITE ? open_for_writing(in, root, err)
				  : open_for_reading(in, root, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(in);
	return 0;
}

static void remove_temp(struct intake *in)
{
	struct nf_err why;

	if (in->unpack_dir.fd < 0 || in->is_lock_left)
		return;
	if (unpack_dir_remove(&in->unpack_dir, &in->target, &why))
		progress_note(in->progress, "'%s/nix/store': %s", in->target.root,
			      why.text);
}

void intake_free(struct intake *in)
{
	if (!in)
		return;
	store_links_free(in->links);
	remove_temp(in);
	unpack_dir_close(&in->unpack_dir);
	store_db_free(in->db);
	temp_roots_free(in->temp_roots);
	target_close(&in->target);
	for (size_t i = 0; i < in->waiting.len; i++)
		intake_waiting_free(in->waiting.items[i]);
	free(in->waiting.items);
	intake_lost_release(in);
	map_release(&in->known);
	map_release(&in->damaged);
	arena_release(&in->names);
	pthread_mutex_destroy(&in->db_lock);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

int intake_share_files(struct intake *in, struct nf_err *err)
{
	return store_links_open(&in->links, &in->target, in->unpack_dir.fd, in->progress,
				err);
}

const char *intake_root(const struct intake *in)
{
	return in->target.name;
}

int intake_temp_fd(const struct intake *in)
{
	return in->unpack_dir.fd;
}

int intake_store_fd(const struct intake *in)
{
	return in->target.store_fd;
}

void intake_on_registered(struct intake *in, void (*fn)(void *ctx, const char *token),
			  void *ctx)
{
	in->on_registered = fn;
	in->ctx = ctx;
}

/* ---- questions ---- */

void intake_allow_gc(struct intake *in)
{
	if (in->temp_roots)
		temp_roots_allow_gc(in->temp_roots);
}

/* What we are told of the path must stay true. */
static int protect(struct intake *in, const struct nf_storepath *path, struct nf_err *err)
{
	return in->temp_roots
		       ? temp_roots_add(in->temp_roots, nf_storepath_base(path), err)
		       : 0;
}

/* 0 if only the database can tell. */
static enum intake_known known_state(struct intake *in, struct nf_slice base)
{
	const uintptr_t *known;
	enum intake_known ret;

	pthread_mutex_lock(&in->lock);
	known = map_get(&in->known, base);
	ret = known ? (enum intake_known) * known : 0;
	pthread_mutex_unlock(&in->lock);
	return ret;
}

bool intake_note_known(struct intake *in, struct nf_slice base, enum intake_known what)
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

int intake_check_series(const struct intake *in, const struct nf_bundle_terms *terms,
			bool allow_older, struct nf_err *err)
{
	return series_check(&in->target, terms, allow_older, in->progress, err);
}

int intake_remember_series(const struct intake *in, const struct nf_bundle_terms *terms,
			   struct nf_err *err)
{
	return series_remember(&in->target, terms, err);
}

int intake_find_row(struct intake *in, const struct nf_storepath *path, bool with_refs,
		    struct nf_pathinfo *info, struct nf_err *err)
{
	int rc;

	nf_pathinfo_init(info);
	pthread_mutex_lock(&in->db_lock);
	rc = in->db ? store_db_query(in->db, path, with_refs, info, err)
		    : err_set(err, NF_E_MISSING, "there is no store in '%s'",
			      in->target.name);
	pthread_mutex_unlock(&in->db_lock);
	return rc;
}

int intake_find(struct intake *in, const struct nf_storepath *path, bool with_refs,
		struct nf_pathinfo *info, struct nf_err *err)
{
	bool there;
	int rc;

	nf_pathinfo_init(info);
	rc = protect(in, path, err);
	if (!rc && intake_is_damaged(in, nf_storepath_base(path)))
		return err_set(err, NF_E_MISSING,
			       "'" NF_STORE_DIR "/%s' is damaged in '%s'", path->base,
			       in->target.root);
	if (!rc)
		rc = intake_find_row(in, path, with_refs, info, err);
	if (!rc)
		rc = disk_check(in->target.store_fd, in->target.root, path->base, &there,
				err);
	if (rc || there)
		return rc;
	intake_note_lost(in, info);
	return err_set(err, NF_E_MISSING, DISK_CHECK_LOST, path->base, in->target.name);
}

int intake_has_row(struct intake *in, const struct nf_storepath *path, bool *ret,
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

/* The whole row is needed only for a path that is missing on the disk. */
static int look_for_lost(struct intake *in, const struct nf_storepath *path, bool *ret,
			 struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo row = { 0 };
	int rc = disk_check(in->target.store_fd, in->target.root, path->base, ret, err);

	if (rc || *ret)
		return rc;
	rc = intake_find_row(in, path, false, &row, err);
	if (!rc)
		intake_note_lost(in, &row);
	return rc == -NF_E_MISSING || rc == -NF_E_UNSUPPORTED ? 0 : rc;
}

int intake_check_hash(struct intake *in, const struct nf_storepath *path,
		      struct nf_err *err)
{
	int rc;

	pthread_mutex_lock(&in->db_lock);
	rc = in->db ? store_db_check_hash(in->db, path, err) : 0;
	pthread_mutex_unlock(&in->db_lock);
	return rc;
}

int intake_is_valid(struct intake *in, const struct nf_storepath *path, bool *ret,
		    struct nf_err *err)
{
	struct nf_slice base = nf_storepath_base(path);
	int rc = 0;

	*ret = known_state(in, base) == INTAKE_VALID;
	if (*ret)
		return 0;
	rc = protect(in, path, err);
	if (!rc && intake_is_damaged(in, base))
		return 0;
	if (!rc)
		rc = intake_has_row(in, path, ret, err);
	if (!rc && *ret)
		rc = look_for_lost(in, path, ret, err);
	if (rc || !*ret)
		return rc;
	pthread_mutex_lock(&in->lock);
	intake_note_known(in, base, INTAKE_VALID);
	pthread_mutex_unlock(&in->lock);
	return 0;
}

struct free_space intake_space(const struct intake *in)
{
	return in->space;
}

uint64_t intake_bytes_needed(uint64_t bytes, uint64_t inodes)
{
	return bytes + inodes * NODE_BYTES;
}

int intake_check_space(const struct intake *in, uint64_t bytes, uint64_t inodes,
		       struct nf_err *err)
{
	if (inodes > in->space.inodes)
		return err_set(err, NF_E_NOSPACE,
			       "'%s/nix/store' has %llu free %s, but %llu %s needed",
			       in->target.root, (unsigned long long)in->space.inodes,
			       plural(in->space.inodes, "inode", "inodes"),
			       (unsigned long long)inodes, plural(inodes, "is", "are"));
	bytes = intake_bytes_needed(bytes, inodes);
	if (bytes > in->space.bytes)
		return err_set(
			err, NF_E_NOSPACE,
			"'%s/nix/store' has %llu MiB free, but %llu MiB are needed",
			in->target.root, (unsigned long long)(in->space.bytes / MIB),
			(unsigned long long)(bytes / MIB + 1));
	return 0;
}

/* ---- unpacking ---- */

/* Unpacks the tree, verifies it and shares its files. */
static int unpack_tree(struct intake *in, const struct nf_pathinfo *info,
		       struct nf_source *nar, struct intake_tree *tree,
		       struct nf_err *err)
{
	AUTO(tree_hashes_release) struct tree_hashes hashes = { 0 };
	struct unpack_notes notes = { .hashes = in->links ? &hashes : NULL };
	int fd = in->unpack_dir.fd, rc;

	tree_hashes_init(&hashes);
	rc = unpack_nar(nar, fd, tree->temp, &notes, err);
	if (!rc && nf_storepath_is_drv(&info->path))
		rc = drv_file_check(fd, tree->temp, err);
	if (!rc && in->links)
		rc = store_links_share(in->links, tree->temp, &hashes, err);
	tree->inodes = notes.inodes;
	return rc;
}

int intake_unpack(struct intake *in, const struct nf_pathinfo *info,
		  struct nf_source *nar, struct intake_tree *ret, struct nf_err *err)
{
	/* Two workers may unpack the same path, from two sources. */
	AUTO_FREE char *temp = mem_printf("%s.%u", info->path.base,
					  atomic_fetch_add(&in->temp_number, 1));
	struct intake_tree tree = { .temp = temp };
	int rc = protect(in, &info->path, err);

	if (!rc)
		rc = intake_check_hash(in, &info->path, err);
	if (rc)
		return rc;
	rc = unpack_tree(in, info, nar, &tree, err);
	if (rc) {
		(void)!file_remove_tree_at(in->unpack_dir.fd, temp, NULL);
		return rc;
	}
	*ret = tree;
	temp = NULL;
	return 0;
}

void intake_give_token_back(struct intake *in, const struct intake_waiting *w)
{
	if (w->token && in->on_registered)
		in->on_registered(in->ctx, w->token);
}

void intake_add(struct intake *in, const struct nf_pathinfo *info,
		struct intake_tree *tree, char *token)
{
	struct intake_waiting *w = mem_calloc(1, sizeof(*w));
	bool is_first;

	nf_pathinfo_copy(&w->info, info);
	w->tree = *tree;
	w->token = token;
	*tree = (struct intake_tree){ 0 };
	pthread_mutex_lock(&in->lock);
	is_first = intake_note_known(in, nf_storepath_base(&info->path), INTAKE_WAITING);
	if (is_first)
		intake_waiting_push(&in->waiting, w);
	pthread_mutex_unlock(&in->lock);
	if (is_first)
		return;
	(void)!file_remove_tree_at(in->unpack_dir.fd, w->tree.temp, NULL);
	intake_give_token_back(in, w);
	intake_waiting_free(w);
}

/* ---- signatures, roots and totals ---- */

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

int intake_add_roots(struct intake *in, const struct intake_roots *roots,
		     struct nf_import_result *ret, struct nf_err *err)
{
	int rc;

	if (roots->profile) {
		rc = store_profile_set(&in->target, roots->profile, roots->paths,
				       &ret->profile_link, in->progress, err);
		if (!rc)
			rc = gcroot_drop(&in->target, roots->paths, err);
	} else {
		rc = gcroot_set(&in->target, roots->gc_root, roots->paths, roots->count,
				err);
	}
	if (!rc)
		rc = target_sync(&in->target, err);
	if (!rc)
		rc = temp_roots_hand_over(in->temp_roots, err);
	if (!rc && !roots->profile)
		ret->gc_root_count = gcroot_names(&ret->gc_roots, roots->gc_root,
						  roots->paths, roots->count);
	return rc;
}

void intake_tell(struct intake *in, struct nf_import_result *r)
{
	pthread_mutex_lock(&in->lock);
	r->imported = in->done.imported;
	r->present += in->done.present;
	r->repaired = in->done.repaired;
	r->sigs_added = in->done.sigs_added;
	r->nar_bytes = in->done.nar_bytes;
	r->inodes = in->done.inodes;
	if (in->links)
		store_links_tell(in->links, &r->shared_files, &r->shared_bytes);
	pthread_mutex_unlock(&in->lock);
}
