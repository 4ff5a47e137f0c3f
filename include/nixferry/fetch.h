/* Resolving a closure and fetching it from substituters, into a pool or a target store.
 *
 * The pool is a directory of verified NARs, and itself a file:// binary cache. It also
 * keeps partial downloads: after an error or a kill, the same call resumes.
 *
 * The process should ignore SIGPIPE: with some versions of libcurl and its TLS library, a
 * connection that the other side closes raises it. */
#ifndef NIXFERRY_FETCH_H
#define NIXFERRY_FETCH_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/import.h>
#include <nixferry/key.h>
#include <nixferry/storepath.h>
#include <nixferry/watch.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

NF_BEGIN_DECLS

/* All pointers are borrowed until the call returns. What is not marked as required may be
 * 0 or NULL: then the default applies, or the feature is off. nix.conf is not read. */
struct nf_fetch_options {
	const struct nf_storepath *paths; /* required; each is fetched with its closure */
	size_t path_count;
	/* As in nix.conf, at most 63: "https://cache.nixos.org?priority=40", "file:///x",
	 * "/mnt" (a store's root), "./x.bundle". */
	const char *const *substituters;
	size_t substituter_count;
	const struct nf_keyring *keys; /* required; the trusted public keys */
	const char *pool_dir;	       /* required; made if it is missing */

	/* The target store to import into, as in struct nf_import_options. What is
	 * fetched then goes there; the pool is one of the sources, and keeps partial
	 * downloads. */
	const char *store_root;
	const char *profile; /* for one path */
	const char *gc_root;
	/* The root of a store on this machine ("/"): paths that it has are copied from
	 * it, and its database is trusted without signatures. */
	const char *from_store;

	/* How NARs are kept in the pool: a zstd level from 1 to 19, or 0: as they come */
	int level;
	size_t jobs;		       /* threads; 0: one a processor */
	size_t connections;	       /* at most, up to 1024 */
	size_t connections_per_cache;  /* likewise */
	unsigned connect_timeout;      /* seconds, up to a day */
	unsigned stall_timeout;	       /* seconds, up to a day */
	unsigned retry_for;	       /* seconds to wait for unreachable substituters,
					     up to 31 days */
	uint64_t limit_rate;	       /* bytes a second, of all transfers */
	const char *netrc_file;	       /* names and passwords for the substituters */
	const char *ca_file;	       /* of certificates; NULL: libcurl's */
	const char *user_agent_suffix; /* sent to substituters */
	const char *history_file;      /* where to keep what is learned of caches */
	bool keep_going;	       /* fetch the rest although a path cannot be had */
	bool no_race;		       /* never ask for the same bytes twice */
	const struct nf_watch *watch;
};

/* A path that could not be had. */
struct nf_fetch_failure {
	char *path; /* base name */
	int code;   /* NF_E_... */
	char *text;
};

/* What one of the substituters did; then the pool and the store, where they are used. */
struct nf_fetch_cache {
	char *url;
	size_t narinfos;    /* that it answered with */
	size_t nars;	    /* that came from it and were verified */
	uint64_t bytes;	    /* of these, compressed */
	char *last_failure; /* or NULL */
	char *left_out;	    /* why it is not asked any more, or NULL */
};

struct nf_fetch_result {
	size_t paths;		/* in the closure, as far as it is known */
	size_t present;		/* valid in the target store already */
	size_t in_pool;		/* of the others: in the pool already */
	size_t fetched;		/* that came from substituters */
	size_t copied;		/* that came from the pool or FROM_STORE */
	uint64_t nar_bytes;	/* of all paths, unpacked */
	uint64_t fetched_bytes; /* that came over the network, compressed */
	uint64_t resumed_bytes; /* that an earlier call had left */
	struct nf_fetch_failure *failures;
	size_t failure_count;
	struct nf_fetch_cache *caches;
	size_t cache_count;
	struct nf_import_result imported; /* into the target store */
};

/* Brings the closure of the paths into the pool or the target store: each narinfo is
 * verified against the keys, and each byte before it is used. RET is filled whatever
 * happens, and what came is kept. Of several failures the gravest is returned:
 * NF_E_USAGE (options), NF_E_MISSING (no substituter has a path), NF_E_TRUST (no key
 * vouches for it), NF_E_FORMAT and NF_E_HASH (each that has it serves something else),
 * NF_E_NET, NF_E_NOSPACE, NF_E_SYS, NF_E_INTR; with a target store also those of
 * nf_import. */
int nf_fetch(const struct nf_fetch_options *opts, struct nf_fetch_result *ret,
	     struct nf_err *err) NF_MUST_CHECK;
void nf_fetch_result_release(struct nf_fetch_result *r);

NF_END_DECLS

#endif
