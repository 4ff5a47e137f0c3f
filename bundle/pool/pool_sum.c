#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/slice.h"
#include "pool/pool_private.h"

struct summing {
	struct pool_sums *sums;
	struct arena arena;
	struct map files; /* files counted so far, by URL */
};

static int sum_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct summing *s = ctx;
	bool is_new;

	(void)err;
	s->sums->entries++;
	s->sums->nar_bytes += ni->info.nar_size;
	map_put(&s->files, arena_slice(&s->arena, ni->url), &is_new);
	if (is_new)
		s->sums->file_bytes += ni->file_size;
	return 0;
}

static bool is_partial(const char *name)
{
	return slice_ends_with(nf_slice_str(name), ".part");
}

static int sum_partials(struct pool *p, struct pool_sums *sums, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	struct stat st;
	int rc = 0;

	if (p->tmp_fd >= 0)
		rc = pool_names_read(&names, p->tmp_fd, is_partial, err);
	if (rc)
		return err_prefix(err, rc, "'%s/tmp'", p->dir);
	for (size_t i = 0; !rc && i < names.len; i++) {
		if (fstatat(p->tmp_fd, names.list[i], &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode))
			continue;
		sums->partials++;
		sums->partial_bytes += (uint64_t)st.st_blocks * 512;
	}
	return rc;
}

int pool_sum(struct pool *p, struct pool_sums *ret, struct nf_err *err)
{
	struct summing s = { .sums = ret };
	int rc;

	*ret = (struct pool_sums){ 0 };
	arena_init(&s.arena);
	map_init(&s.files);
	rc = pool_each(p, sum_entry, &s, err);
	map_release(&s.files);
	arena_release(&s.arena);
	return rc ? rc : sum_partials(p, ret, err);
}

uint64_t pool_partial_total(struct pool *p)
{
	struct pool_sums sums = { 0 };

	return sum_partials(p, &sums, NULL) ? 0 : sums.partial_bytes;
}
