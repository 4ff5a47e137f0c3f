/* Paths that the database calls valid and whose contents, metadata or row are wrong. */
#include "base/file.h"
#include "base/mem.h"
#include "base/plural.h"
#include "store/intake_private.h"
#include "store/store_check.h"
#include "store/unpack.h"

/* More names than this do not help the user. */
#define TOLD_MAX 10

static void note_damage(struct intake *in, const struct store_finding *f)
{
	struct nf_storepath path;
	uintptr_t *damage;
	bool is_new;

	if (f->fault == STORE_FAULT_UNREADABLE ||
	    nf_storepath_parse(&path, nf_slice_str(f->path), NULL))
		return;
	damage = map_put(&in->damaged, arena_slice(&in->names, nf_storepath_base(&path)),
			 &is_new);
	if (is_new || f->fault != STORE_FAULT_MISSING)
		*damage =
			f->fault == STORE_FAULT_MISSING ? INTAKE_MISSING : INTAKE_DAMAGED;
	if (in->damaged.len <= TOLD_MAX)
		progress_note(in->progress, "'%s' is damaged: %s", f->path, f->cause);
}

/* Those of PATHS that are valid; *RET_COUNT counts them. free(). */
static struct nf_storepath *list_valid(struct intake *in,
				       const struct nf_storepath *paths, size_t count,
				       size_t *ret_count, struct nf_err *err)
{
	AUTO_FREE struct nf_storepath *valid = mem_calloc(count + 1, sizeof(*valid));
	bool has_row;

	*ret_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (intake_has_row(in, &paths[i], &has_row, err))
			return NULL;
		if (has_row)
			valid[(*ret_count)++] = paths[i];
	}
	return TAKE_PTR(valid);
}

int intake_find_damage(struct intake *in, const struct nf_storepath *paths, size_t count,
		       size_t jobs, struct nf_err *err)
{
	AUTO(store_check_release) struct store_check_result found = { 0 };
	AUTO_FREE struct nf_storepath *valid = NULL;
	struct store_check_options opts = { .jobs = jobs, .progress = in->progress };
	int rc;

	in->repairs = true;
	if (!in->db)
		return 0;
	if (paths) {
		valid = list_valid(in, paths, count, &opts.count, err);
		if (!valid)
			return -(int)(err ? err->code : NF_E_SYS);
		opts.paths = valid;
	}
	rc = store_check(&found, in->target.root, &opts, err);
	progress_restart(in->progress);
	for (size_t i = 0; !rc && i < found.count; i++)
		note_damage(in, &found.findings[i]);
	return rc;
}

static bool has_same_refs(const struct nf_pathinfo *a, const struct nf_pathinfo *b)
{
	if (a->nrefs != b->nrefs)
		return false;
	for (size_t i = 0; i < a->nrefs; i++)
		if (!nf_pathinfo_has_ref(b, a->refs[i]))
			return false;
	return true;
}

int intake_find_other_refs(struct intake *in, const struct nf_pathinfo *info,
			   struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo row = { 0 };
	char path[NF_STOREPATH_TEXT_MAX];
	char cause[] = "the database has other references than those that were signed";
	const struct store_finding found = {
		.fault = STORE_FAULT_DATABASE,
		.path = nf_storepath_format(path, &info->path),
		.cause = cause,
	};
	struct nf_err why = { 0 };
	int rc = intake_find_row(in, &info->path, true, &row, &why);

	if (rc == -NF_E_MISSING || rc == -NF_E_UNSUPPORTED)
		return 0;
	if (rc) {
		if (err)
			*err = why;
		return rc;
	}
	if (nf_hash_eq(&row.nar_hash, &info->nar_hash) && !has_same_refs(&row, info))
		note_damage(in, &found);
	return 0;
}

int intake_replace(struct intake *in, struct intake_waiting *w, struct nf_err *err)
{
	AUTO_FREE char *old = mem_printf("%s.old", w->tree.temp);
	int temp_fd = intake_temp_fd(in);
	int rc = unpack_replace(temp_fd, w->tree.temp, in->target.store_fd,
				w->info.path.base, err);

	if (!rc)
		rc = file_remove_tree_at(temp_fd, w->tree.temp, err);
	return rc ? rc : file_remove_tree_at(temp_fd, old, err);
}

int intake_rewrite(struct intake *in, const struct nf_pathinfo *const *infos,
		   size_t count, struct nf_err *err)
{
	int rc;

	if (!count)
		return 0;
	/* The database must not describe what is not yet on the disk. */
	rc = target_sync(&in->target, err);
	if (rc)
		return rc;
	pthread_mutex_lock(&in->db_lock);
	rc = store_db_rewrite(in->db, infos, count, err);
	pthread_mutex_unlock(&in->db_lock);
	pthread_mutex_lock(&in->lock);
	for (size_t i = 0; !rc && i < count; i++)
		*map_get(&in->damaged, nf_storepath_base(&infos[i]->path)) =
			INTAKE_RESTORED;
	in->done.repaired += rc ? 0 : count;
	pthread_mutex_unlock(&in->lock);
	return rc;
}

int intake_check_repaired(struct intake *in, struct nf_err *err)
{
	enum nf_error code = NF_E_MISSING;
	struct nf_slice first = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < in->damaged.cap; i++) {
		const struct map_slot *s = &in->damaged.slots[i];
		struct nf_slice base = nf_slice(s->key, s->key_len);

		if (!s->key || s->value == INTAKE_RESTORED)
			continue;
		if (s->value == INTAKE_DAMAGED)
			code = NF_E_FORMAT;
		if (!count++ || nf_slice_cmp(base, first) < 0)
			first = base;
	}
	if (!count)
		return 0;
	if (in->done.repaired)
		progress_note(in->progress, "%zu damaged %s restored", in->done.repaired,
			      plural(in->done.repaired, "path was", "paths were"));
	return err_set(
		err, code,
		"%zu damaged %s of '%s' could not be restored, first '" NF_STORE_DIR
		"/%.*s': 'nixferry check' names all of them",
		count, plural(count, "path", "paths"),
		in->target.root[0] ? in->target.root : "/", NF_SLICE_ARG(first));
}
