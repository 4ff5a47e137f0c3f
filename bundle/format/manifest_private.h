/* Parts of the manifest that parsing and formatting share. */
#ifndef MANIFEST_PRIVATE_H
#define MANIFEST_PRIVATE_H

#include <stdbool.h>

#include "format/manifest.h"

#define MANIFEST_VERSION_KEY "nixferry-bundle "
#define MANIFEST_STORE_LINE  "store-dir " NF_STORE_DIR
#define MANIFEST_NOTE_KEY    "note "
#define MANIFEST_MADE_FROM   MANIFEST_NOTE_KEY "made-from "
/* The encoding of a NAR that is made from required paths, whose names follow. */
#define MANIFEST_PATCH " patch"

enum manifest_kind { /* of members, in the order in which they come */
	MANIFEST_NONE,
	MANIFEST_CACHE_INFO,
	MANIFEST_NARINFO,
	MANIFEST_NAR,
	MANIFEST_BAD,
};

/* State for laying out members one after another. */
struct manifest_place {
	enum manifest_kind last;
	uint64_t end; /* end of the last member, with padding */
};

int manifest_place_member(struct manifest_place *at, struct nf_slice name,
			  const struct nf_bundle_member *member, uint64_t *ret_offset,
			  struct nf_err *err) MUST_CHECK;
int manifest_place_end(const struct manifest_place *at, uint64_t *ret_size,
		       struct nf_err *err) MUST_CHECK;
int manifest_check_unique(const struct manifest *m, struct nf_err *err) MUST_CHECK;

void manifest_terms_release(struct nf_bundle_terms *t);
/* Appends the lines of terms and notes that precede the roots. */
void manifest_terms_format(struct buf *out, const struct manifest *m);
void manifest_required_format(struct buf *out, const struct manifest *m);
/* The index of a required path, or SIZE_MAX. */
size_t manifest_find_required(const struct nf_bundle_terms *t, struct nf_slice base);

#endif
