/* What the files of downloads share: download.c has the nodes and the verdicts,
 * download_file.c what of a NAR's file is on this disk, part.c one part's way over HTTP.
 */
#ifndef DOWNLOAD_H
#define DOWNLOAD_H

#include "fetch/claims.h"
#include "fetch/engine.h"
#include "fetch/ingest.h"

/* A node whose NAR is wanted, and of which something is here or under way. */
struct download {
	struct engine *engine;
	LIST_ENTRY(download) link; /* of the engine's */
	uint32_t node;
	LIST_HEAD(, download_file) files;
	int item;     /* of the progress */
	bool is_over; /* only a worker is waited for */
	/* Who brought what of a file that was wrong, and one of its sources. */
	struct claims claims;
	const struct resolver_source *claimed;
};

/* One of the files that the NAR may come as: caches differ in their compression. It comes
 * in parts; whole, it goes to a worker. */
struct download_file {
	struct download *download;
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

/* Bytes [from, end) of a file, from one cache. */
struct part {
	struct download_file *file;
	LIST_ENTRY(part) link; /* of the file's */
	uint32_t number;       /* the dispatcher's */
	struct cache *cache;
	const struct resolver_source *source;
	char *url;
	struct transfer *transfer; /* NULL: it has none, or it is over */
	bool is_race;		   /* another part has the same bytes */
	uint64_t from, end;
	bool is_cut; /* END came nearer after it was asked for */
	uint64_t asked_end;
	uint64_t at;	     /* where its next byte goes */
	struct xxh3 *digest; /* of what it brought */
	long status;	     /* of the answer that is coming */
	uint64_t told_total; /* of a range's refusal; UINT64_MAX: not said */
	bool is_sized;	     /* the answer said its size */
	bool is_other_file;  /* than the one that others bring, or the whole of it */
};

const char *download_path(const struct download *d);

/* What a worker has in its hands is waited for. */
void download_free(struct download *d);
void download_free_if_empty(struct download *d);

/* ---- download_verdict.c ---- */

/* A part ended; it is gone after this, perhaps with its file and all. */
void download_part_over(struct part *p, enum dispatch_end how, int64_t retry_at);
/* The part's cache does not give the NAR: CODE and TEXT say why. */
void download_part_refused(struct part *p, int code, const char *text);
/* Why the NAR could not be had from a cache; the gravest reason is told in the end. */
void download_set_reason(struct download *d, const struct cache *c, int code,
			 const char *text);
/* Whether a failure says something of the source, not of us. */
bool download_is_sources_fault(int rc);
/* With the whole file, or with nothing of one that is on this machine. */
void download_hand_to_worker(struct download_file *f, struct local_source *local);
/* With what is there of a file; false if none has time. */
bool download_hand_to_follower(struct download_file *f);

/* ---- download_file.c ---- */

/* The file that a part belongs to, made where there is none. */
struct download_file *download_file_of(struct download *d, const struct dispatch_order *o,
				       const struct resolver_source *source);
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
/* False if bytes that were here are not any more. */
bool download_file_has_all(const struct download_file *f);
/* The partial has become an entry of the pool. */
void download_file_consumed(struct download_file *f);
/* No part of it is under way any more; without any byte it is gone. */
void download_file_rest(struct download_file *f);
/* What came of it stays for a later run, unless it is doubtful. */
void download_file_free(struct download_file *f);

/* ---- part.c ---- */

struct part *part_new(struct download_file *f, const struct dispatch_order *o,
		      const struct resolver_source *source);
/* Asks for it. The file must be prepared. */
void part_ask(struct part *p);
/* It ends sooner. */
void part_cut(struct part *p, uint64_t end);
/* Notes in its file what it brought. */
void part_claim(struct part *p);
/* Ends its transfer; the part stays. */
void part_stop(struct part *p);
void part_free(struct part *p);

#endif
