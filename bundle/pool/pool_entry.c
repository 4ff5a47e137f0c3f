#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/owner.h"
#include "base/plural.h"
#include "base/stream.h"
#include "pool/pool_lock.h"
#include "pool/pool_private.h"

/* A damaged or foreign file counts as missing, and will be replaced. */
static int as_missing(struct nf_err *err, int rc)
{
	switch (-rc) {
	case NF_E_FORMAT:
	case NF_E_LIMIT:
	case NF_E_HASH:
	case NF_E_UNSUPPORTED:
		if (err)
			err->code = NF_E_MISSING;
		return -NF_E_MISSING;
	default:
		return rc;
	}
}

/* A file that another user can change counts as missing, and will be replaced. */
static int check_owner(const struct pool *p, const struct stat *st, const char *name,
		       struct nf_err *err)
{
	int rc = owner_check(st, OWNER_DATA, p->owner, name, err);

	if (!rc)
		return 0;
	if (err)
		err->code = NF_E_MISSING;
	return -NF_E_MISSING;
}

static int check_stat(const struct pool *p, const struct stat *st, const char *name,
		      uint64_t size, struct nf_err *err)
{
	if (!S_ISREG(st->st_mode) || (uint64_t)st->st_size != size)
		return err_set(err, NF_E_MISSING,
			       "its file 'nar/%s' is not %" PRIu64 " %s long", name, size,
			       plural(size, "byte", "bytes"));
	return check_owner(p, st, name, err);
}

