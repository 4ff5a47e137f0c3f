/* The verdict on a path's metadata. "Trusted" is a type: nf_trust_pathinfo and
 * nf_trust_by_store create it, and everything that fetches, stores or imports requires
 * it. A third function, inside the library (trust_own_entry in pool/pool_ingest.c),
 * restates the verdict that a pool entry was stored with, to re-encode it. */
#ifndef NIXFERRY_TRUST_H
#define NIXFERRY_TRUST_H

#include <nixferry/decls.h>
#include <nixferry/key.h>
#include <nixferry/pathinfo.h>

NF_BEGIN_DECLS

struct nf_trusted {
	const struct nf_pathinfo *info; /* borrowed */
	const char *vouched_by; /* name of the key that vouches, "content address" or
			   "trusted store" */
	bool by_content; /* no signature: the bytes must match the content address */
	bool by_store;	 /* no signature: the user trusts the store that says so */
};

/* Also normalises the metadata that is passed on with a trusted path: signatures that
 * verify come first, and those over the limit are dropped; a content address that does
 * not match the path is dropped. The rest is fit for Nix and for a target's database.
 *
 * Returns 0 and *ret if one of the path's signatures verifies against the ring (or as
 * many as nf_keyring_set_needed demands, by different keys), or if the path matches its
 * content address. Otherwise NF_E_TRUST: the text says whether signatures are missing, by
 * unknown keys (named) or wrong. A content address that does not match never counts. */
int nf_trust_pathinfo(struct nf_trusted *ret, struct nf_pathinfo *info,
		      const struct nf_keyring *ring, struct nf_err *err) NF_MUST_CHECK;

/* A key that would vouch for paths if it were trusted. */
struct nf_key_need {
	char *name;
	char *text;   /* "NAME:BASE64", or NULL if nobody supplies the key */
	size_t paths; /* paths that it, but no earlier key of the list, has signed */
};

/* The smallest set of keys that would vouch for all paths that need one:
 * cache.nixos.org-1, then by name. */
struct nf_key_needs {
	struct nf_key_need *items;
	size_t count;
	size_t by_own;	  /* other paths: those that the bundle's own key signed */
	size_t by_nobody; /* and those without any readable signature */
};
void nf_key_needs_release(struct nf_key_needs *n);

/* Only for metadata from a store that the user has declared trusted, or from a bundle
 * that a trusted key signed, where the user wants no other check: no signature is needed.
 */
void nf_trust_by_store(struct nf_trusted *ret, struct nf_pathinfo *info);

NF_END_DECLS

#endif
