#include "store/local_store.h"

#include <fcntl.h>
#include <nixferry/nar.h>
#include <string.h>

#include "base/mem.h"
#include "store/disk_check.h"
#include "store/drv_file.h"
#include "store/store_db.h"

struct local_store {
	char *root; /* without trailing slashes: "" for "/" */
	int fd;	    /* of its nix/store */
	struct store_db *db;
};

static char *trim_slashes(const char *root)
{
	size_t len = strlen(root);

	while (len && root[len - 1] == '/')
		len--;
	return mem_strndup(root, len);
}

int local_store_open(struct local_store **ret, const char *root, struct nf_err *err)
{
	AUTO(local_store_freep) struct local_store *s = mem_calloc(1, sizeof(*s));
	AUTO_FREE char *store_dir = NULL;
	AUTO_FREE char *state_dir = NULL;
	int rc;

	s->root = trim_slashes(root);
	store_dir = mem_printf("%s" NF_STORE_DIR, s->root);
	state_dir = mem_printf("%s/nix/var/nix", s->root);
	s->fd = open(store_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, NF_E_MISSING, "there is no store in '%s'", root);
	if (s->fd < 0)
		return err_sys(err, "cannot open '%s'", store_dir);
	rc = store_db_open(&s->db, state_dir, STORE_DB_READ, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(s);
	return 0;
}

void local_store_free(struct local_store *s)
{
	if (!s)
		return;
	store_db_free(s->db);
	cleanup_fd(&s->fd);
	free(s->root);
	free(s);
}

const char *local_store_root(const struct local_store *s)
{
	return s->root[0] ? s->root : "/";
}

/* Check the disk before believing what the database calls valid. */
static int look_at_disk(const struct local_store *s, const struct nf_storepath *path,
			struct nf_err *err)
{
	bool there = false;
	int rc = disk_check(s->fd, s->root, path->base, &there, err);

	if (rc || there)
		return rc;
	return err_set(err, NF_E_FORMAT, DISK_CHECK_LOST, path->base,
		       local_store_root(s));
}

int local_store_find(struct local_store *s, const struct nf_storepath *path,
		     struct nf_pathinfo *info, struct nf_err *err)
{
	int rc = store_db_query(s->db, path, true, info, err);

	if (!rc)
		rc = look_at_disk(s, path, err);
	/* Stores of ten years ago recorded no sizes, or used MD5. */
	if (!rc && (info->nar_hash.algo != NF_SHA256 || info->nar_size == 0))
		return err_set(err, NF_E_UNSUPPORTED,
			       "the store under '%s' has no SHA-256 or no size for '%s'",
			       local_store_root(s), path->base);
	return rc;
}

int local_store_is_valid(struct local_store *s, const struct nf_storepath *path,
			 bool *ret, struct nf_err *err)
{
	int rc = store_db_is_valid(s->db, path, ret, err);

	if (rc || !*ret)
		return rc;
	rc = look_at_disk(s, path, err);
	*ret = rc == 0;
	return rc;
}

int local_store_drv(const struct local_store *s, const struct nf_storepath *drv,
		    struct nf_derivation *ret, struct nf_err *err)
{
	return drv_file_read(s->fd, drv, ret, err);
}

int local_store_nar(const struct local_store *s, const struct nf_storepath *path,
		    struct nf_source **ret, struct nf_err *err)
{
	int rc = look_at_disk(s, path, err);

	if (!rc)
		*ret = nf_nar_dump_source(s->fd, path->base);
	return rc;
}
