#include "caches/local_cache.h"

#include <fcntl.h>
#include <nixferry/bundle.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/stream.h"
#include "config/url.h"

/* "HASH.narinfo" with NUL */
#define INFO_NAME_MAX (NF_STOREPATH_HASH_LEN + sizeof(".narinfo"))

struct local_cache {
	/* A cache's directory. */
	int dir_fd; /* or -1 */
	/* A bundle. */
	int bundle_fd; /* or -1 */
	struct nf_bundle *bundle;
	struct map members; /* index by name */
	/* A store. */
	struct local_store *store;
	bool owns_store;
};

static struct local_cache *source_new(void)
{
	struct local_cache *s = mem_calloc(1, sizeof(*s));

	s->dir_fd = -1;
	s->bundle_fd = -1;
	map_init(&s->members);
	return s;
}

void local_cache_free(struct local_cache *s)
{
	if (!s)
		return;
	cleanup_fd(&s->dir_fd);
	nf_bundle_free(s->bundle);
	cleanup_fd(&s->bundle_fd);
	map_release(&s->members);
	if (s->owns_store)
		local_store_free(s->store);
	free(s);
}

struct local_cache *local_cache_of_store(struct local_store *store)
{
	struct local_cache *s = source_new();

	s->store = store;
	return s;
}

int local_cache_of_directory(struct local_cache **ret, const char *dir,
			     struct nf_err *err)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", dir);
	*ret = source_new();
	(*ret)->dir_fd = fd;
	return 0;
}

bool local_cache_dumps(const struct local_cache *s)
{
	return s->store != NULL;
}

/* ---- opening ---- */

static int open_bundle(struct local_cache *s, const char *path,
		       const struct nf_keyring *keys, struct nf_err *err)
{
	bool is_new;
	int rc;

	rc = file_open_regular_at(&s->bundle_fd, AT_FDCWD, path, O_RDONLY, err);
	if (rc)
		return rc;
	rc = nf_bundle_open(&s->bundle, s->bundle_fd, path, keys, NULL, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < nf_bundle_member_count(s->bundle); i++) {
		const char *name = nf_bundle_member(s->bundle, i)->name;

		*map_put(&s->members, nf_slice_str(name), &is_new) = i;
	}
	return 0;
}

static int open_store(struct local_cache *s, const char *path, struct nf_err *err)
{
	int rc = local_store_open(&s->store, path, err);

	s->owns_store = rc == 0;
	return rc;
}

/* A path without "file://" is a store's root, as in Nix; but a cache's directory may also
 * be named like that. */
static bool is_cache_dir(const struct substituter *conf, int dir_fd)
{
	return conf->kind == SUBSTITUTER_FILE ||
	       faccessat(dir_fd, "nix-cache-info", F_OK, 0) == 0;
}

