#include "pool/pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nixferry/storepath.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/encoding.h"
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

	/* The XDG specification: what is not absolute is to be ignored. */
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
			"'%s' is no pool: its nix-cache-info is for the store '%s'",
			p->dir, ci.store_dir);
	return 0;
}

static int read_cache_info(struct pool *p, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, NIX_CACHE_INFO_MAX);
	rc = file_read_regular_at(p->root_fd, "nix-cache-info", &text, err);
	/* Whoever made the directory was killed, or lost power, before it was written. */
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

/* The pool itself may be a link to where there is space. */
static int open_root(struct pool *p, struct nf_err *err)
{
	int rc = owner_open_named(&p->root_fd, &p->owner, p->dir, err);

	if (rc)
		return err_prefix(err, rc, "pool");
	return owner_check_fd(p->root_fd, OWNER_DIR, p->owner, p->dir, err);
}

static int open_dirs(struct pool *p, struct nf_err *err)
{
	int rc;

	rc = file_mkdirs_at(AT_FDCWD, p->dir, err);
	if (rc)
		return err_prefix(err, rc, "pool");
	rc = open_root(p, err);
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

static bool is_absent(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

/* A directory without its parts has no entries. */
static int open_dirs_read(struct pool *p, struct nf_err *err)
{
	int rc;

	if (is_absent(AT_FDCWD, p->dir))
		return 0;
	rc = open_root(p, err);
	if (!rc)
		rc = read_cache_info(p, err);
	if (rc && rc != -NF_E_MISSING)
		return rc;
	rc = is_absent(p->root_fd, "nar") ? 0 : open_part(p, "nar", &p->nar_fd, err);
	if (rc)
		return rc;
	return is_absent(p->root_fd, "tmp") ? 0 : open_part(p, "tmp", &p->tmp_fd, err);
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

char *pool_info_name(char out[POOL_INFO_NAME_MAX], struct nf_slice hash_part)
{
	snprintf(out, POOL_INFO_NAME_MAX, "%.*s.narinfo", NF_SLICE_ARG(hash_part));
	return out;
}

char *pool_url(char out[POOL_URL_MAX], const struct nf_hash *file_hash, enum codec codec)
{
	char digest[64];

	nix32_encode(digest, file_hash->bytes, nf_hash_size(NF_SHA256));
	snprintf(out, POOL_URL_MAX, "nar/%.52s.nar%s", digest, codec_suffix(codec));
	return out;
}

bool pool_names_is_info(const char *name)
{
	return strlen(name) == POOL_INFO_NAME_MAX - 1 &&
	       strcmp(name + NF_STOREPATH_HASH_LEN, ".narinfo") == 0 &&
	       nf_storepath_is_hash(nf_slice(name, NF_STOREPATH_HASH_LEN));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void close_stream(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* With a reading position of its own. */
static DIR *open_stream(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_fd(fd);
	return dir;
}

int pool_names_read(struct pool_names *n, int dir_fd, bool (*pick)(const char *name),
		    struct nf_err *err)
{
	AUTO(close_stream) DIR *dir = open_stream(dir_fd);
	struct dirent *entry;

	if (!dir)
		return err_sys(err, "cannot read the pool's directory");
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (!pick(entry->d_name))
			continue;
		MEM_GROW(n->list, n->len, n->cap);
		n->list[n->len++] = mem_strdup(entry->d_name);
	}
	if (errno)
		return err_sys(err, "cannot read the pool's directory");
	if (n->len)
		qsort(n->list, n->len, sizeof(*n->list), compare_names);
	return 0;
}

void pool_names_release(struct pool_names *n)
{
	for (size_t i = 0; i < n->len; i++)
		free(n->list[i]);
	free(n->list);
	*n = (struct pool_names){ 0 };
}
