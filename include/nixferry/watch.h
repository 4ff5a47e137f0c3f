/* Observes the progress of a long call, and cancels it. */
#ifndef NIXFERRY_WATCH_H
#define NIXFERRY_WATCH_H

#include <nixferry/decls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

NF_BEGIN_DECLS

#define NF_PROGRESS_ITEMS    32
#define NF_PROGRESS_NAME_MAX 64
#define NF_PROGRESS_WAIT_MAX 256
#define NF_PROGRESS_CACHES   16
#define NF_PROGRESS_URL_MAX  96

/* An item in progress. */
struct nf_progress_item {
	char name[NF_PROGRESS_NAME_MAX]; /* base name of a path, truncated */
	const char *verb;		 /* "fetch", "unpack"...: a literal */
	uint64_t bytes_done;
	uint64_t bytes_total; /* 0: unknown */
	uint32_t idle_ms;     /* since bytes_done changed, or since the beginning */
	int cache; /* which of the caches sent the last bytes; -1: none of them */
};

enum nf_cache_state {
	NF_CACHE_NEW,	  /* it has not answered yet */
	NF_CACHE_USED,	  /* it has answered */
	NF_CACHE_RETRIED, /* it failed, and is asked again after a pause */
	NF_CACHE_GONE,	  /* it is no longer used */
};

/* A cache that the call uses. */
struct nf_progress_cache {
	char url[NF_PROGRESS_URL_MAX]; /* truncated */
	enum nf_cache_state state;
	uint64_t bytes;	   /* of NARs, received from it */
	uint32_t requests; /* in progress */
	uint32_t idle_ms;  /* how long they have brought nothing */
};

/* The progress of a call. Totals grow while more becomes known; 0 is unknown. */
struct nf_progress {
	const char *phase; /* "resolving", "fetching", "unpacking"...: a literal */
	char waiting_for[NF_PROGRESS_WAIT_MAX]; /* shown instead of the phase; usually
						   empty */
	uint64_t paths_done, paths_total;
	uint64_t bytes_done, bytes_total;	  /* in the unit of the phase */
	uint64_t nar_bytes_done, nar_bytes_total; /* verified and stored, unpacked size */
	uint64_t resolved, resolving;		  /* narinfos received and requested */
	struct nf_progress_item items[NF_PROGRESS_ITEMS];
	size_t item_count;
	struct nf_progress_cache caches[NF_PROGRESS_CACHES]; /* the first of them */
	size_t cache_count;
};

/* Each function may be NULL. None may use the objects of the running call: its bundle,
 * options or result. */
struct nf_watch {
	void *ctx; /* the first argument of each function */
	/* Called about 8 times per second during the call, on a thread of the library;
	 * NOW is valid until it returns. */
	void (*progress)(void *ctx, const struct nf_progress *now);
	/* A remark for the user, one line: a cache is no longer used, what the call waits
	 * for... Called on the same thread, or at the end on the caller's; one at a
	 * time. */
	void (*note)(void *ctx, const char *text);
	/* Called often and on any thread, concurrently: true ends the call soon, with
	 * NF_E_INTR. What was done is kept, and the same call resumes. */
	bool (*is_cancelled)(void *ctx);
};

NF_END_DECLS

#endif
