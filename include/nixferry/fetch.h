/* Resolves a closure and fetches it from substituters into a pool or a target store.
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

/* All pointers are borrowed until the call returns. Members that are not marked as
 * required may be 0 or NULL: the default applies, or the feature is off. nix.conf is not
 * read. */
struct nf_fetch_options {
	const struct nf_storepath *paths; /* required; each is fetched with its closure */
	size_t path_count;
	/* As in nix.conf, at most 63: "https://cache.nixos.org?priority=40", "file:///x",
	 * "/mnt" (a store's root), "./x.bundle". */
	const char *const *substituters;
	size_t substituter_count;
	const struct nf_keyring *keys; /* required; the trusted public keys */
	const char *pool_dir;	       /* required; created if it is missing, except
				    for DRY_RUN */

	/* The target store to import into, as in struct nf_import_options. Fetched paths
	 * then go there; the pool is one of the sources, and keeps partial downloads.
	 * Nix-daemon's store is filled from the pool. */
	const char *store_root;
	const char *profile; /* for one path */
	const char *gc_root;
	/* Also compare the contents of valid paths of the target store, and restore what
	 * is damaged. Not for nix-daemon's store. */
	bool repair;
	/* Make files with the same contents hard links, in a store that nix-daemon does
	 * not own. */
	bool optimise;
	/* The root of a store on this machine ("/"): paths that it has are copied from
	 * it, and its database is trusted without signatures. */
	const char *from_store;

	/* How the pool stores NARs: a zstd level from 1 to 19, or 0: as they were
	 * served */
	int level;
	size_t jobs;		       /* number of threads; 0: one per processor */
	size_t connections;	       /* at most, up to 1024 */
	size_t connections_per_cache;  /* likewise */
	unsigned connect_timeout;      /* seconds, up to a day */
	unsigned stall_timeout;	       /* seconds, up to a day */
	unsigned retry_for;	       /* seconds to wait for unreachable substituters,
					     up to 31 days */
	uint64_t limit_rate;	       /* bytes per second, for all transfers together */
	const char *netrc_file;	       /* user names and passwords for the substituters */
	const char *ca_file;	       /* certificates; NULL: libcurl's */
	const char *user_agent_suffix; /* sent to the substituters */
	const char *history_file;      /* where to keep the history of the caches */
	bool dry_run;		       /* only resolve the closure: neither pool nor store
					     changes */
	bool keep_going;	       /* fetch the rest even if a path is unavailable */
	bool no_race;		       /* never request the same bytes twice */
	const struct nf_watch *watch;
};

/* A path that is unavailable. */
struct nf_fetch_failure {
	char *path; /* base name */
	int code;   /* NF_E_... */
	char *text;
};

/* What one of the substituters did. The pool and the store, if used, follow. */
struct nf_fetch_cache {
	char *url;
	size_t narinfos;    /* number of narinfos that it returned */
	size_t nars;	    /* number of NARs fetched from it and verified */
	uint64_t bytes;	    /* compressed size of these */
	char *last_failure; /* or NULL */
	char *left_out;	    /* why it is no longer used, or NULL */
};

struct nf_fetch_result {
	size_t paths;		 /* in the closure, as far as it is known */
	size_t present;		 /* already valid in the target store */
	size_t in_pool;		 /* others that were already in the pool */
	size_t in_store;	 /* others that FROM_STORE has */
	size_t fetched;		 /* fetched from substituters */
	size_t copied;		 /* taken from the pool or FROM_STORE */
	uint64_t nar_bytes;	 /* unpacked size of all paths */
	uint64_t to_fetch_bytes; /* compressed size of what nothing on this machine
				    had, as the substituters state it */
	uint64_t fetched_bytes;	 /* compressed size of what came over the network */
	uint64_t resumed_bytes;	 /* size of what an earlier call had left */
	struct nf_fetch_failure *failures;
	size_t failure_count;
	struct nf_fetch_cache *caches;
	size_t cache_count;
	struct nf_import_result imported; /* for the target store */
};

/* Fetches the closure of the paths into the pool or the target store: each narinfo is
 * verified against the keys, and each byte before it is used. RET is always filled, and
 * what was fetched is kept. Of several failures the most severe is returned: NF_E_USAGE
 * (options), NF_E_MISSING (no substituter has a path), NF_E_TRUST (no key vouches for
 * it), NF_E_FORMAT and NF_E_HASH (every substituter that has it serves something else),
 * NF_E_NET, NF_E_NOSPACE, NF_E_SYS, NF_E_INTR; with a target store also those of
 * nf_import. */
int nf_fetch(const struct nf_fetch_options *opts, struct nf_fetch_result *ret,
	     struct nf_err *err) NF_MUST_CHECK;
void nf_fetch_result_release(struct nf_fetch_result *r);

NF_END_DECLS

#endif
