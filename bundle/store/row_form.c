#include "store/row_form.h"

#include "base/slice.h"
#include "format/ca.h"
#include "format/signature.h"

static bool are_sigs_readable(struct nf_slice sigs)
{
	while (sigs.len) {
		struct nf_slice sig = slice_cut(&sigs, ' ');

		if (sig.len && !signature_is_readable(sig))
			return false;
	}
	return true;
}

/* Nix rejects an empty text as an invalid path. */
static bool is_deriver_readable(struct nf_slice deriver)
{
	struct nf_storepath path;

	return !deriver.ptr || !nf_storepath_parse(&path, deriver, NULL);
}

/* Methods and algorithms that are not known here are Nix's own matter. */
static bool is_ca_readable(struct nf_slice text)
{
	struct ca ca;

	return !text.len || ca_parse(&ca, text, NULL) != -NF_E_FORMAT;
}

unsigned row_form_judge(const struct store_db_row *row, struct nf_hash *ret_hash)
{
	unsigned faults = 0;

	if (nf_hash_parse(ret_hash, row->hash, NULL))
		faults |= ROW_HASH;
	if (row->nar_size < 0)
		faults |= ROW_SIZE;
	if (!is_deriver_readable(row->deriver))
		faults |= ROW_DERIVER;
	if (!are_sigs_readable(row->sigs))
		faults |= ROW_SIGS;
	if (!is_ca_readable(row->ca))
		faults |= ROW_CA;
	return faults;
}

void row_form_name(struct buf *out, unsigned faults)
{
	static const char *const names[] = { "hash", "size", "deriver", "signatures",
					     "content address" };
	unsigned left = faults;

	for (size_t i = 0; left; i++) {
		if (!(left & (1U << i)))
			continue;
		left &= ~(1U << i);
		buf_add_str(out, names[i]);
		if (left)
			buf_add_str(out, left & (left - 1) ? ", " : " and ");
	}
}
