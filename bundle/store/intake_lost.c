/* Paths that the database calls valid but that are not on the disk: the disk lost them,
 * or somebody removed them. */
#include "base/mem.h"
#include "store/disk_check.h"
#include "store/intake_private.h"

/* More names than this do not help the user. */
#define TOLD_MAX 10

struct intake_lost_path {
	char *base;
	struct nf_hash nar_hash; /* according to the database */
	bool is_restored;
};

/* The caller holds the lock. */
static struct intake_lost_path *find_lost(struct intake *in, struct nf_slice base)
{
	const uintptr_t *at = map_get(&in->lost_by_base, base);

	return at ? &in->lost[*at] : NULL;
}

void intake_note_lost(struct intake *in, const struct nf_pathinfo *row)
{
	struct nf_slice base = nf_storepath_base(&row->path);
	bool is_told;

	pthread_mutex_lock(&in->lock);
	if (map_get(&in->lost_by_base, base)) {
		pthread_mutex_unlock(&in->lock);
		return;
	}
	MEM_GROW(in->lost, in->lost_len, in->lost_cap);
	in->lost[in->lost_len] = (struct intake_lost_path){
		.base = mem_strdup(row->path.base),
		.nar_hash = row->nar_hash,
	};
	base = nf_slice_str(in->lost[in->lost_len].base);
	*map_put(&in->lost_by_base, base, &(bool){ false }) = in->lost_len++;
	is_told = in->lost_len <= TOLD_MAX;
	pthread_mutex_unlock(&in->lock);
	if (is_told)
		progress_note(in->progress, DISK_CHECK_LOST, row->path.base,
			      in->target.name);
}

void intake_note_restored(struct intake *in, struct nf_slice base)
{
	struct intake_lost_path *lost;

	pthread_mutex_lock(&in->lock);
	lost = find_lost(in, base);
	if (lost)
		lost->is_restored = true;
	pthread_mutex_unlock(&in->lock);
}

bool intake_is_lost(struct intake *in, struct nf_slice base)
{
	const struct intake_lost_path *lost;
	bool ret;

	pthread_mutex_lock(&in->lock);
	lost = find_lost(in, base);
	ret = lost && !lost->is_restored;
	pthread_mutex_unlock(&in->lock);
	return ret;
}

int intake_check_lost(struct intake *in, struct nf_slice base, const uint8_t *nar_hash,
		      struct nf_err *err)
{
	const struct intake_lost_path *lost;
	bool is_other;

	pthread_mutex_lock(&in->lock);
	lost = find_lost(in, base);
	is_other = lost && !in->repairs &&
		   (lost->nar_hash.algo != NF_SHA256 ||
		    memcmp(lost->nar_hash.bytes, nar_hash, nf_hash_size(NF_SHA256)) != 0);
	pthread_mutex_unlock(&in->lock);
	if (!is_other)
		return 0;
	return err_set(
		err, NF_E_FORMAT,
		"'" NF_STORE_DIR
		"/%.*s' is valid in '%s' with different content, but missing on the disk",
		NF_SLICE_ARG(base), in->target.name);
}

bool intake_is_damaged(struct intake *in, struct nf_slice base)
{
	const uintptr_t *damage;
	bool ret;

	pthread_mutex_lock(&in->lock);
	damage = map_get(&in->damaged, base);
	ret = damage && *damage != INTAKE_RESTORED;
	pthread_mutex_unlock(&in->lock);
	return ret;
}

void intake_each_lost(struct intake *in, void (*fn)(void *ctx, const char *base),
		      void *ctx)
{
	for (size_t i = 0; i < in->lost_len; i++)
		if (!in->lost[i].is_restored)
			fn(ctx, in->lost[i].base);
}

void intake_lost_release(struct intake *in)
{
	for (size_t i = 0; i < in->lost_len; i++)
		free(in->lost[i].base);
	free(in->lost);
	map_release(&in->lost_by_base);
}
