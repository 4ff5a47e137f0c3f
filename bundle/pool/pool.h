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

/* Opens DIR, making it and its fixed parts where they are missing. */
int pool_open(struct pool **ret, const char *dir, struct nf_err *err) MUST_CHECK;
/* Opens DIR only to look: nothing is made or changed. Where there is no such directory,
 * the pool is empty. Of what writes only pool_remove may be called. */
int pool_open_read(struct pool **ret, const char *dir, struct nf_err *err) MUST_CHECK;
/* False for a pool opened to look, of which there is no directory. */
bool pool_is_there(const struct pool *p);
void pool_free(struct pool *p);
DEFINE_CLEANUP(struct pool *, pool_free)
const char *pool_dir(const struct pool *p);

/* From now on what is ingested counts as PROGRESS_WORK_DONE of PROGRESS (borrowed, may be
 * NULL). */
void pool_set_progress(struct pool *p, struct progress *progress);

/* Tries whether files can be made in it. */
int pool_check_writable(struct pool *p, struct nf_err *err) MUST_CHECK;

/* The entry of a path: NF_E_MISSING if there is none (also when its NAR file is gone or
 * has another size than the narinfo says). NI is initialised in any case. */
int pool_find(struct pool *p, const struct nf_storepath *path, struct nf_narinfo *ni,
	      struct nf_err *err) MUST_CHECK;

/* The entry's NAR file, read-only. */
int pool_open_nar(struct pool *p, const struct nf_narinfo *ni, int *ret_fd,
		  struct nf_err *err) MUST_CHECK;

/* Adds signatures that the entry lacks. */
int pool_add_sigs(struct pool *p, const struct nf_pathinfo *info,
		  struct nf_err *err) MUST_CHECK;

/* How ingest stores a NAR: as it was served, or as zstd of a level. */
#define POOL_KEEP 0

/* A NAR to be stored. */
struct pool_input {
	const struct nf_trusted *trusted; /* what its bytes must be */
	enum codec codec;		  /* of what SOURCE reads */
	struct nf_source *source;	  /* taken over, also on failure */
	int level;			  /* POOL_KEEP or a zstd level */
};

/* Decodes the input, verifies every byte, and stores it. The entry becomes visible (to
 * pool_find and to other processes) when pool_flush returns at the latest, and never
 * before its bytes are verified and on the disk. Any thread. A failure leaves nothing. */
int pool_ingest(struct pool *p, const struct pool_input *in,
		struct nf_err *err) MUST_CHECK;

/* Encodes an entry's NAR again, as LEVEL says. */
int pool_reencode(struct pool *p, const struct nf_narinfo *ni, int level,
		  struct nf_err *err) MUST_CHECK;

/* Waits until every ingested entry is on the disk and visible; the first failure since
 * the last flush is returned. */
int pool_flush(struct pool *p, struct nf_err *err) MUST_CHECK;

/* ---- partial downloads ---- */

/* A file in tmp/ that a download goes to, locked against other processes. Its bytes may
 * come in any order; what is there survives a kill, but for the last MiB where there are
 * holes. */
struct pool_partial {
	int fd;
	char *name;		    /* private */
	struct partial_state state; /* read-only for others: which bytes are there */
	uint64_t unsaved;	    /* private: bytes that a kill would lose */
	bool is_path_noted;	    /* private */
};

/* ID: letters, digits, '-', '.'. If another process has it, a fresh unshared one is made.
 */
int pool_partial_open(struct pool *p, const char *id, struct pool_partial *ret,
		      struct nf_err *err) MUST_CHECK;
/* Writes at OFFSET what is not there yet: who comes first with a byte has brought it. */
int pool_partial_write(struct pool *p, struct pool_partial *pp, uint64_t offset,
		       const void *bytes, size_t len, struct nf_err *err) MUST_CHECK;
/* Forgets bytes [from, end): they will come again. */
int pool_partial_drop(struct pool *p, struct pool_partial *pp, uint64_t from,
		      uint64_t end, struct nf_err *err) MUST_CHECK;
/* Remembers for a later run what the server said of the file at URL (NULL: forgets). */
int pool_partial_set_etag(struct pool *p, struct pool_partial *pp, const char *url,
			  const char *etag, struct nf_err *err) MUST_CHECK;
