/* Whether the texts of a row in a store's database are in a form that every Nix reads. */
#ifndef ROW_FORM_H
#define ROW_FORM_H

#include "base/buf.h"
#include "store/store_db_list.h"

enum row_fault {
	ROW_HASH = 1,
	ROW_SIZE = 2,
	ROW_DERIVER = 4,
	ROW_SIGS = 8,
	ROW_CA = 16,
};

/* The faults of ROW together, 0 if it has none. *RET_HASH is set unless the hash is one
 * of them. Its path is not looked at. */
unsigned row_form_judge(const struct store_db_row *row, struct nf_hash *ret_hash);

/* Appends what the faults are of: "signatures and content address". */
void row_form_name(struct buf *out, unsigned faults);

#endif
