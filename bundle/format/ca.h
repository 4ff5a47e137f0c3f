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

/* The store path that CA, NAME and the references (base names, sorted; SELF: it also
 * refers to itself, not in REFS) give. References where the method allows none are
 * NF_E_FORMAT. */
int ca_make_path(struct nf_storepath *ret, const struct ca *ca, struct nf_slice name,
		 const struct nf_slice *refs, size_t nrefs, bool self,
		 struct nf_err *err) MUST_CHECK;

/* 0 if info->ca recomputes to info->path; NF_E_HASH if it gives another path. */
int ca_check_path(const struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;

/* Whether a NAR's bytes have the content address that info->ca claims; a running check
 * that sees the whole NAR. For CA_NAR without a self-reference nothing needs hashing: the
 * NarHash is compared. INFO (borrowed) must have a ca. */
struct ca_check;

int ca_check_new(struct ca_check **ret, const struct nf_pathinfo *info,
		 struct nf_err *err) MUST_CHECK;
void ca_check_free(struct ca_check *c);
DEFINE_CLEANUP(struct ca_check *, ca_check_free)

/* Every NAR byte in order, in runs of any size. */
void ca_check_update(struct ca_check *c, const void *p, size_t len);
/* 0 if the bytes have the content address; NF_E_HASH names both hashes. */
int ca_check_final(struct ca_check *c, struct nf_err *err) MUST_CHECK;

/* The content address hash of a NAR's bytes for making new paths: METHOD CA_NAR with SELF
 * the 32-character hash part whose occurrences count as NULs (empty: plain). A running
 * digest. */
struct hash_modulo;
struct hash_modulo *hash_modulo_new(enum nf_hash_algo algo, struct nf_slice self);
void hash_modulo_free(struct hash_modulo *m);
void hash_modulo_update(struct hash_modulo *m, const void *p, size_t len);
/* "|OFFSET" for each occurrence is included. False if there were more of them than
 * CA_SELF_REFS_MAX: *ret is then of no use. */
bool hash_modulo_final(struct hash_modulo *m, struct nf_hash *ret);

#endif
