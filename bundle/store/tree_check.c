#include "store/tree_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_dump.h"

#define MODE_BITS 07777

struct look {
	struct tree_check *ret;
	const struct tree_check_place *place;
};

static bool is_mode_canonical(const struct stat *st)
{
	mode_t mode = st->st_mode & MODE_BITS;

	if (S_ISDIR(st->st_mode))
		return mode == 0555;
	return !S_ISREG(st->st_mode) || mode == 0444 || mode == 0555;
}

static bool is_time_canonical(const struct stat *st)
{
	return st->st_mtim.tv_sec == 1 && st->st_mtim.tv_nsec == 0;
}

static bool is_owner_canonical(const struct stat *st, const struct look *l)
{
	return st->st_uid == 0 || st->st_uid == l->place->owner;
}

static void look_at_object(void *ctx, const char *path, const struct stat *st)
{
	struct look *l = ctx;
	bool mode = is_mode_canonical(st), time = is_time_canonical(st);

	if (mode && time && is_owner_canonical(st, l))
		return;
	if (l->ret->odd_count++)
		return;
	if (!mode)
		l->ret->odd =
			mem_printf("'%s' has mode %04o", path, st->st_mode & MODE_BITS);
	else if (!time)
		l->ret->odd = mem_printf("'%s' has modification time %lld, not 1", path,
					 (long long)st->st_mtim.tv_sec);
	else
		l->ret->odd = mem_printf("'%s' belongs to user %u", path, st->st_uid);
}

static int read_all(struct tree_check *ret, struct nf_source *nar, struct hasher *hasher,
		    struct progress *progress, struct nf_err *err)
{
	struct nf_slice run;
	int rc;

	for (;;) {
		rc = interrupt_check(err);
		if (!rc)
			rc = source_next(nar, &run, err);
		if (rc || !run.len)
			return rc;
		hasher_update(hasher, run.ptr, run.len);
		ret->size += run.len;
		progress_add(progress, PROGRESS_BYTES_DONE, run.len);
	}
}

int tree_check(struct tree_check *ret, const struct tree_check_place *place,
	       const char *base, enum nf_hash_algo algo, struct progress *progress,
	       struct nf_err *err)
{
	struct look look = { ret, place };
	AUTO(source_closep) struct nf_source *nar = NULL;
	AUTO(hasher_freep) struct hasher *hasher = NULL;
	struct stat st;
	int rc;

	*ret = (struct tree_check){ 0 };
	if (fstatat(place->store_fd, base, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT
			       ? err_set(err, NF_E_MISSING, "it is not on the disk")
			       : err_sys(err, "cannot stat '%s'", base);
	hasher = hasher_new(algo);
	nar = nar_dump_watched(place->store_fd, base, look_at_object, &look);
	rc = read_all(ret, nar, hasher, progress, err);
	if (!rc)
		hasher_final(hasher, &ret->hash);
	return rc;
}

void tree_check_release(struct tree_check *t)
{
	free(t->odd);
	*t = (struct tree_check){ 0 };
}
