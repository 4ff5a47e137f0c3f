/* Removes partial downloads that no run will ask for again. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "pool/pool_private.h"

/* A download that no run has continued for so long is unlikely to be needed. For a small
 * file that a kill left without a state, it is unknown whether its path is stored;
 * keeping it saves little. */
#define AGE_MAX_S	(30 * 24 * 3600)
#define AGE_MAX_SMALL_S (24 * 3600)
#define SMALL_MAX	MIB

static bool is_of_partial(const char *name)
{
	struct nf_slice s = nf_slice_str(name);

	return name[0] != '.' &&
	       (slice_ends_with(s, ".part") || slice_ends_with(s, ".state"));
}

static bool read_path(struct pool *p, const char *state, struct nf_storepath *ret)
{
	AUTO(partial_state_release) struct partial_state s = { 0 };
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, PARTIAL_STATE_MAX);
	if (file_read_regular_at(p->tmp_fd, state, &text, NULL))
		return false;
	partial_state_parse(&s, buf_slice(&text));
	*ret = s.path;
	return s.path.base[0] != '\0';
}

static bool is_old(struct pool *p, const char *name, const char *id)
{
	AUTO_FREE char *state = mem_printf("%s.state", id);
	time_t age_max = AGE_MAX_S;
	struct stat st;

	if (fstatat(p->tmp_fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
		return false;
	if (st.st_size < (off_t)SMALL_MAX &&
	    faccessat(p->tmp_fd, state, F_OK, AT_SYMLINK_NOFOLLOW))
		age_max = AGE_MAX_SMALL_S;
	return time(NULL) - st.st_mtime > age_max;
}

static void sweep_state(struct pool *p, const char *name, const char *id,
			bool (*is_there)(void *ctx, const struct nf_storepath *path),
			void *ctx)
{
	AUTO_FREE char *part = mem_printf("%s.part", id);
	struct nf_storepath path;

	if (faccessat(p->tmp_fd, part, F_OK, AT_SYMLINK_NOFOLLOW))
		unlinkat(p->tmp_fd, name, 0);
	else if (read_path(p, name, &path) && is_there(ctx, &path))
		pool_partial_remove(p, id);
}

void pool_partial_sweep(struct pool *p,
			bool (*is_there)(void *ctx, const struct nf_storepath *path),
			void *ctx)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };

	if (pool_names_read(&names, p->tmp_fd, is_of_partial, NULL))
		return;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.list[i];
		AUTO_FREE char *id =
			mem_strndup(name, (size_t)(strrchr(name, '.') - name));

		if (slice_ends_with(nf_slice_str(name), ".state"))
			sweep_state(p, name, id, is_there, ctx);
		else if (is_old(p, name, id))
			pool_partial_remove(p, id);
	}
}
