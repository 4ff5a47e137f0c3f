/* What is known of one store path. */
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

/* All slices point into memory that the struct owns. Slices that are absent are empty. */
struct nf_pathinfo {
	struct nf_storepath path;
	struct nf_hash nar_hash; /* SHA-256 */
	uint64_t nar_size;	 /* bytes, > 0 */
	struct nf_slice
		*refs; /* base names, checked, sorted, unique; may hold the path itself */
	size_t nrefs;
	/* Nobody signs what follows. It holds only what every Nix can read. */
	struct nf_slice deriver; /* base name of a .drv, or empty */
	struct nf_slice *sigs;	 /* "NAME:BASE64", unique, in the order they came */
	size_t nsigs;
	size_t ntrusted;    /* of these, the first, that nf_trust_pathinfo has verified */
	struct nf_slice ca; /* content address as text, or empty */
	size_t left_out;    /* texts that were not taken */
	size_t refs_len;    /* private: bytes of references */
	struct arena *arena; /* private */
};

void nf_pathinfo_init(struct nf_pathinfo *info);
void nf_pathinfo_release(struct nf_pathinfo *info);

/* Setters for code that makes a path info; each copies what it is given. Adding a
 * reference or signature that is there already does nothing; references stay sorted. */
int nf_pathinfo_add_ref(struct nf_pathinfo *info, struct nf_slice base,
			struct nf_err *err) NF_MUST_CHECK;
/* A signature that not every Nix reads is left out, as is a deriver that is not the base
 * name of a .drv. */
void nf_pathinfo_add_sig(struct nf_pathinfo *info, struct nf_slice sig);
void nf_pathinfo_set_deriver(struct nf_pathinfo *info, struct nf_slice base);
/* Any text: whether it is an address of the path, nf_trust_pathinfo looks. */
void nf_pathinfo_set_ca(struct nf_pathinfo *info, struct nf_slice ca);

void nf_pathinfo_copy(struct nf_pathinfo *to, const struct nf_pathinfo *from);

bool nf_pathinfo_has_ref(const struct nf_pathinfo *info, struct nf_slice base);

NF_END_DECLS

#endif