/* Empties it, to start again at 0. */
int pool_partial_restart(struct pool *p, struct pool_partial *pp,
			 struct nf_err *err) MUST_CHECK;
/* What it is wanted for, see pool_partial_sweep. */
void pool_partial_set_path(struct pool_partial *pp, const struct nf_storepath *path);
/* Notes that on the disk: it is whole, and stays only until the path is there. */
int pool_partial_note_path(struct pool *p, struct pool_partial *pp,
			   struct nf_err *err) MUST_CHECK;
/* Closes it and leaves it for a later run. */
void pool_partial_keep(struct pool *p, struct pool_partial *pp);
/* Closes and removes it. */
void pool_partial_discard(struct pool *p, struct pool_partial *pp);
/* The ID by which a later run finds it (free()); NULL for one that none will look for. */
char *pool_partial_id(const struct pool_partial *pp);
/* Removes one that was left, unless somebody has it; returns how many bytes it had. Any
 * thread. */
uint64_t pool_partial_remove(struct pool *p, const char *id);

/* Removes those that no run will ask for: whose path IS_THERE says is where it was to go,
 * those that nobody has written to for weeks, and what killed runs left of others. What
 * somebody has is left. */
void pool_partial_sweep(struct pool *p,
			bool (*is_there)(void *ctx, const struct nf_storepath *path),
			void *ctx);

/* As pool_ingest, from a partial download. The input's source reads the download from its
 * beginning and ends when it is complete; until then only the fd of PP is used. With
 * POOL_KEEP the file itself becomes the entry, without a copy. On success PP is gone; on
 * failure it is still open, and the caller decides. */
int pool_ingest_partial(struct pool *p, const struct pool_input *in,
			struct pool_partial *pp, struct nf_err *err) MUST_CHECK;

/* ---- care ---- */

/* Calls FN for every entry; a return other than 0 ends the walk and is returned. */
int pool_each(struct pool *p,
	      int (*fn)(void *ctx, const struct nf_narinfo *ni, struct nf_err *err),
	      void *ctx, struct nf_err *err) MUST_CHECK;

/* Compares an entry's file with its XXH3: NF_E_HASH is bit rot. */
int pool_check_entry(struct pool *p, const struct nf_narinfo *ni,
		     struct nf_err *err) MUST_CHECK;

/* Bytes on the disk of partial downloads; an estimate where they change. */
uint64_t pool_partial_total(struct pool *p);

/* Removes an entry: narinfo first. */
int pool_remove(struct pool *p, const struct nf_narinfo *ni,
		struct nf_err *err) MUST_CHECK;

/* Notes that a command used the entry of a path: pool_gc removes first what was used
 * longest ago. Where the pool cannot be written to, nothing happens. */
void pool_mark_used(struct pool *p, const struct nf_storepath *path);

/* What the files of a pool come to, and its partial downloads. */
struct pool_sums {
	size_t entries;
	uint64_t nar_bytes;
	uint64_t file_bytes; /* of NARs that two entries share once */
	size_t partials;
	uint64_t partial_bytes;
};

int pool_sum(struct pool *p, struct pool_sums *ret, struct nf_err *err) MUST_CHECK;

struct pool_gc_options {
	/* Seconds: partial downloads, and NARs that no narinfo names, that are older than
	 * this go. */
	int64_t partial_age;
	int64_t unused_age; /* seconds: entries that nobody used for so long go; -1: none
			     */
	uint64_t max_bytes; /* then the least recently used, until no more is left;
			     * UINT64_MAX: none */
	/* What these refer to stays. If neither of the two above says what goes, all else
	 * goes. NF_E_MISSING where one of them is not in the pool. */
	const struct nf_storepath *keep;
	size_t keep_count;
};

struct pool_gc_result {
	uint64_t freed_bytes;
	size_t removed; /* entries */
	size_t left;
	uint64_t left_bytes; /* of their NARs in the pool */
};

int pool_gc(struct pool *p, const struct pool_gc_options *opts,
	    struct pool_gc_result *ret, struct nf_err *err) MUST_CHECK;

#endif