int local_cache_open(struct local_cache **ret, const struct substituter *conf,
		     const struct nf_keyring *keys, struct nf_err *err)
{
	AUTO(local_cache_freep) struct local_cache *s = source_new();
	struct stat st;
	int rc = 0;

	if (stat(conf->path, &st))
		return err_sys(err, "cannot open '%s'", conf->path);
	if (S_ISDIR(st.st_mode))
		s->dir_fd = open(conf->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (S_ISDIR(st.st_mode) && s->dir_fd < 0)
		return err_sys(err, "cannot open '%s'", conf->path);
	if (S_ISREG(st.st_mode))
		rc = open_bundle(s, conf->path, keys, err);
	else if (s->dir_fd < 0)
		rc = err_set(err, NF_E_USAGE, "'%s' is neither a directory nor a bundle",
			     conf->path);
	else if (!is_cache_dir(conf, s->dir_fd))
		rc = open_store(s, conf->path, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(s);
	return 0;
}

/* ---- narinfos ---- */

static int read_member(const struct local_cache *s, const char *name, struct buf *text,
		       struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *in = NULL;
	const uintptr_t *index = map_get(&s->members, nf_slice_str(name));
	struct buf_sink sink;
	int rc;

	if (!index)
		return err_set(err, NF_E_MISSING, "'%s' is not in the bundle", name);
	buf_sink_init(&sink, text);
	rc = nf_bundle_member_source(s->bundle, *index, &in, err);
	return rc ? rc : source_copy(in, &sink.sink, err);
}

/* Opens a regular file below the cache's directory. */
static int open_regular(const struct local_cache *s, const char *name, int flags,
			int *ret_fd, uint64_t *ret_size, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc = file_open_regular_at(&fd, s->dir_fd, name, O_RDONLY | flags, err);

	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", name);
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_file(const struct local_cache *s, const char *name, struct buf *text,
		     struct nf_err *err)
{
	AUTO_FREE char *whole = NULL;
	AUTO_FD int fd = -1;
	uint64_t size;
	int rc = open_regular(s, name, 0, &fd, &size, err);

	if (rc)
		return rc;
	if (size > text->max)
		return err_set(err, NF_E_LIMIT, "'%s' is larger than %zu bytes", name,
			       text->max);
	whole = mem_alloc(size);
	rc = file_pread_all(fd, whole, size, 0, name, err);
	if (!rc)
		buf_add(text, whole, size);
	return rc;
}

static int read_text(const struct local_cache *s, const char *name, struct buf *text,
		     struct nf_err *err)
{
	return s->bundle ? read_member(s, name, text, err)
			 : read_file(s, name, text, err);
}

int local_cache_info(struct local_cache *s, struct buf *text, struct nf_err *err)
{
	if (s->store)
		return err_set(err, NF_E_MISSING, "a store has no nix-cache-info");
	return read_text(s, "nix-cache-info", text, err);
}

static int find_in_store(struct local_cache *s, const struct nf_storepath *path,
			 struct nf_narinfo *ni, struct nf_err *err)
{
	int rc;

	nf_narinfo_init(ni);
	rc = local_store_find(s->store, path, &ni->info, err);
	ni->url = nf_storepath_base(&ni->info.path);
	ni->compression = NF_SLICE_LIT("none");
	return rc;
}

static int find_narinfo(struct local_cache *s, const struct nf_storepath *path,
			struct nf_narinfo *ni, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	char name[INFO_NAME_MAX];
	int rc;

	nf_narinfo_init(ni);
	buf_init(&text, NARINFO_MAX);
	snprintf(name, sizeof(name), "%.32s.narinfo", path->base);
	rc = read_text(s, name, &text, err);
	if (rc)
		return rc;
	rc = nf_narinfo_parse_for(ni, path, buf_slice(&text), err);
	if (!rc && s->bundle && nf_slice_is(ni->compression, NF_BUNDLE_PATCH))
		rc = err_set(err, NF_E_MISSING, "the bundle has only a patch for it");
	return rc ? err_prefix(err, rc, "narinfo of '%s'", path->base) : 0;
}

int local_cache_find(struct local_cache *s, const struct nf_storepath *path,
		     struct nf_narinfo *ni, struct nf_err *err)
{
	return s->store ? find_in_store(s, path, ni, err)
			: find_narinfo(s, path, ni, err);
}

/* ---- NARs ---- */

/* Removes the last component of a path; false if there is none. */
static bool drop_name(struct buf *path)
{
	char *slash = path->len ? memrchr(path->ptr, '/', path->len) : NULL;

	if (path->len == 0)
		return false;
	path->len = slash ? (size_t)(slash - path->ptr) : 0;
	path->ptr[path->len] = '\0';
	return true;
}

/* Resolves URL relative to the cache's directory, without "." and "..". NULL if the
 * result is not below it. free(). */
static char *path_below(const char *url)
{
	AUTO_BUF struct buf path = { 0 };
	struct nf_slice rest = nf_slice_str(url);

	buf_init(&path, NARINFO_URL_MAX);
	if (url[0] == '/' || url_is_absolute(rest))
		return NULL;
	while (rest.len) {
		struct nf_slice name = slice_cut(&rest, '/');

		if (nf_slice_is(name, "..") && !drop_name(&path))
			return NULL;
		if (name.len == 0 || nf_slice_is(name, ".") || nf_slice_is(name, ".."))
			continue;
		if (path.len)
			buf_add_char(&path, '/');
		buf_add_slice(&path, name);
	}
	return path.len && !buf_failed(&path) ? buf_take(&path) : NULL;
}

static int open_file(const struct local_cache *s, const char *url, struct nf_source **ret,
		     uint64_t *ret_size, struct nf_err *err)
{
	AUTO_FREE char *path = path_below(url);
	AUTO_FD int fd = -1;
	int rc;

	if (!path)
		return err_set(err, NF_E_FORMAT, "URL '%s' points outside the cache",
			       url);
	rc = open_regular(s, path, O_NOFOLLOW, &fd, ret_size, err);
	if (rc)
		return rc;
	*ret = source_of_file(TAKE_FD(fd));
	return 0;
}

static int open_member(const struct local_cache *s, const char *url,
		       struct nf_source **ret, uint64_t *ret_size, struct nf_err *err)
{
	const uintptr_t *index = map_get(&s->members, nf_slice_str(url));

	if (!index)
		return err_set(err, NF_E_MISSING, "'%s' is not in the bundle", url);
	*ret_size = nf_bundle_member(s->bundle, *index)->size;
	return nf_bundle_member_source(s->bundle, *index, ret, err);
}

int local_cache_nar(const struct local_cache *s, const struct nf_pathinfo *info,
		    const char *url, struct nf_source **ret, uint64_t *ret_size,
		    struct nf_err *err)
{
	if (s->bundle)
		return open_member(s, url, ret, ret_size, err);
	if (!s->store)
		return open_file(s, url, ret, ret_size, err);
	*ret_size = info->nar_size;
	return local_store_nar(s->store, &info->path, ret, err);
}
