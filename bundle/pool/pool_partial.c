#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "pool/pool_private.h"

#define ID_MAX	 200
#define ETAG_MAX 1024

static bool is_id(const char *id)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	size_t len = strlen(id);

	return len > 0 && len <= ID_MAX && id[0] != '.' && strspn(id, allowed) == len;
}

/* "ID.etag" of "ID.part"; NULL for one that no later run will look for. */
static char *etag_name(const struct pool_partial *pp)
{
	struct nf_slice name = nf_slice_str(pp->name);

	if (!slice_ends_with(name, ".part"))
		return NULL;
	return mem_printf("%.*s.etag", (int)(name.len - strlen(".part")), name.ptr);
}

/* Opens and locks "ID.part"; *ret_fd is -1 if another process has it, or just finished
 * it.
 */
static int open_shared(struct pool *p, const char *name, int *ret_fd, struct nf_err *err)
{
	AUTO_FD int fd =
		openat(p->tmp_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(err, "%s/tmp/%s", p->dir, name);
	if (pool_temp_lock(p, fd, name))
		*ret_fd = TAKE_FD(fd);
	else if (errno == EWOULDBLOCK)
		*ret_fd = -1;
	else
		return err_sys(err, "lock %s/tmp/%s", p->dir, name);
	return 0;
}

static bool is_printable(struct nf_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0;
}

/* An ETag that cannot be read is as good as none. */
static char *read_etag(struct pool *p, const char *name)
{
	AUTO_BUF struct buf text;

	buf_init(&text, ETAG_MAX);
	if (file_read_at(p->tmp_fd, name, &text, NULL) || !is_printable(buf_slice(&text)))
		return NULL;
	return buf_take(&text);
}

static int look_at(struct pool *p, struct pool_partial *pp, struct nf_err *err)
{
	AUTO_FREE char *etag = etag_name(pp);
	struct stat st;

	if (fstat(pp->fd, &st) || lseek(pp->fd, 0, SEEK_END) < 0)
		return err_sys(err, "%s/tmp/%s", p->dir, pp->name);
	pp->size = (uint64_t)st.st_size;
	if (etag && pp->size)
		pp->etag = read_etag(p, etag);
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

static int write_etag(struct pool *p, const char *name, const char *etag,
		      struct nf_err *err)
{
	AUTO(pool_temp_discard) struct pool_temp temp = POOL_TEMP_INIT;
	int rc;

	rc = pool_temp_open(&temp, p, err);
	if (!rc)
		rc = file_write_all(temp.fd, etag, strlen(etag), name, err);
	/* Not synced: what is resumed is verified like anything else. */
	return rc ? rc : pool_temp_publish(&temp, p->tmp_fd, name, err);
}

int pool_partial_set_etag(struct pool *p, struct pool_partial *pp, const char *etag,
			  struct nf_err *err)
{
	AUTO_FREE char *name = etag_name(pp);
	bool usable =
		etag && is_printable(nf_slice_str(etag)) && strlen(etag) <= ETAG_MAX;

	if (usable && pp->etag && strcmp(etag, pp->etag) == 0)
		return 0;
	free(pp->etag);
	pp->etag = usable ? mem_strdup(etag) : NULL;
	if (!name)
		return 0;
	if (usable)
		return write_etag(p, name, etag, err);
	if (unlinkat(p->tmp_fd, name, 0) && errno != ENOENT)
		return err_sys(err, "%s/tmp/%s", p->dir, name);
	return 0;
}

int pool_partial_restart(struct pool *p, struct pool_partial *pp, struct nf_err *err)
{
	if (ftruncate(pp->fd, 0) || lseek(pp->fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s/tmp/%s", p->dir, pp->name);
	pp->size = 0;
	return pool_partial_set_etag(p, pp, NULL, err);
}

static void close_partial(struct pool_partial *pp)
{
	if (pp->fd >= 0)
		close(pp->fd);
	free(pp->name);
	free(pp->etag);
	*pp = (struct pool_partial){ .fd = -1 };
}

void pool_partial_keep(struct pool *p, struct pool_partial *pp)
{
	/* One that nobody will look for is of no use. */
	if (pp->name && slice_ends_with(nf_slice_str(pp->name), ".tmp"))
		pool_partial_discard(p, pp);
	else
		close_partial(pp);
}

void pool_partial_discard(struct pool *p, struct pool_partial *pp)
{
	AUTO_FREE char *etag = pp->name ? etag_name(pp) : NULL;

	if (etag)
		unlinkat(p->tmp_fd, etag, 0);
	if (pp->name)
		unlinkat(p->tmp_fd, pp->name, 0);
	close_partial(pp);
}
