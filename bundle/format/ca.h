/* Content addresses: "text:sha256:H", "fixed:ALGO:H", "fixed:r:ALGO:H".
 * Source of the format: Nix, src/libstore/content-address.cc and references.cc. */
#ifndef CA_H
#define CA_H

#include <nixferry/hash.h>
#include <nixferry/pathinfo.h>

#include "base/err.h"
#include "base/stream.h"

enum ca_method {
	CA_TEXT,
	CA_FLAT,
	CA_NAR
};

struct ca {
	enum ca_method method;
	struct nf_hash hash;
};

/* "fixed:git:..." and unknown algorithms are NF_E_UNSUPPORTED. */
int ca_parse(struct ca *ca, struct nf_slice text, struct nf_err *err) MUST_CHECK;

/* The text form (nix32), at most NF_HASH_TEXT_MAX + 8 characters with NUL. */
#define CA_TEXT_MAX (NF_HASH_TEXT_MAX + 8)
char *ca_format(char out[CA_TEXT_MAX], const struct ca *ca);

/* Computes the store path for CA, NAME and the references (base names, sorted; SELF: it
 * also refers to itself, which REFS does not contain). References that the method does
 * not allow are NF_E_FORMAT. */
int ca_make_path(struct nf_storepath *ret, const struct ca *ca, struct nf_slice name,
		 const struct nf_slice *refs, size_t nrefs, bool self,
		 struct nf_err *err) MUST_CHECK;

/* 0 if info->ca gives info->path; NF_E_HASH if it gives another path. */
int ca_check_path(const struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;

/* Checks whether the bytes of a NAR have the content address that info->ca claims, while
 * they pass. For CA_NAR without a self-reference nothing is hashed: the NarHash is
 * compared. INFO (borrowed) must have a ca. */
struct ca_check;

int ca_check_new(struct ca_check **ret, const struct nf_pathinfo *info,
		 struct nf_err *err) MUST_CHECK;
void ca_check_free(struct ca_check *c);
DEFINE_CLEANUP(struct ca_check *, ca_check_free)

/* Takes every byte of the NAR in order, in runs of any size. */
void ca_check_update(struct ca_check *c, const void *p, size_t len);
/* 0 if the bytes have the content address; NF_E_HASH names both hashes. */
int ca_check_final(struct ca_check *c, struct nf_err *err) MUST_CHECK;

/* Computes the content address hash of a NAR's bytes, for new paths: METHOD is CA_NAR,
 * and occurrences of SELF, the 32-character hash part, count as NULs (empty: plain). */
struct hash_modulo;
struct hash_modulo *hash_modulo_new(enum nf_hash_algo algo, struct nf_slice self);
void hash_modulo_free(struct hash_modulo *m);
void hash_modulo_update(struct hash_modulo *m, const void *p, size_t len);
/* Includes "|OFFSET" for each occurrence. False if there were more than CA_SELF_REFS_MAX;
 * *ret is then meaningless. */
bool hash_modulo_final(struct hash_modulo *m, struct nf_hash *ret);

#endif
