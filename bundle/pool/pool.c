#include "pool/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <nixferry/storepath.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/owner.h"
#include "pool/pool_private.h"

int pool_default_dir(char **ret, struct nf_err *err)
{
	const char *cache = getenv("XDG_CACHE_HOME");
	AUTO_FREE char *home = home_dir();

	/* The XDG specification says to ignore a path that is not absolute. */
	if (cache && cache[0] == '/')
		*ret = mem_printf("%s/nixferry", cache);
	else if (home)
		*ret = mem_printf("%s/.cache/nixferry", home);
	else
		return err_set(err, NF_E_USAGE,
			       "no pool: neither XDG_CACHE_HOME nor HOME is set");
	return 0;
}

static int check_cache_info(struct pool *p, struct nf_slice text, struct nf_err *err)
{
	struct nf_cache_info ci;
	int rc;

	rc = nf_cache_info_parse(&ci, text, err);
	if (rc)
		return err_prefix(err, rc, "%s/nix-cache-info", p->dir);
	if (strcmp(ci.store_dir, NF_STORE_DIR) != 0)
		return err_set(
			err, NF_E_USAGE,
			"'%s' is not a pool: its nix-cache-info is for the store '%s'",
			p->dir, ci.store_dir);
	return 0;
}

static int read_cache_info(struct pool *p, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, NIX_CACHE_INFO_MAX);
	rc = file_read_regular_at(p->root_fd, "nix-cache-info", &text, err);
	/* Its creator was killed, or lost power, before it wrote the file. */
	if (!rc && !text.len)
		return err_set(err, NF_E_MISSING, "'%s/nix-cache-info' is empty", p->dir);
	return rc ? rc : check_cache_info(p, buf_slice(&text), err);
}

static int make_cache_info(struct pool *p, struct nf_err *err)
{
	int rc = read_cache_info(p, err);

	if (rc == -NF_E_MISSING)
		return pool_temp_replace(p, "nix-cache-info", POOL_CACHE_INFO,
					 strlen(POOL_CACHE_INFO), err);
	return rc;
}

static int open_part(struct pool *p, const char *name, int *ret_fd, struct nf_err *err)
{
	AUTO_FREE char *path = mem_printf("%s/%s", p->dir, name);
	AUTO_FD int fd = -1;
	int rc = file_opendir_at(&fd, p->root_fd, name, err);

	if (rc)
		return err_prefix(err, rc, "pool '%s'", p->dir);
	rc = owner_check_fd(fd, OWNER_DIR, p->owner, path, err);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

static int make_part(struct pool *p, const char *name, int *ret_fd, struct nf_err *err)
{
	int rc = file_mkdirs_at(p->root_fd, name, err);

	return rc ? err_prefix(err, rc, "pool '%s'", p->dir)
		  : open_part(p, name, ret_fd, err);
}

/* The pool itself may be a link to a disk with more space. */
static int open_root(struct pool *p, bool to_read, struct nf_err *err)
{
	int rc = owner_open_named(&p->root_fd, &p->owner, p->dir, err);

	if (rc)
		return err_prefix(err, rc, "pool");
	return to_read ? owner_check_to_read(p->root_fd, OWNER_DIR, p->owner, p->dir, err)
		       : owner_close_fd(p->root_fd, OWNER_DIR, p->owner, p->dir, err);
}

static int open_dirs(struct pool *p, struct nf_err *err)
{
	int rc;

	rc = file_mkdirs_at(AT_FDCWD, p->dir, err);
	if (rc)
		return err_prefix(err, rc, "pool");
	rc = open_root(p, false, err);
	if (!rc)
		rc = make_part(p, "nar", &p->nar_fd, err);
	return rc ? rc : make_part(p, "tmp", &p->tmp_fd, err);
}

static struct pool *new_pool(const char *dir)
{
	struct pool *p = mem_calloc(1, sizeof(*p));

	p->dir = mem_strdup(dir);
	p->root_fd = p->nar_fd = p->tmp_fd = -1;
	atomic_init(&p->temp_number, 0);
	pthread_mutex_init(&p->encoders.lock, NULL);
	pool_commit_init(&p->commit, p);
	return p;
}

int pool_open(struct pool **ret, const char *dir, struct nf_err *err)
{
	AUTO(pool_freep) struct pool *p = new_pool(dir);
	int rc = open_dirs(p, err);

	if (!rc)
		rc = make_cache_info(p, err);
	if (rc)
		return rc;
	pool_temp_sweep(p);
	*ret = TAKE_PTR(p);
	return 0;
}

static bool is_absent(int dir_fd, const char *name, int flags)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, flags) && errno == ENOENT;
}

/* A directory without the pool's subdirectories has no entries. */
static int open_dirs_read(struct pool *p, struct nf_err *err)
{
	int rc;

	/* A dangling link is an empty pool, too. */
	if (is_absent(AT_FDCWD, p->dir, 0))
		return 0;
	rc = open_root(p, true, err);
	if (!rc)
		rc = read_cache_info(p, err);
	if (rc && rc != -NF_E_MISSING)
		return rc;
	rc = is_absent(p->root_fd, "nar", AT_SYMLINK_NOFOLLOW)
		     ? 0
		     : open_part(p, "nar", &p->nar_fd, err);
	if (rc)
		return rc;
	return is_absent(p->root_fd, "tmp", AT_SYMLINK_NOFOLLOW)
		       ? 0
		       : open_part(p, "tmp", &p->tmp_fd, err);
}

int pool_open_read(struct pool **ret, const char *dir, struct nf_err *err)
{
	AUTO(pool_freep) struct pool *p = new_pool(dir);
	int rc = open_dirs_read(p, err);

	if (rc)
		return rc;
	*ret = TAKE_PTR(p);
	return 0;
}

bool pool_is_there(const struct pool *p)
{
	return p->root_fd >= 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pool_commit_release(&p->commit);
	for (size_t i = 0; i < p->encoders.len; i++)
		zstd_encoder_free(p->encoders.list[i].encoder);
	free(p->encoders.list);
	pthread_mutex_destroy(&p->encoders.lock);
	close_fd(p->tmp_fd);
	close_fd(p->nar_fd);
	close_fd(p->root_fd);
	free(p->dir);
	free(p);
}

const char *pool_dir(const struct pool *p)
{
	return p->dir;
}

void pool_set_progress(struct pool *p, struct progress *progress)
{
	p->progress = progress;
}

int pool_flush(struct pool *p, struct nf_err *err)
{
	return pool_commit_flush(&p->commit, err);
}
