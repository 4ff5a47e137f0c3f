#include "format/drv_nar.h"

#include <nixferry/derivation.h>
#include <nixferry/nar.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/limits.h"

static void free_reader(struct nf_nar_reader **r)
{
	nf_nar_reader_free(*r);
}

/* Appends the content of the only file in NAR. */
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
			return err_set(err, NF_E_FORMAT,
				       "a derivation that is not a regular file");
		if (ev.kind == NF_NAR_DATA)
			buf_add_slice(text, ev.data);
		if (buf_failed(text))
			return err_set(err, NF_E_LIMIT, "a derivation of over %llu bytes",
				       DERIVATION_MAX);
	} while (ev.kind != NF_NAR_END);
	return 0;
}

static int check_drv(struct nf_source *nar, uint64_t *ret_inodes, struct nf_err *err)
{
	AUTO(nf_derivation_release) struct nf_derivation drv = { 0 };
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, DERIVATION_MAX);
	rc = read_file_of_nar(nar, &text, err);
	if (!rc)
		rc = nf_derivation_parse(&drv, buf_slice(&text), err);
	if (!rc)
		*ret_inodes = 1;
	return rc;
}

int drv_nar_check(const struct nf_storepath *path, struct nf_source *nar,
		  uint64_t *ret_inodes, struct nf_err *err)
{
	return nf_storepath_is_drv(path) ? check_drv(nar, ret_inodes, err)
					 : nf_nar_check(nar, ret_inodes, err);
}
