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

/* An item in progress. */
struct nf_progress_item {
	char name[NF_PROGRESS_NAME_MAX]; /* base name of a path, truncated */
	const char *verb;		 /* "fetch", "unpack"...: a literal */
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
