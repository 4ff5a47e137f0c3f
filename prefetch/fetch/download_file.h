/* The file of a NAR on this disk, and its way to the threads that verify it. */
#ifndef DOWNLOAD_FILE_H
#define DOWNLOAD_FILE_H

#include "fetch/claims.h"
#include "fetch/ingest.h"
#include "fetch/wanted_nar.h"

/* One of the files in which the NAR is available: caches differ in their compression. It
 * arrives in parts; when it is complete, a worker gets it. */
struct download_file {
	struct wanted_nar *nar;
	LIST_ENTRY(download_file) link;	    /* list of the download */
	uint32_t number;		    /* the dispatcher's number */
	const struct resolver_offer *offer; /* one of the offers that serve it */
	struct cache *cache;		    /* cache that brought the last bytes of it */
	LIST_HEAD(, part) parts;	    /* in progress */
	uint64_t size;			    /* 0: unknown */
	struct pool_partial partial;
	bool is_open; /* the partial is open */
	bool was_open;
	bool at_worker;	       /* complete: a thread has it */
	bool was_spoilt_early; /* the follower's job failed */
	bool is_doubtful;      /* not worth keeping for a later run */
	struct claims claims;  /* digests of its finished parts */
	struct ingest ingest;
};

/* The file that a part belongs to; created if there is none. DONE receives its
 * verdict. */
struct download_file *download_file_of(struct wanted_nar *d,
				       const struct dispatch_order *o,
				       const struct resolver_offer *offer,
				       void (*done)(struct ingest *job));
/* Whether the offer claims to have the same bytes. */
bool download_file_is_same(const struct download_file *f,
			   const struct resolver_offer *offer);
/* What a worker needs to know about the NAR. Constant while the file is followed. */
int download_file_describe(struct download_file *f, struct nf_err *err) MUST_CHECK;
/* Opens the partial for a new part, and reports to the dispatcher what an earlier run
 * left of it. */
int download_file_prepare(struct download_file *f, const struct dispatch_order *o,
			  struct nf_err *err) MUST_CHECK;
/* Tells the progress how much of it is present. */
void download_file_show(const struct download_file *f);
/* More of it is present: starts following it if that is worthwhile. */
void download_file_grew(struct download_file *f);
/* Stops following it. */
void download_file_unfollow(struct download_file *f);
/* Passes it to a worker: the whole file or, with LOCAL, one that is read from this
 * machine. */
void download_file_submit(struct download_file *f, struct local_cache *local);
/* False if bytes that were present have disappeared. */
bool download_file_has_all(const struct download_file *f);
/* The partial has become an entry of the pool. */
void download_file_consumed(struct download_file *f);
/* No part of it is in progress any more; removes it if it is empty. */
void download_file_rest(struct download_file *f);
/* Keeps what has arrived for a later run, unless it is doubtful. It must have no
 * parts. */
void download_file_free(struct download_file *f);

#endif
