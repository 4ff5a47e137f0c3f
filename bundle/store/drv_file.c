#include "store/drv_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/mem.h"

static int not_regular(struct nf_err *err)
{
	return err_set(err, NF_E_FORMAT, "a derivation that is not a regular file");
}

/* Opens a regular file of a permitted size; stores the size in *ret_size. */
static int open_regular(int store_fd, const char *base, int *ret_fd, size_t *ret_size,
			struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc = file_open_regular_at(&fd, store_fd, base, O_RDONLY | O_NOFOLLOW, err);

	if (rc == -NF_E_MISSING)
		return err_set(err, NF_E_MISSING, "it does not exist");
	if (rc == -NF_E_FORMAT)
		return not_regular(err);
	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat it");
	if ((uint64_t)st.st_size > DERIVATION_MAX)
		return err_set(err, NF_E_LIMIT,
			       "a derivation of %llu bytes, over the limit of %llu",
			       (unsigned long long)st.st_size, DERIVATION_MAX);
	*ret_size = (size_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_drv(int store_fd, const char *base, struct nf_derivation *ret,
		    struct nf_err *err)
{
	AUTO_FD int fd = -1;
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	int rc = open_regular(store_fd, base, &fd, &size, err);

	if (rc)
		return rc;
	text = mem_alloc(size);
	rc = file_pread_all(fd, text, size, 0, base, err);
	return rc ? rc : nf_derivation_parse(ret, nf_slice(text, size), err);
}

int drv_file_read(int store_fd, const struct nf_storepath *drv, struct nf_derivation *ret,
		  struct nf_err *err)
{
	int rc;

	*ret = (struct nf_derivation){ 0 };
	rc = read_drv(store_fd, drv->base, ret, err);
	return rc ? err_prefix(err, rc, "'" NF_STORE_DIR "/%s'", drv->base) : 0;
}

int drv_file_check(int dir_fd, const char *name, struct nf_err *err)
{
	AUTO(nf_derivation_release) struct nf_derivation drv = { 0 };

	return read_drv(dir_fd, name, &drv, err);
}
