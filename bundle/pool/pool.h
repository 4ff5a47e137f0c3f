/* The pool: a directory of verified NARs that is itself a file:// binary cache, and the
 * partial downloads on their way into it. Several processes may share one.
 *
 *   nix-cache-info   HASH.narinfo   nar/FILEHASH.nar[.SUFFIX]   tmp/ID.part, tmp/ID.state
 */
#ifndef POOL_H
#define POOL_H

#include <nixferry/narinfo.h>
#include <nixferry/trust.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/codec.h"
#include "base/err.h"
#include "pool/partial_state.h"

struct pool;
struct progress;

/* The default directory: $XDG_CACHE_HOME/nixferry or .cache/nixferry of home_dir().
 * free(). */
int pool_default_dir(char **ret, struct nf_err *err) MUST_CHECK;

/* Opens DIR; creates it and its fixed parts if they are missing. */
int pool_open(struct pool **ret, const char *dir, struct nf_err *err) MUST_CHECK;
/* Opens DIR read-only: nothing is created or changed. If there is no such directory, the
 * pool is empty. Of the functions that write, only pool_remove may be called. */
int pool_open_read(struct pool **ret, const char *dir, struct nf_err *err) MUST_CHECK;
/* False for a pool that was opened read-only and whose directory does not exist. */
bool pool_is_there(const struct pool *p);
void pool_free(struct pool *p);
DEFINE_CLEANUP(struct pool *, pool_free)
const char *pool_dir(const struct pool *p);

/* From now on, what is ingested counts as PROGRESS_WORK_DONE of PROGRESS (borrowed, may
 * be NULL). */
void pool_set_progress(struct pool *p, struct progress *progress);

/* Tries to create a file in it. */
int pool_check_writable(struct pool *p, struct nf_err *err) MUST_CHECK;

/* Finds the entry of a path: NF_E_MISSING if there is none, or if its NAR file is missing
 * or has a size other than the narinfo says. NI is always initialised. */
int pool_find(struct pool *p, const struct nf_storepath *path, struct nf_narinfo *ni,
	      struct nf_err *err) MUST_CHECK;

/* Opens the entry's NAR file, read-only. */
int pool_open_nar(struct pool *p, const struct nf_narinfo *ni, int *ret_fd,
		  struct nf_err *err) MUST_CHECK;

/* Adds signatures that the entry lacks. */
int pool_add_sigs(struct pool *p, const struct nf_pathinfo *info,
		  struct nf_err *err) MUST_CHECK;

/* How ingest stores a NAR: as it was served, or as zstd of some level. */
#define POOL_KEEP 0

/* A NAR to be stored. */
struct pool_input {
	const struct nf_trusted *trusted; /* what its bytes must be */
	enum codec codec;		  /* encoding of SOURCE */
	struct nf_source *source;	  /* taken over, also on failure */
	int level;			  /* POOL_KEEP or a zstd level */
};

/* Decodes the input, verifies every byte, and stores it. The entry becomes visible (to
 * pool_find and to other processes) at the latest when pool_flush returns, and never
 * before its bytes are verified and on the disk. Any thread. On failure nothing is
 * left. */
int pool_ingest(struct pool *p, const struct pool_input *in,
		struct nf_err *err) MUST_CHECK;

/* Re-encodes an entry's NAR as LEVEL says. */
int pool_reencode(struct pool *p, const struct nf_narinfo *ni, int level,
		  struct nf_err *err) MUST_CHECK;

/* Waits until every ingested entry is on the disk and visible; returns the first failure
 * since the last flush. */
int pool_flush(struct pool *p, struct nf_err *err) MUST_CHECK;

/* ---- partial downloads ---- */

/* A file in tmp/ that a download is written to, locked against other processes. Its bytes
 * may arrive in any order. They survive a kill, except for the last MiB if there are
 * holes. */
struct pool_partial {
	int fd;
	char *name;		    /* private */
	struct partial_state state; /* read-only for callers: which bytes are present */
	uint64_t unsaved;	    /* private: bytes that a kill would lose */
	bool is_path_noted;	    /* private */
};

/* ID: letters, digits, '-', '.'. If another process has it locked, a new private one is
 * created. */
int pool_partial_open(struct pool *p, const char *id, struct pool_partial *ret,
		      struct nf_err *err) MUST_CHECK;
/* Writes those bytes at OFFSET that are not present yet: the first arrival counts. */
int pool_partial_write(struct pool *p, struct pool_partial *pp, uint64_t offset,
		       const void *bytes, size_t len, struct nf_err *err) MUST_CHECK;
