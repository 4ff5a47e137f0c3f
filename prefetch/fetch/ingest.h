/* The work of a fetch on other threads: decoding, verifying and storing NARs. Workers
 * process what is complete on this machine. Followers start while a NAR is still
 * arriving, so that little work is left at its end; they have their own threads because
 * they mostly wait for the network. */
#ifndef INGEST_H
#define INGEST_H

#include <nixferry/trust.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"
#include "base/err.h"
#include "caches/local_cache.h"
#include "fetch/destination.h"
#include "fetch/follow.h"
#include "pool/pool.h"

/* The threads, and their jobs. */
struct ingests;

/* All borrowed. */
struct ingests_options {
	size_t workers;
	struct destination *destination;
	/* Once it is set, jobs that begin end at once with NF_E_INTR. */
	const atomic_bool *is_broken;
	/* Called by another thread when a job is finished; may be NULL. */
	void (*wakeup)(void *ctx);
	void *wakeup_ctx;
};

struct ingests *ingests_new(const struct ingests_options *opts);
/* Waits for the workers' jobs; followers' jobs must have been withdrawn. DONE of finished
 * jobs must have been called before, or is never called. */
void ingests_free(struct ingests *in);

/* Embedded in the owner's struct. The owner fills in the first group, submits, and finds
 * the second group set when DONE is called. */
struct ingest {
	struct ingests *ingests;
	struct nf_pathinfo info; /* released by the owner */
	struct nf_trusted trusted;
	enum codec codec;
	const char *unknown; /* the encoding that the narinfo names, if it is unknown; or
				NULL */
	struct local_cache *local;    /* the local cache; NULL: PARTIAL */
	const char *local_url;	      /* its name there */
	struct pool_partial *partial; /* consumed if it is used */
	void (*done)(struct ingest *job);

	int rc;
	struct nf_err err;
	bool unreadable;      /* the local cache failed, not the destination */
	uint64_t local_bytes; /* read from the local cache */
	bool was_followed; /* a failure may concern early bytes only; a worker will decide
			    */
	/* Private. */
	struct follow *follow; /* a follower has it; NULL: a worker, or no thread */
	bool is_waited_for;    /* counted as in progress */
	bool is_back;	       /* under the lock: in the list of finished jobs */
	struct ingest *next;
};

/* Gives the job to a worker; may wait for one. */
void ingest_submit(struct ingest *job);

/* Gives a partial download in progress to a follower, if one is idle; the owner then
 * calls follow_advance. */
bool ingest_follow(struct ingest *job);
/* The download is complete: DONE will be called. */
void ingest_is_whole(struct ingest *job);
/* Withdraws a job whose download is incomplete from its follower, and waits until the
 * follower has let go of it: as if it had never been given to it. */
void ingest_withdraw(struct ingest *job);

/* Calls DONE for all jobs that have finished since the last call; for a follower's also
 * if it failed before the download was complete. */
void ingests_collect(struct ingests *in);

/* Number of uncollected jobs of workers, and of followers whose download is complete. */
size_t ingests_under_way(const struct ingests *in);

/* Waits until none of these is running; does not collect them. */
void ingests_wait(struct ingests *in);
/* Waits until no follower has a job; all must be complete, withdrawn or broken. */
void ingests_wait_followers(struct ingests *in);

#endif
