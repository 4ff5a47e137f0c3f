#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/slice.h"
#include "pool/pool_private.h"

#define ID_MAX 200
/* The state is saved again after this many bytes. */
#define UNSAVED_MAX MIB

static bool is_id(const char *id)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	size_t len = strlen(id);

	return len > 0 && len <= ID_MAX && id[0] != '.' && strspn(id, allowed) == len;
}

char *pool_partial_id(const struct pool_partial *pp)
{
	struct nf_slice name = nf_slice_str(pp->name);

	if (!slice_ends_with(name, ".part"))
		return NULL;
	return mem_strndup(name.ptr, name.len - strlen(".part"));
}

/* "ID.state" for "ID.part"; NULL if no later run will look for it. */
static char *state_name(const struct pool_partial *pp)
{
	AUTO_FREE char *id = pool_partial_id(pp);

	return id ? mem_printf("%s.state", id) : NULL;
}

/* Opens and locks "ID.part". *ret_fd is -1 if another process has it locked or has just
 * finished it, or if other users can change the file. */
static int open_shared(struct pool *p, const char *name, int *ret_fd, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct nf_err why;
	int rc = file_open_regular_at(&fd, p->tmp_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW,
				      &why);

	if (rc && rc != -NF_E_FORMAT)
		return err_set(err, why.code, "%s/tmp: %s", p->dir, why.text);
	*ret_fd = -1;
	if (rc || owner_check_fd(fd, OWNER_FILE, p->owner, name, NULL))
		return 0;
	if (file_lock_named(fd, p->tmp_fd, name))
		*ret_fd = TAKE_FD(fd);
	else if (errno != EWOULDBLOCK)
		return err_sys(err, "cannot lock '%s/tmp/%s'", p->dir, name);
	return 0;
}

/* A state that cannot be read counts as missing. */
static void read_state(struct pool *p, struct pool_partial *pp)
{
	AUTO_FREE char *name = state_name(pp);
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, PARTIAL_STATE_MAX);
	if (name && file_read_regular_at(p->tmp_fd, name, &text, NULL) == 0)
		partial_state_parse(&pp->state, buf_slice(&text));
}

/* With holes, bytes that were written but not recorded are cut off: the file must end
 * where the last recorded range ends. */
static int look_at(struct pool *p, struct pool_partial *pp, struct nf_err *err)
{
	struct byte_ranges *ranges = &pp->state.ranges;
	struct stat st;

	if (fstat(pp->fd, &st))
		return err_sys(err, "cannot stat '%s/tmp/%s'", p->dir, pp->name);
	if (st.st_size == 0)
		return 0;
	read_state(p, pp);
	pp->is_path_noted = pp->state.path.base[0];
	if (!pp->state.has_holes)
		byte_ranges_add(ranges, 0, (uint64_t)st.st_size);
	byte_ranges_cut(ranges, (uint64_t)st.st_size);
	if (ftruncate(pp->fd, (off_t)byte_ranges_end(ranges)))
		return err_sys(err, "cannot truncate '%s/tmp/%s'", p->dir, pp->name);
	return 0;
}

int pool_partial_open(struct pool *p, const char *id, struct pool_partial *ret,
		      struct nf_err *err)
{
	AUTO(pool_temp_discard) struct pool_temp fresh = POOL_TEMP_INIT;
	struct pool_partial pp = { .fd = -1 };
	int rc;

	if (!is_id(id))
		return err_set(err, NF_E_USAGE, "'%s' cannot name a partial download",
			       id);
	pp.name = mem_printf("%s.part", id);
	rc = open_shared(p, pp.name, &pp.fd, err);
	if (!rc && pp.fd < 0) {
		rc = pool_temp_open(&fresh, p, err);
		free(pp.name);
		pp.name = TAKE_PTR(fresh.name);
		pp.fd = TAKE_FD(fresh.fd);
	}
	if (!rc)
		rc = look_at(p, &pp, err);
	if (rc) {
		pool_partial_keep(p, &pp);
		return rc;
	}
	*ret = pp;
	return 0;
}

/* Not synced: a resumed download is verified like any other. */
static int write_state(struct pool *p, struct pool_partial *pp, const char *name,
		       struct nf_err *err)
{
	AUTO(pool_temp_discard) struct pool_temp temp = POOL_TEMP_INIT;
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, PARTIAL_STATE_MAX);
	partial_state_format(&pp->state, &text);
	if (buf_failed(&text))
		return 0; /* Some of it will be fetched again. */
	rc = pool_temp_open(&temp, p, err);
	if (!rc)
		rc = file_write_all(temp.fd, text.ptr, text.len, name, err);
	return rc ? rc : pool_temp_publish(&temp, p->tmp_fd, name, err);
}

static int save_state(struct pool *p, struct pool_partial *pp, struct nf_err *err)
{
	AUTO_FREE char *name = state_name(pp);
	int rc;

	pp->unsaved = 0;
	if (!name)
		return 0;
	if (pp->state.has_holes || pp->state.etag_count) {
		rc = write_state(p, pp, name, err);
		pp->is_path_noted = !rc && pp->state.path.base[0];
		return rc;
	}
	pp->is_path_noted = false;
	if (unlinkat(p->tmp_fd, name, 0) && errno != ENOENT)
		return err_sys(err, "cannot remove '%s/tmp/%s'", p->dir, name);
	return 0;
}

int pool_partial_set_etag(struct pool *p, struct pool_partial *pp, const char *url,
			  const char *etag, struct nf_err *err)
{
	return partial_state_set_etag(&pp->state, url, etag) ? save_state(p, pp, err) : 0;
}

