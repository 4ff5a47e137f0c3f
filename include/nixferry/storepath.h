/* Store paths: /nix/store/HASH-NAME.
 * Source of the format: Nix, src/libstore/path.cc and store-dir-config.cc. */
#ifndef NIXFERRY_STOREPATH_H
#define NIXFERRY_STOREPATH_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/hash.h>
#include <nixferry/slice.h>
#include <stdbool.h>

NF_BEGIN_DECLS

#define NF_STORE_DIR	      "/nix/store"
#define NF_STOREPATH_HASH_LEN 32
#define NF_STOREPATH_NAME_MAX 211
#define NF_STOREPATH_BASE_MAX (NF_STOREPATH_HASH_LEN + 1 + NF_STOREPATH_NAME_MAX)
/* "/nix/store/" + base name + NUL */
#define NF_STOREPATH_TEXT_MAX (11 + NF_STOREPATH_BASE_MAX + 1)

/* A value type: a validated base name "HASH-NAME". Only storepath.c may write the fields;
 * all other code relies on their validity. */
struct nf_storepath {
	unsigned char len;
	char base[NF_STOREPATH_BASE_MAX + 1]; /* NUL-terminated */
};

/* "HASH-NAME". NF_E_FORMAT says what is wrong, quoting the text. */
int nf_storepath_parse_base(struct nf_storepath *sp, struct nf_slice text,
			    struct nf_err *err) NF_MUST_CHECK;

/* "/nix/store/HASH-NAME" and nothing below it. */
int nf_storepath_parse(struct nf_storepath *sp, struct nf_slice text,
		       struct nf_err *err) NF_MUST_CHECK;

/* As nf_storepath_parse, but also accepts what is below a path: *ret_below (may be NULL)
 * is then "/bin/sh" or empty. */
int nf_storepath_parse_below(struct nf_storepath *sp, struct nf_slice text,
			     struct nf_slice *ret_below,
			     struct nf_err *err) NF_MUST_CHECK;

/* The full path; returns OUT. */
char *nf_storepath_format(char out[NF_STOREPATH_TEXT_MAX], const struct nf_storepath *sp);

struct nf_slice nf_storepath_base(const struct nf_storepath *sp);
struct nf_slice nf_storepath_hash(const struct nf_storepath *sp); /* 32 characters */
struct nf_slice nf_storepath_name(const struct nf_storepath *sp);
bool nf_storepath_is_drv(const struct nf_storepath *sp);
int nf_storepath_cmp(const struct nf_storepath *a, const struct nf_storepath *b);

/* True if TEXT is 32 characters of Nix32: the hash part of a path. */
bool nf_storepath_is_hash(struct nf_slice text);

/* The path of type TYPE ("source", "text", "output:out", with ":REF..." and ":self" after
 * "source" and "text"), inner digest INNER (32 bytes, SHA-256) and name NAME:
 * nix32(fold20(sha256("TYPE:sha256:HEX:/nix/store:NAME"))). */
int nf_storepath_make(struct nf_storepath *sp, const char *type,
		      const struct nf_hash *inner, struct nf_slice name,
		      struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
