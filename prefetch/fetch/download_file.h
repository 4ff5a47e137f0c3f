/* What of a NAR's file is on this disk, and its way to those who verify it. */
#ifndef DOWNLOAD_FILE_H
#define DOWNLOAD_FILE_H

#include "fetch/claims.h"
#include "fetch/ingest.h"
#include "fetch/wanted_nar.h"

/* One of the files that the NAR may come as: caches differ in their compression. It comes
 * in parts; whole, it goes to a worker. */
struct download_file {
	struct wanted_nar *nar;
	LIST_ENTRY(download_file) link;	      /* of the download's */
	uint32_t number;		      /* the dispatcher's */
	const struct resolver_source *source; /* one of those that serve it */
	struct cache *cache;		      /* that brought the last of it */
	LIST_HEAD(, part) parts;	      /* under way */
	uint64_t size;			      /* 0: not known */
	struct pool_partial partial;
	bool is_open; /* the partial is */
	bool was_open;
	bool at_worker;	       /* whole: a thread has it */
	bool was_spoilt_early; /* what followed it failed */
	bool is_doubtful;      /* not worth keeping for a later run */
	struct claims claims;  /* of its parts that are over */
	struct ingest ingest;
};

/* The file that a part belongs to, made where there is none. DONE is told of its verdict.
 */
struct download_file *download_file_of(struct wanted_nar *d,
				       const struct dispatch_order *o,
				       const struct resolver_source *source,
				       void (*done)(struct ingest *job));
/* Whether the source claims to have the same bytes. */
bool download_file_is_same(const struct download_file *f,
			   const struct resolver_source *source);
/* What a worker needs to know of the NAR. Nothing changes while it is followed. */
int download_file_describe(struct download_file *f, struct nf_err *err) MUST_CHECK;
/* Opens the partial for a part that was ordered so, and tells the dispatcher what an
 * earlier run left of it. */
int download_file_prepare(struct download_file *f, const struct dispatch_order *o,
			  struct nf_err *err) MUST_CHECK;
/* More of it is here: it is followed, if that is worth it. */
void download_file_grew(struct download_file *f);
/* It is not followed any more. */
void download_file_unfollow(struct download_file *f);
/* Hands it to a worker: the whole file, or with LOCAL nothing of one that is on this
 * machine. */
void download_file_submit(struct download_file *f, struct local_source *local);
/* False if bytes that were here are not any more. */
bool download_file_has_all(const struct download_file *f);
/* The partial has become an entry of the pool. */
void download_file_consumed(struct download_file *f);
/* No part of it is under way any more; without any byte it is gone. */
void download_file_rest(struct download_file *f);
/* What came of it stays for a later run, unless it is doubtful. It has no parts. */
void download_file_free(struct download_file *f);

#endif
