/* From targets to verified NARs in the pool or in a target store: resolving and
 * downloading at the same time. */
#ifndef FETCH_H
#define FETCH_H

#include <nixferry/key.h>
#include <nixferry/storepath.h>

#include "base/err.h"
#include "base/progress.h"
#include "caches/answers.h"
#include "caches/dispute.h"
#include "config/substituter_list.h"
#include "fetch/sizes.h"
#include "fetch/transport.h"
#include "http/rate_limit.h"
#include "http/transfer_stats.h"
#include "pool/pool.h"
#include "store/intake.h"
#include "store/local_store.h"

#define FETCH_CONNECTIONS_MAX 1024

struct fetch_options {
	const struct nf_storepath *targets;
	size_t target_count;
	const struct substituter *substituters; /* at most SUBSTITUTER_LIST_MAX */
	size_t substituter_count;
	/* What it has need not be asked for elsewhere; its facts need no signature. May
	 * be NULL. */
	struct local_store *store;
	const struct nf_keyring *keys;
	struct pool *pool;
	int level; /* how NARs are stored there: a zstd level or POOL_KEEP */
	/* Where NARs go instead of the pool, which is then one of the sources; or NULL.
	 * To be read only if nothing is fetched. */
	struct intake *intake;
	size_t connections;	      /* at most, in all; 0: the default */
	size_t connections_per_cache; /* at most; 0: as many as in all */
	size_t jobs;		/* threads that decode and encode; 0: one per processor */
	int connect_timeout_ms; /* 0: the default */
	int stall_timeout_s;	/* 0: the default */
	size_t transfers;	/* NARs that are transferred at once; 0: the default */
	struct rate_schedule limit;	       /* of all transfers together */
	const struct credentials *credentials; /* or NULL */
	const char *ca_file;		       /* or NULL: libcurl's */
	const char *user_agent_suffix;	       /* or NULL */
	const char *history;		       /* file of the caches' history, or NULL */
	struct answers *answers;	       /* of the same caches, earlier; or NULL */
	bool keep_going; /* a path that cannot be had does not end the others */
	bool dry_run;	 /* resolve only */
	/* Caches that cannot be reached are waited for until nothing came for so long; 0:
	 * they are given up after some attempts. */
	int64_t retry_for_ms;
	bool no_race; /* no byte of a NAR is asked for twice */
	/* Asked once all paths are known, unless NULL; what it says ends the run. With
	 * CHECK_FIRST no NAR is asked for before. */
	int (*check_sizes)(void *ctx, const struct fetch_sizes *sizes,
			   struct nf_err *err);
	void *check_ctx;
	bool check_first;
	struct progress *progress;
	const struct transport *transport; /* in place of HTTP, or NULL */
	uint32_t seed;			   /* of jitter; 0: this process's */
};

/* A path that could not be had. */
struct fetch_failure {
	char *path;
	int code; /* NF_E_... */
	char *text;
};

struct fetch_cache_stats {
	char *url;
	bool local;	    /* on this machine */
	int priority;	    /* lower first; its own word, or the user's */
	size_t narinfos;    /* that it answered with */
	size_t nars;	    /* that were fetched from it and verified */
	uint64_t bytes;	    /* of NARs that came from it */
	char *last_failure; /* or NULL */
	int64_t silent_ms;  /* it was asked for so long and has not answered; 0: it has */
	size_t unanswered;  /* requests for NARs that were given up without an answer */
	char *left_out;	    /* why it is not asked any more, or NULL */
	struct transfer_stats net;
};

struct fetch_result {
	size_t paths;		 /* in the closure, as far as it is known */
	size_t present;		 /* that the intake's store had already */
	size_t in_pool;		 /* that the pool had already, of the others */
	size_t in_store;	 /* that the store has, of the others */
	size_t fetched;		 /* that came from caches */
	size_t from_pool;	 /* that came from the pool */
	size_t dumped;		 /* that came from the store */
	uint64_t nar_bytes;	 /* of all paths, unpacked */
	uint64_t to_fetch_bytes; /* compressed, of what is not in the pool, as far as
				    caches say */
	uint64_t fetched_bytes;	 /* compressed, that came */
	uint64_t resumed_bytes;	 /* of partial downloads that were there already */
	/* All of them, where it failed. */
	struct nf_storepath *known;
	size_t known_count;
	struct fetch_failure *failures;
	size_t failure_count;
	/* One a substituter, in their order; then what is asked first. */
	struct fetch_cache_stats *caches;
	size_t cache_count;
	struct dispute_list disputes;
};

void fetch_result_release(struct fetch_result *r);

/* Brings the closure of the targets into the pool, or into the intake's store, where all
 * that came and is closed under references is then registered. Whatever happens, RET
 * tells how far it came, and what came is kept. Errors, the gravest of all paths':
 * NF_E_MISSING (in no cache), NF_E_TRUST, NF_E_FORMAT/NF_E_HASH (every source served
 * something else), NF_E_NET, NF_E_NOSPACE, NF_E_SYS, NF_E_INTR. */
int fetch_closure(const struct fetch_options *opts, struct fetch_result *ret,
		  struct nf_err *err) MUST_CHECK;

#endif
