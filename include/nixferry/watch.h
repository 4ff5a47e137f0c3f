/* What a long call reports while it runs, and how it is cancelled. */
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

/* Something that is being worked on. */
struct nf_progress_item {
	char name[NF_PROGRESS_NAME_MAX]; /* a path's base name, cut */
	const char *verb;		 /* "fetch", "unpack"...: a literal */
};

/* How far a call is. Totals grow while more becomes known; 0 is not known. */
struct nf_progress {
	const char *phase; /* "resolving", "fetching", "unpacking"...: a literal */
	char waiting_for[NF_PROGRESS_WAIT_MAX]; /* instead of that; usually empty */
	uint64_t paths_done, paths_total;
	uint64_t bytes_done, bytes_total; /* of the unit that the phase is measured in */
	uint64_t nar_bytes_done, nar_bytes_total; /* verified and stored, unpacked size */
	uint64_t resolved, resolving; /* narinfos that came, that were asked for */
	struct nf_progress_item items[NF_PROGRESS_ITEMS];
	size_t item_count;
};

/* Each function may be NULL. None may use what the running call works on: its bundle, its
 * options, its result. */
struct nf_watch {
	void *ctx; /* the first argument of each */
	/* Called some 8 times a second while the call runs, from a thread of the library;
	 * NOW is valid until it returns. */
	void (*progress)(void *ctx, const struct nf_progress *now);
	/* A remark for people, one line: a cache was left out, what is waited for... From
	 * the same thread, at the end of the call from the caller's; one at a time. */
	void (*note)(void *ctx, const char *text);
	/* Asked often and from any thread, several at once: true ends the call soon, with
	 * NF_E_INTR. What was done is kept, and the same call resumes. */
	bool (*is_cancelled)(void *ctx);
};

NF_END_DECLS

#endif
