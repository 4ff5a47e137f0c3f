/* The verdict on a path's facts. "Trusted" is a type: nf_trust_pathinfo and
 * nf_trust_by_store make one, and what fetches, stores or imports takes nothing else.
 * Inside, a third maker (trust_own_entry, in pool/pool_ingest.c) restates the verdict
 * that an entry of the pool was stored with, to encode it again. */
#ifndef NIXFERRY_TRUST_H
#define NIXFERRY_TRUST_H

#include <nixferry/decls.h>
#include <nixferry/key.h>
#include <nixferry/pathinfo.h>

NF_BEGIN_DECLS

struct nf_trusted {
	const struct nf_pathinfo *info; /* borrowed */
	const char *by;	 /* name of the key that vouches, "content address" or "trusted
			    store" */
	bool by_content; /* no signature: the bytes must match the content address */
	bool by_store;	 /* no signature: the user trusts the store that states it */
};

/* What goes on with a path that is trusted is made fit for it here: of the signatures
 * those that verify come first, and too many others are left out; a content address that
 * does not give the path is left out. Nix, and a target's database, can have the rest.
 *
 * 0 and *ret if one of the path's signatures verifies against the ring, or the path has a
 * content address from which its path recomputes. NF_E_TRUST otherwise: the text says
 * whether signatures are missing, by unknown keys (named) or wrong. A content address
 * that does not recompute never counts. */
int nf_trust_pathinfo(struct nf_trusted *ret, struct nf_pathinfo *info,
		      const struct nf_keyring *ring, struct nf_err *err) NF_MUST_CHECK;

/* A key that would vouch for paths if it were trusted. */
struct nf_key_need {
	char *name;
	char *text;   /* "NAME:BASE64", or NULL: nobody tells the key */
	size_t paths; /* that it has signed, and none before it in the list */
};

/* The fewest keys that would vouch for all paths that need one: cache.nixos.org-1, then
 * by name. */
struct nf_key_needs {
	struct nf_key_need *items;
	size_t count;
	size_t by_own;	  /* further paths: those that the bundle's own key signed */
	size_t by_nobody; /* and those without any signature that can be read */
};
void nf_key_needs_release(struct nf_key_needs *n);

/* For facts that come from a store which the user has declared trusted, and for nothing
 * else: they need no signature. */
void nf_trust_by_store(struct nf_trusted *ret, struct nf_pathinfo *info);

NF_END_DECLS

#endif