/* Forgets bytes [from, end): they will be downloaded again. */
int pool_partial_drop(struct pool *p, struct pool_partial *pp, uint64_t from,
		      uint64_t end, struct nf_err *err) MUST_CHECK;
/* Stores the ETag of the file at URL for a later run (NULL: forgets it). */
int pool_partial_set_etag(struct pool *p, struct pool_partial *pp, const char *url,
			  const char *etag, struct nf_err *err) MUST_CHECK;
/* Empties it, to restart at 0. */
int pool_partial_restart(struct pool *p, struct pool_partial *pp,
			 struct nf_err *err) MUST_CHECK;
/* Stores which path it is for, see pool_partial_sweep. */
void pool_partial_set_path(struct pool_partial *pp, const struct nf_storepath *path);
/* Records on the disk that it is complete; it is kept only until its path has been
 * stored. */
int pool_partial_note_path(struct pool *p, struct pool_partial *pp,
			   struct nf_err *err) MUST_CHECK;
/* Closes it and keeps it for a later run. */
void pool_partial_keep(struct pool *p, struct pool_partial *pp);
/* Closes and removes it. */
void pool_partial_discard(struct pool *p, struct pool_partial *pp);
/* The ID by which a later run finds it (free()); NULL if no later run will look for
 * it. */
char *pool_partial_id(const struct pool_partial *pp);
/* Removes one that a run left, unless another process has it locked; returns its size.
 * Any thread. */
uint64_t pool_partial_remove(struct pool *p, const char *id);

/* Removes those that no run will ask for: those whose path is in its destination
 * according to IS_THERE, those not written to for weeks, and other remains of killed
 * runs. Locked ones stay. */
void pool_partial_sweep(struct pool *p,
			bool (*is_there)(void *ctx, const struct nf_storepath *path),
			void *ctx);

/* As pool_ingest, from a partial download. The input's source reads the download from its
 * beginning and ends when it is complete; until then it uses only the fd of PP. With
 * POOL_KEEP the file itself becomes the entry, without a copy. On success PP is gone; on
 * failure it is still open, and the caller decides what to do with it. */
int pool_ingest_partial(struct pool *p, const struct pool_input *in,
			struct pool_partial *pp, struct nf_err *err) MUST_CHECK;

/* ---- maintenance ---- */

/* Calls FN for every entry; a return value other than 0 ends the loop and is returned. */
int pool_each(struct pool *p,
	      int (*fn)(void *ctx, const struct nf_narinfo *ni, struct nf_err *err),
	      void *ctx, struct nf_err *err) MUST_CHECK;

/* Compares an entry's file with its XXH3: NF_E_HASH means bit rot. */
int pool_check_entry(struct pool *p, const struct nf_narinfo *ni,
		     struct nf_err *err) MUST_CHECK;

/* Bytes that partial downloads take on the disk; an estimate if they are changing. */
uint64_t pool_partial_total(struct pool *p);

/* Removes an entry: narinfo first. */
int pool_remove(struct pool *p, const struct nf_narinfo *ni,
		struct nf_err *err) MUST_CHECK;

/* Records that a command used the entry of a path: pool_gc removes the least recently
 * used entries first. Does nothing if the pool cannot be written to. */
void pool_mark_used(struct pool *p, const struct nf_storepath *path);

/* Totals over the files and partial downloads of a pool. */
struct pool_sums {
	size_t entries;
	uint64_t nar_bytes;
	uint64_t file_bytes; /* size of NARs; one that two entries share counts once */
	size_t partials;
	uint64_t partial_bytes;
};

int pool_sum(struct pool *p, struct pool_sums *ret, struct nf_err *err) MUST_CHECK;

struct pool_gc_options {
	/* Seconds: partial downloads, and NARs that no narinfo names, are removed if they
	 * are older than this. */
	int64_t partial_age;
	int64_t unused_age; /* seconds: entries unused for so long are removed; -1: no
			       limit */
	uint64_t max_bytes; /* then the least recently used are removed until the rest is
			       no larger; UINT64_MAX: no limit */
	/* The closures of these are kept. If neither limit above is set, everything else
	 * is removed. NF_E_MISSING if one of them is not in the pool. */
	const struct nf_storepath *keep;
	size_t keep_count;
};

struct pool_gc_result {
	uint64_t freed_bytes;
	size_t removed; /* number of entries */
	size_t left;
	uint64_t left_bytes; /* size of their NARs in the pool */
};

int pool_gc(struct pool *p, const struct pool_gc_options *opts,
	    struct pool_gc_result *ret, struct nf_err *err) MUST_CHECK;

#endif