static int check_file(struct pool *p, const char *name, uint64_t size, struct nf_err *err)
{
	struct stat st;

	if (fstatat(p->nar_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return err_sys(err, "cannot stat 'nar/%s'", name);
		return err_set(err, NF_E_MISSING, "its file 'nar/%s' is missing", name);
	}
	return check_stat(p, &st, name, size, err);
}

/* The URL must be the one that we would write, so it cannot lead out of nar/. */
static int own_url(char url[POOL_URL_MAX], const struct nf_narinfo *ni,
		   struct nf_err *err)
{
	enum codec codec;

	if (!codec_parse(&codec, ni->compression))
		return err_set(err, NF_E_MISSING, "its compression '%.*s' is unknown",
			       NF_SLICE_ARG(ni->compression));
	if (!ni->has_file_hash || ni->file_hash.algo != NF_SHA256 || !ni->file_size ||
	    !ni->has_xxh3 || !ni->inodes)
		return err_set(err, NF_E_MISSING,
			       "it lacks a field that every pool entry has");
	if (!nf_slice_is(ni->url, pool_url(url, &ni->file_hash, codec)))
		return err_set(err, NF_E_MISSING, "its URL '%.*s' is not '%s'",
			       NF_SLICE_ARG(ni->url), url);
	return 0;
}

static int parse_entry(struct nf_narinfo *ni, struct nf_slice hash_part,
		       const struct nf_storepath *wanted, struct nf_slice text,
		       struct nf_err *err)
{
	int rc = nf_narinfo_parse_pool(ni, text, err);
	bool is_it;

	if (rc)
		return rc;
	is_it = wanted ? nf_storepath_cmp(&ni->info.path, wanted) == 0
		       : nf_slice_eq(nf_storepath_hash(&ni->info.path), hash_part);
	return is_it ? 0
		     : err_set(err, NF_E_FORMAT, "it is for '%s'", ni->info.path.base);
}

static int read_info(const struct pool *p, const char *name, struct buf *text,
		     struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc = file_open_regular_at(&fd, p->root_fd, name, O_RDONLY | O_NOFOLLOW, err);

	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", name);
	rc = check_owner(p, &st, name, err);
	return rc ? rc : file_read_fd(fd, name, text, err);
}

static int load(struct pool *p, struct nf_slice hash_part,
		const struct nf_storepath *wanted, struct nf_narinfo *ni,
		struct nf_err *err)
{
	char name[POOL_INFO_NAME_MAX], url[POOL_URL_MAX];
	AUTO_BUF struct buf text = { 0 };
	int rc;

	nf_narinfo_init(ni);
	if (p->nar_fd < 0)
		return err_set(err, NF_E_MISSING, "there is no pool in '%s'", p->dir);
	buf_init(&text, NARINFO_MAX);
	pool_info_name(name, hash_part);
	rc = read_info(p, name, &text, err);
	if (!rc)
		rc = parse_entry(ni, hash_part, wanted, buf_slice(&text), err);
	if (!rc)
		rc = own_url(url, ni, err);
	if (!rc)
		rc = check_file(p, url + POOL_URL_FILE, ni->file_size, err);
	if (!rc)
		return 0;
	return err_prefix(err, as_missing(err, rc), "pool entry '%s'",
			  wanted ? wanted->base : name);
}

int pool_entry_load(struct pool *p, struct nf_slice hash_part, struct nf_narinfo *ni,
		    struct nf_err *err)
{
	return load(p, hash_part, NULL, ni, err);
}

int pool_find(struct pool *p, const struct nf_storepath *path, struct nf_narinfo *ni,
	      struct nf_err *err)
{
	return load(p, nf_storepath_hash(path), path, ni, err);
}

int pool_open_file(struct pool *p, const char *name, uint64_t size, int *ret_fd,
		   struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc = file_open_regular_at(&fd, p->nar_fd, name, O_RDONLY | O_NOFOLLOW, err);

	if (rc == -NF_E_MISSING)
		return err_set(err, NF_E_MISSING, "its file 'nar/%s' is missing", name);
	if (rc)
		return as_missing(err, rc);
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat 'nar/%s'", name);
	rc = check_stat(p, &st, name, size, err);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

int pool_open_nar(struct pool *p, const struct nf_narinfo *ni, int *ret_fd,
		  struct nf_err *err)
{
	char url[POOL_URL_MAX];
	int rc;

	rc = own_url(url, ni, err);
	if (!rc)
		rc = pool_open_file(p, url + POOL_URL_FILE, ni->file_size, ret_fd, err);
	return rc ? err_prefix(err, rc, "pool entry '%s'", ni->info.path.base) : 0;
}

static int replace_info(struct pool *p, const struct nf_narinfo *ni, struct nf_err *err)
{
	char name[POOL_INFO_NAME_MAX];
	AUTO_FREE char *text = NULL;
	size_t len;

	pool_info_name(name, nf_storepath_hash(&ni->info.path));
	text = nf_narinfo_format(ni, &len);
	return pool_temp_replace(p, name, text, len, err);
}

static int add_sigs(struct pool *p, const struct nf_pathinfo *info, struct nf_narinfo *ni,
		    struct nf_err *err)
{
	size_t before;
	int rc;

	rc = pool_find(p, &info->path, ni, err);
	if (rc)
		return rc;
	/* A signature covers the NAR's hash and size: that of another NAR would be wrong
	 * here. */
	if (!nf_hash_eq(&ni->info.nar_hash, &info->nar_hash))
		return err_set(err, NF_E_HASH,
			       "pool entry '%s': the signatures are for another NAR",
			       info->path.base);
	before = ni->info.nsigs;
	for (size_t i = 0; i < info->nsigs; i++)
		if (i < info->ntrusted || ni->info.nsigs < PATHINFO_SIGS_MAX)
			nf_pathinfo_add_sig(&ni->info, info->sigs[i]);
	return ni->info.nsigs == before ? 0 : replace_info(p, ni, err);
}

int pool_add_sigs(struct pool *p, const struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	AUTO_FD int lock = -1;
	int rc;

	nf_narinfo_init(&ni);
	rc = pool_lock(p, LOCK_EX, &lock, err);
	return rc ? rc : add_sigs(p, info, &ni, err);
}

int pool_each(struct pool *p,
	      int (*fn)(void *ctx, const struct nf_narinfo *ni, struct nf_err *err),
	      void *ctx, struct nf_err *err)
{
	AUTO(pool_names_release) struct pool_names names = { 0 };
	int rc;

	if (p->nar_fd < 0)
		return 0;
	rc = pool_names_read(&names, p->root_fd, pool_names_is_info, err);
	if (rc)
		return err_prefix(err, rc, "'%s'", p->dir);
	for (size_t i = 0; !rc && i < names.len; i++) {
		struct nf_slice hash_part =
			nf_slice(names.list[i], NF_STOREPATH_HASH_LEN);
		struct nf_narinfo ni;

		rc = pool_entry_load(p, hash_part, &ni, err);
		if (rc == -NF_E_MISSING)
			rc = 0;
		else if (!rc)
			rc = fn(ctx, &ni, err);
		nf_narinfo_release(&ni);
	}
	return rc;
}

static int sum_file(int fd, uint64_t size, uint8_t sum[XXH3_128_SIZE], struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *src = nf_source_of_fd_range(fd, 0, size);
	AUTO(xxh3_freep) struct xxh3 *xxh3 = xxh3_new();
	struct nf_slice run;
	int rc;

	for (;;) {
		rc = source_next(src, &run, err);
		if (!rc)
			rc = interrupt_check(err);
		if (rc)
			return rc;
		if (!run.len)
			break;
		xxh3_update(xxh3, run.ptr, run.len);
	}
	xxh3_final(xxh3, sum);
	return 0;
}

int pool_check_entry(struct pool *p, const struct nf_narinfo *ni, struct nf_err *err)
{
	char was[2 * XXH3_128_SIZE + 1], is[2 * XXH3_128_SIZE + 1];
	uint8_t sum[XXH3_128_SIZE];
	AUTO_FD int fd = -1;
	int rc;

	rc = pool_open_nar(p, ni, &fd, err);
	if (rc)
		return rc;
	rc = sum_file(fd, ni->file_size, sum, err);
	if (rc)
		return err_prefix(err, rc, "pool entry '%s'", ni->info.path.base);
	if (memcmp(sum, ni->xxh3, sizeof(sum)) == 0)
		return 0;
	base16_encode(was, ni->xxh3, sizeof(sum));
	base16_encode(is, sum, sizeof(sum));
	return err_set(
		err, NF_E_HASH,
		"pool entry '%s': its file is damaged: its XXH3 was %s and is now %s",
		ni->info.path.base, was, is);
}

struct users {
	const struct nf_hash *file_hash;
	bool used;
};

static int look_for_user(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct users *u = ctx;

	(void)err;
	u->used = nf_hash_eq(&ni->file_hash, u->file_hash);
	return u->used;
}

/* Two paths with the same NAR share a file. */
static int remove_file(struct pool *p, const struct nf_narinfo *ni, const char *name,
		       struct nf_err *err)
{
	struct users u = { .file_hash = &ni->file_hash };
	int rc;

	rc = pool_each(p, look_for_user, &u, err);
	if (u.used)
		return 0;
	if (rc)
		return rc;
	if (unlinkat(p->nar_fd, name, 0) && errno != ENOENT)
		return err_sys(err, "cannot remove 'nar/%s'", name);
	return 0;
}

int pool_remove(struct pool *p, const struct nf_narinfo *ni, struct nf_err *err)
{
	char name[POOL_INFO_NAME_MAX], url[POOL_URL_MAX];
	AUTO_FD int lock = -1;
	int rc;

	rc = own_url(url, ni, err);
	if (!rc)
		rc = pool_lock(p, LOCK_EX, &lock, err);
	if (rc)
		return rc;
	pool_info_name(name, nf_storepath_hash(&ni->info.path));
	if (unlinkat(p->root_fd, name, 0) && errno != ENOENT)
		return err_sys(err, "cannot remove '%s/%s'", p->dir, name);
	rc = file_sync(p->root_fd, p->dir, err);
	return rc ? rc : remove_file(p, ni, url + POOL_URL_FILE, err);
}
