/* A cache on this machine: a binary cache's directory, a bundle, or a store. */
#ifndef LOCAL_CACHE_H
#define LOCAL_CACHE_H

#include <nixferry/key.h>
#include <nixferry/narinfo.h>
#include <nixferry/stream.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "config/substituter.h"
#include "store/local_store.h"

struct local_cache;

/* Opens what CONF, which is not SUBSTITUTER_HTTP, names. A bundle must be signed by one
 * of KEYS (NF_E_TRUST). */
int local_cache_open(struct local_cache **ret, const struct substituter *conf,
		     const struct nf_keyring *keys, struct nf_err *err) MUST_CHECK;
/* A cache's directory, even an empty one. */
int local_cache_of_directory(struct local_cache **ret, const char *dir,
			     struct nf_err *err) MUST_CHECK;
/* STORE is borrowed. */
struct local_cache *local_cache_of_store(struct local_store *store);
void local_cache_free(struct local_cache *s);
DEFINE_CLEANUP(struct local_cache *, local_cache_free)

/* Appends its nix-cache-info; NF_E_MISSING if it has none. */
int local_cache_info(struct local_cache *s, struct buf *text,
		     struct nf_err *err) MUST_CHECK;

/* Returns the unverified narinfo of a path: NF_E_MISSING if there is none. NI is always
 * initialised. */
int local_cache_find(struct local_cache *s, const struct nf_storepath *path,
		     struct nf_narinfo *ni, struct nf_err *err) MUST_CHECK;

/* Opens the NAR that a narinfo's URL names, in the narinfo's encoding, and returns its
 * size. Nothing is verified. RET must be closed first. Any thread. */
int local_cache_nar(const struct local_cache *s, const struct nf_pathinfo *info,
		    const char *url, struct nf_source **ret, uint64_t *ret_size,
		    struct nf_err *err) MUST_CHECK;

/* Whether its NARs are generated on reading, so that there is no encoding to keep. */
bool local_cache_dumps(const struct local_cache *s);

#endif
