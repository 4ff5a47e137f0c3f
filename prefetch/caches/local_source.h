/* A source of paths on this machine, which answers at once: a binary cache's directory, a
 * bundle, a store. */
#ifndef LOCAL_SOURCE_H
#define LOCAL_SOURCE_H

#include <nixferry/key.h>
#include <nixferry/narinfo.h>
#include <nixferry/stream.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "config/substituter.h"
#include "store/local_store.h"

struct local_source;

/* What CONF, which is not SUBSTITUTER_HTTP, leads to. A bundle must be signed by one of
 * KEYS (NF_E_TRUST). */
int local_source_open(struct local_source **ret, const struct substituter *conf,
		      const struct nf_keyring *keys, struct nf_err *err) MUST_CHECK;
/* A cache's directory, whether anything is in it or not. */
int local_source_of_directory(struct local_source **ret, const char *dir,
			      struct nf_err *err) MUST_CHECK;
/* STORE is borrowed. */
struct local_source *local_source_of_store(struct local_store *store);
void local_source_free(struct local_source *s);
DEFINE_CLEANUP(struct local_source *, local_source_free)

/* Appends its nix-cache-info; NF_E_MISSING where it has none. */
int local_source_info(struct local_source *s, struct buf *text,
		      struct nf_err *err) MUST_CHECK;

/* What it says of a path, which nobody has judged: NF_E_MISSING if it has nothing. NI is
 * initialised in any case. */
int local_source_find(struct local_source *s, const struct nf_storepath *path,
		      struct nf_narinfo *ni, struct nf_err *err) MUST_CHECK;

/* A NAR, encoded as the narinfo says whose URL this is, and how many bytes it has.
 * Nothing of it is verified. The source must be closed first. Any thread. */
int local_source_nar(const struct local_source *s, const struct nf_pathinfo *info,
		     const char *url, struct nf_source **ret, uint64_t *ret_size,
		     struct nf_err *err) MUST_CHECK;

/* Whether its NARs are made as they are read, so that no encoding is worth keeping. */
bool local_source_dumps(const struct local_source *s);

#endif
