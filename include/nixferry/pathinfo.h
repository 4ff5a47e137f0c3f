/* The metadata of a store path. */
#ifndef NIXFERRY_PATHINFO_H
#define NIXFERRY_PATHINFO_H

#include <nixferry/decls.h>
#include <nixferry/hash.h>
#include <nixferry/slice.h>
#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

NF_BEGIN_DECLS

/* All slices point into memory that the struct owns. Missing ones are empty. */
struct nf_pathinfo {
	struct nf_storepath path;
	struct nf_hash nar_hash; /* SHA-256 */
	uint64_t nar_size;	 /* bytes, > 0 */
	struct nf_slice *refs;	 /* validated base names, sorted, unique; may include the
				    path itself */
	size_t nrefs;
	/* What follows is not signed. It contains only what every version of Nix can
	 * read. */
	struct nf_slice deriver; /* base name of a .drv, or empty */
	struct nf_slice *sigs;	 /* "NAME:BASE64", unique, in order of arrival */
	size_t nsigs;
	size_t ntrusted;     /* how many of these, at the beginning, nf_trust_pathinfo has
				verified */
	struct nf_slice ca;  /* content address as text, or empty */
	size_t left_out;     /* number of texts that were dropped */
	size_t refs_len;     /* private: total size of references */
	struct arena *arena; /* private */
};

void nf_pathinfo_init(struct nf_pathinfo *info);
void nf_pathinfo_release(struct nf_pathinfo *info);

/* Setters for code that creates a path info; each copies its argument. Adding a reference
 * or signature that is already there does nothing; references stay sorted. */
int nf_pathinfo_add_ref(struct nf_pathinfo *info, struct nf_slice base,
			struct nf_err *err) NF_MUST_CHECK;
/* Drops a signature that not every version of Nix can read, and a deriver that is not the
 * base name of a .drv. */
void nf_pathinfo_add_sig(struct nf_pathinfo *info, struct nf_slice sig);
void nf_pathinfo_set_deriver(struct nf_pathinfo *info, struct nf_slice base);
/* Accepts any text; nf_trust_pathinfo checks whether it is the path's content address. */
void nf_pathinfo_set_ca(struct nf_pathinfo *info, struct nf_slice ca);

void nf_pathinfo_copy(struct nf_pathinfo *to, const struct nf_pathinfo *from);

bool nf_pathinfo_has_ref(const struct nf_pathinfo *info, struct nf_slice base);
bool nf_pathinfo_has_sig(const struct nf_pathinfo *info, struct nf_slice sig);

NF_END_DECLS

#endif
