/* From store paths to verified NARs in the pool or in a target store: resolves and
 * downloads at the same time. */
#ifndef FETCH_H
#define FETCH_H

#include <nixferry/key.h>
#include <nixferry/storepath.h>

#include "base/err.h"
#include "base/progress.h"
#include "caches/answers.h"
#include "caches/dispute.h"
#include "config/substituter_list.h"
#include "fetch/daemon_target.h"
#include "fetch/sizes.h"
#include "fetch/transport.h"
#include "format/inventory.h"
#include "http/transfer.h"
#include "http/transfer_stats.h"
#include "pool/pool.h"
#include "store/intake.h"
#include "store/local_store.h"

#define FETCH_CONNECTIONS_MAX 1024

struct fetch_options {
	const struct nf_storepath *paths; /* each with its closure */
	size_t path_count;
	const struct substituter *substituters; /* at most SUBSTITUTER_LIST_MAX */
	size_t substituter_count;
	/* A store whose paths are not queried elsewhere, and whose metadata needs no
	 * signature. May be NULL. */
	struct local_store *store;
	const struct nf_keyring *keys;
	struct pool *pool;
	int level; /* how NARs are stored in it: a zstd level or POOL_KEEP */
	/* The destination of NARs instead of the pool, which is then one of the sources;
	 * or NULL. Opened for reading if nothing is fetched. */
	struct intake *intake;
	/* What it has is not fetched; or NULL. */
	struct daemon_target *daemon;
	/* What targets of the bundle have: it is neither asked for nor fetched; or NULL
	 */
	const struct inventory *have;
	/* Of all transfers; a zero stands for the default. */
	struct transfers_options http;
	size_t jobs;	     /* threads that decode and encode; 0: one per processor */
	size_t transfers;    /* concurrent transfers of NARs; 0: the default */
	const char *history; /* file with the history of the caches, or NULL */
	struct answers *answers; /* answers of the same caches, from earlier; or NULL */
	bool keep_going;	 /* an unavailable path does not stop the others */
	bool dry_run;		 /* resolve only */
	/* Wait for unreachable caches until nothing has arrived for this long; 0: give
	 * them up after some attempts. */
	int64_t retry_for_ms;
	bool no_race;	  /* no byte of a NAR is requested twice */
	bool caches_only; /* with dry_run: nothing on this machine is asked */
	/* Gets the paths whose whole closures are known, sorted; or NULL. */
	struct inventory *ret_closed;
	/* Called once all paths are known, unless NULL; an error ends the run. With
	 * CHECK_FIRST no NAR is requested before. */
	int (*check_sizes)(void *ctx, const struct fetch_sizes *sizes,
			   struct nf_err *err);
	void *check_ctx;
	bool check_first;
	struct progress *progress;
	const struct transport *transport; /* instead of HTTP, or NULL */
	uint32_t seed;			   /* for jitter; 0: from this process */
};

/* A path that is unavailable. */
struct fetch_failure {
	char *path;
	int code; /* NF_E_... */
	char *text;
};

struct fetch_cache_stats {
	char *url;
	bool local;	    /* on this machine */
	int priority;	    /* lower is preferred; its own, or the user's */
	size_t narinfos;    /* number that it returned */
	size_t nars;	    /* number fetched from it and verified */
	uint64_t bytes;	    /* size of NARs received from it */
	char *last_failure; /* or NULL */
	int64_t silent_ms; /* how long it was waited for without an answer; 0: it answered
			    */
	size_t unanswered; /* requests for NARs that were given up without an answer */
	char *left_out;	   /* why it is no longer used, or NULL */
	struct transfer_stats net;
};

struct fetch_result {
	size_t paths;		 /* in the closure, as far as it is known */
	size_t present;		 /* already valid in the intake's store, or in HAVE */
	size_t in_pool;		 /* others, already in the pool */
	size_t in_store;	 /* others, in the store */
	size_t fetched;		 /* fetched from caches */
	size_t from_pool;	 /* taken from the pool */
	size_t dumped;		 /* taken from the store */
	uint64_t nar_bytes;	 /* unpacked size of all paths */
	uint64_t to_fetch_bytes; /* compressed size of what is not in the pool, as
				    reported by caches */
	uint64_t fetched_bytes;	 /* compressed size of what was received */
	uint64_t resumed_bytes;	 /* size of partial downloads that were already there */
	/* The failed paths. */
	struct nf_storepath *known;
	size_t known_count;
	struct fetch_failure *failures;
	size_t failure_count;
	/* One per substituter, in order; then the caches that are queried first. */
	struct fetch_cache_stats *caches;
	size_t cache_count;
	struct dispute_list disputes;
};

void fetch_result_release(struct fetch_result *r);

/* Fetches the closure of the paths into the pool, or into the intake's store, where
 * everything fetched that is closed under references is then registered. RET is always
 * filled, and what was fetched is kept. Returns the most severe error of all paths:
 * NF_E_MISSING (in no cache), NF_E_TRUST, NF_E_FORMAT/NF_E_HASH (every source served
 * something else), NF_E_NET, NF_E_NOSPACE, NF_E_SYS, NF_E_INTR. */
int fetch_closure(const struct fetch_options *opts, struct fetch_result *ret,
		  struct nf_err *err) MUST_CHECK;

#endif
