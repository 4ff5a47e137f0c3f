#include "store/drv_file.h"

#include <fcntl.h>
#include <nixferry/nar.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/mem.h"

static int not_regular(struct nf_err *err)
{
	return err_set(err, NF_E_FORMAT, "a derivation that is no regular file");
}

/* Opens what is a regular file, not too large; its size is in *ret_size. */
static int open_regular(int store_fd, const char *base, int *ret_fd, size_t *ret_size,
			struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc = file_open_regular_at(&fd, store_fd, base, O_RDONLY | O_NOFOLLOW, err);

	if (rc == -NF_E_MISSING)
		return err_set(err, NF_E_MISSING, "it is not there");
	if (rc == -NF_E_FORMAT)
		return not_regular(err);
	if (rc)
		return rc;
	if (fstat(fd, &st))
		return err_sys(err, "cannot look at it");
	if ((uint64_t)st.st_size > DERIVATION_MAX)
		return err_set(err, NF_E_LIMIT, "a derivation of %llu bytes, over %llu",
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

static void free_reader(struct nf_nar_reader **r)
{
	nf_nar_reader_free(*r);
}

/* Appends the contents of the one file that NAR holds. */
static int read_file_of_nar(struct nf_source *nar, struct buf *text, struct nf_err *err)
{
	AUTO(free_reader) struct nf_nar_reader *reader = nf_nar_reader_new(nar);
	struct nf_nar_event ev;
	int rc;

	do {
		rc = nf_nar_next(reader, &ev, err);
		if (rc)
			return rc;
		if (ev.kind == NF_NAR_DIRECTORY || ev.kind == NF_NAR_SYMLINK)
			return not_regular(err);
		if (ev.kind == NF_NAR_DATA)
			buf_add_slice(text, ev.data);
		if (buf_failed(text))
			return err_set(err, NF_E_LIMIT, "a derivation of over %llu bytes",
				       DERIVATION_MAX);
	} while (ev.kind != NF_NAR_END);
	return 0;
}

int drv_file_check_nar(struct nf_source *nar, uint64_t *ret_nodes, struct nf_err *err)
{
	AUTO(nf_derivation_release) struct nf_derivation drv = { 0 };
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, DERIVATION_MAX);
	rc = read_file_of_nar(nar, &text, err);
	if (!rc)
		rc = nf_derivation_parse(&drv, buf_slice(&text), err);
	if (!rc)
		*ret_nodes = 1;
	return rc;
}