/* Record the hole before making it. */
static int note_hole(struct pool *p, struct pool_partial *pp, uint64_t offset,
		     struct nf_err *err)
{
	if (pp->state.has_holes || offset <= byte_ranges_end(&pp->state.ranges))
		return 0;
	pp->state.has_holes = true;
	return save_state(p, pp, err);
}

static int write_range(struct pool *p, struct pool_partial *pp,
		       const struct byte_range *range, const char *bytes,
		       struct nf_err *err)
{
	size_t len = (size_t)(range->end - range->from);
	int rc;

	rc = note_hole(p, pp, range->from, err);
	if (!rc)
		rc = file_pwrite_all(pp->fd, bytes, len, range->from, pp->name, err);
	if (rc)
		return rc;
	byte_ranges_add(&pp->state.ranges, range->from, range->end);
	pp->unsaved += len;
	return 0;
}

int pool_partial_write(struct pool *p, struct pool_partial *pp, uint64_t offset,
		       const void *bytes, size_t len, struct nf_err *err)
{
	const char *first = bytes;
	uint64_t at = offset, end = offset + len;
	struct byte_range range;
	int rc = 0;

	for (; !rc && byte_ranges_missing(&pp->state.ranges, at, end, &range);
	     at = range.end)
		rc = write_range(p, pp, &range, first + (range.from - offset), err);
	if (rc || pp->unsaved < UNSAVED_MAX)
		return rc;
	/* If the process is killed, at least record what a large file was for. */
	return pp->state.has_holes ? save_state(p, pp, err)
				   : pool_partial_note_path(p, pp, err);
}

int pool_partial_drop(struct pool *p, struct pool_partial *pp, uint64_t from,
		      uint64_t end, struct nf_err *err)
{
	struct byte_ranges *ranges = &pp->state.ranges;
	uint64_t before = byte_ranges_total(ranges);

	byte_ranges_remove(ranges, from, end);
	if (byte_ranges_total(ranges) == before)
		return 0;
	if (ftruncate(pp->fd, (off_t)byte_ranges_end(ranges)))
		return err_sys(err, "cannot truncate '%s/tmp/%s'", p->dir, pp->name);
	pp->state.has_holes |= !byte_ranges_are_whole(ranges);
	return save_state(p, pp, err);
}

int pool_partial_restart(struct pool *p, struct pool_partial *pp, struct nf_err *err)
{
	if (ftruncate(pp->fd, 0))
		return err_sys(err, "cannot truncate '%s/tmp/%s'", p->dir, pp->name);
	partial_state_clear(&pp->state);
	return save_state(p, pp, err);
}

int pool_partial_forget(struct pool *p, struct pool_partial *pp, struct nf_err *err)
{
	partial_state_release(&pp->state);
	return save_state(p, pp, err);
}

static void close_partial(struct pool_partial *pp)
{
	if (pp->fd >= 0)
		close(pp->fd);
	free(pp->name);
	partial_state_release(&pp->state);
	*pp = (struct pool_partial){ .fd = -1 };
}

void pool_partial_set_path(struct pool_partial *pp, const struct nf_storepath *path)
{
	pp->is_path_noted &= !strcmp(pp->state.path.base, path->base);
	pp->state.path = *path;
}

int pool_partial_note_path(struct pool *p, struct pool_partial *pp, struct nf_err *err)
{
	AUTO_FREE char *name = state_name(pp);
	int rc;

	if (!name || pp->is_path_noted)
		return 0;
	rc = write_state(p, pp, name, err);
	pp->is_path_noted = !rc;
	return rc;
}

static void save_and_close(struct pool *p, struct pool_partial *pp)
{
	struct nf_err err;

	/* If this fails, an earlier state records fewer bytes. */
	if (pp->name && pp->state.has_holes) {
		pp->state.has_holes = !byte_ranges_are_whole(&pp->state.ranges);
		(void)!save_state(p, pp, &err);
	}
	if (pp->name && pp->state.path.base[0] && byte_ranges_total(&pp->state.ranges))
		(void)!pool_partial_note_path(p, pp, NULL);
	close_partial(pp);
}

void pool_partial_keep(struct pool *p, struct pool_partial *pp)
{
	/* A file that no run will look for is useless. */
	if (pp->name && slice_ends_with(nf_slice_str(pp->name), ".tmp"))
		pool_partial_discard(p, pp);
	else
		save_and_close(p, pp);
}

/* Remove the state last: if the process is killed in between, a state without a file
 * remains, which a sweep removes. */
void pool_partial_discard(struct pool *p, struct pool_partial *pp)
{
	AUTO_FREE char *state = pp->name ? state_name(pp) : NULL;

	if (pp->name)
		unlinkat(p->tmp_fd, pp->name, 0);
	if (state)
		unlinkat(p->tmp_fd, state, 0);
	close_partial(pp);
}

uint64_t pool_partial_remove(struct pool *p, const char *id)
{
	struct pool_partial pp = { .name = mem_printf("%s.part", id), .fd = -1 };
	uint64_t size = 0;
	struct stat st;

	if (!file_open_regular_at(&pp.fd, p->tmp_fd, pp.name, O_RDONLY | O_NOFOLLOW,
				  NULL) &&
	    file_lock_named(pp.fd, p->tmp_fd, pp.name) && !fstat(pp.fd, &st)) {
		size = (uint64_t)st.st_size;
		pool_partial_discard(p, &pp);
	} else {
		close_partial(&pp);
	}
	return size;
}
