#include "store/store_inventory.h"

#include <errno.h>
#include <fcntl.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "store/disk_check.h"
#include "store/row_form.h"
#include "store/store_db_list.h"

struct store_listing {
	struct inventory *inv;
	const char *root;
	int store_fd;
};

static int begin_list(void *ctx, struct nf_err *err)
{
	struct store_listing *l = ctx;

	(void)err;
	inventory_release(l->inv);
	return 0;
}

static int take_row(void *ctx, const struct store_db_row *row, struct nf_err *err)
{
	struct store_listing *l = ctx;
	struct nf_storepath path;
	struct nf_hash hash;
	bool there = false;
	int rc = interrupt_check(err);

	if (rc || nf_storepath_parse(&path, row->path, NULL) ||
	    (row_form_judge(row, &hash) & ROW_HASH))
		return rc;
	rc = disk_check(l->store_fd, l->root, path.base, &there, err);
	if (!rc && there && hash.algo == NF_SHA256)
		inventory_add(l->inv, &path, &hash);
	return rc;
}

static int pass_over(void *ctx, struct nf_slice path, int64_t reference,
		     struct nf_err *err)
{
	(void)ctx;
	(void)path;
	(void)reference;
	(void)err;
	return 0;
}

int store_inventory_read(struct inventory *ret, const char *root, struct nf_err *err)
{
	AUTO_FREE char *dir = mem_printf("%s" NF_STORE_DIR, root);
	AUTO_FREE char *state = mem_printf("%s/nix/var/nix", root);
	AUTO(store_db_freep) struct store_db *db = NULL;
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct store_listing l = { ret, root, fd };
	const struct store_db_visitor visitor = {
		.begin = begin_list,
		.row = take_row,
		.bad_ref = pass_over,
		.ctx = &l,
	};
	int rc;

	*ret = (struct inventory){ 0 };
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, NF_E_MISSING, "there is no store in '%s'", root);
	if (fd < 0)
		return err_sys(err, "cannot open '%s'", dir);
	rc = store_db_open(&db, state, STORE_DB_READ, err);
	if (!rc)
		rc = store_db_list(db, &visitor, err);
	if (!rc)
		inventory_sort(ret);
	return rc;
}
