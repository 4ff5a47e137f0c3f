/* A target store that receives verified paths from any source. Each path is unpacked next
 * to the store's paths. Batches that are closed under references are moved into place,
 * made durable and registered. If the process is killed at any moment, the store is valid
 * and contains no unregistered path. */
#ifndef INTAKE_H
#define INTAKE_H

#include <nixferry/import.h>
#include <nixferry/pathinfo.h>
#include <nixferry/stream.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/free_space.h"
#include "base/progress.h"

/* How often complete paths are registered, to limit what a killed run has to repeat. */
#define INTAKE_REGISTER_SECONDS 20

struct intake;

enum intake_mode {
	INTAKE_WRITE, /* creates a missing store */
	INTAKE_READ,  /* only asks what is valid; the store may be missing */
};

/* Opens the store below ROOT. Writing waits for a garbage collector that is running, and
 * locks collectors out until intake_allow_gc. Faults of the store are reported now:
 * NF_E_UNSUPPORTED (another schema), NF_E_SYS (not writable). PROGRESS is borrowed. */
int intake_open(struct intake **ret, const char *root, enum intake_mode mode,
		struct progress *progress, struct nf_err *err) MUST_CHECK;
/* Removes everything that is not registered. */
void intake_free(struct intake *in);
DEFINE_CLEANUP(struct intake *, intake_free)
const char *intake_root(const struct intake *in);

/* From now on collectors may run. They keep every path that was or will be asked for or
 * unpacked, until the intake is freed; a question about another path waits for one that
 * is running. Call it once most of the paths have been asked for. Any thread. */
void intake_allow_gc(struct intake *in);

/* From now on unpacked files share their contents with equal ones in the store, as hard
 * links (store/store_links.h). Only an intake that is open for writing; before anything
 * is unpacked. */
int intake_share_files(struct intake *in, struct nf_err *err) MUST_CHECK;

/* Of a bundle's series: see store/series.h. Only an intake that is open for writing. */
int intake_check_series(const struct intake *in, const struct nf_bundle_terms *terms,
			bool allow_older, struct nf_err *err) MUST_CHECK;
int intake_remember_series(const struct intake *in, const struct nf_bundle_terms *terms,
			   struct nf_err *err) MUST_CHECK;

/* For callers that need their own files on the store's file system; borrowed. */
int intake_temp_fd(const struct intake *in);
/* Its nix/store; borrowed. */
int intake_store_fd(const struct intake *in);

/* Returns what the database says of a path, with references only on request. NF_E_MISSING
 * if the path is not valid; NF_E_UNSUPPORTED if it is valid but its row cannot be read. A
 * path that the database calls valid but that is missing on the disk is "lost": a note
 * reports it, and the result is NF_E_MISSING. INFO is always initialised. Any thread. */
int intake_find(struct intake *in, const struct nf_storepath *path, bool with_refs,
		struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;
int intake_is_valid(struct intake *in, const struct nf_storepath *path, bool *ret,
		    struct nf_err *err) MUST_CHECK;

/* As store_db_check_hash. */
int intake_check_hash(struct intake *in, const struct nf_storepath *path,
		      struct nf_err *err) MUST_CHECK;

/* Whether either function has found the path lost and it has not been restored yet. A
 * lost path that is added is moved back into place, and its row stays. */
bool intake_is_lost(struct intake *in, struct nf_slice base);
/* NF_E_FORMAT if the path is lost and its row has a hash other than NAR_HASH (SHA-256):
 * it must not be added then. */
int intake_check_lost(struct intake *in, struct nf_slice base, const uint8_t *nar_hash,
		      struct nf_err *err) MUST_CHECK;
/* The paths that are still lost. Not while other threads use the intake. */
void intake_each_lost(struct intake *in, void (*fn)(void *ctx, const char *base),
		      void *ctx);

/* Reads valid paths from the disk, as store_check does. From now on the intake regards
 * those as not valid that are missing, damaged, or have a row that Nix cannot read. When
 * one is added, it replaces what is on the disk, and its row is rewritten. PATHS: only
 * these, as far as they are valid; NULL: all. Notes name the first that are found. Not
 * while others use the intake. */
int intake_find_damage(struct intake *in, const struct nf_storepath *paths, size_t count,
		       size_t jobs, struct nf_err *err) MUST_CHECK;
/* The same for a path that is valid with the contents of INFO, but with other references
 * than INFO has, which a signature covers. */
int intake_find_other_refs(struct intake *in, const struct nf_pathinfo *info,
			   struct nf_err *err) MUST_CHECK;
/* Fails if damaged paths were not restored: NF_E_MISSING if all of them are only missing,
 * else NF_E_FORMAT. */
int intake_check_repaired(struct intake *in, struct nf_err *err) MUST_CHECK;

/* Free space of the store's file system when the store was opened for writing. */
struct free_space intake_space(const struct intake *in);
/* Space that NARs of that size with that many file system objects take there. */
uint64_t intake_bytes_needed(uint64_t bytes, uint64_t inodes);
/* NF_E_NOSPACE if the free space at opening is less than these NARs and file system
 * objects take. */
int intake_check_space(const struct intake *in, uint64_t bytes, uint64_t inodes,
		       struct nf_err *err) MUST_CHECK;

/* The tree of a path, unpacked and verified, but not added yet. */
struct intake_tree {
	char *temp;	 /* private; NULL if empty */
	uint64_t inodes; /* number of file system objects */
};

/* Unpacks NAR (borrowed), which must verify its own bytes (nar_checked_source). The
 * content of a .drv must be a derivation. On failure nothing is left. Any thread. */
int intake_unpack(struct intake *in, const struct nf_pathinfo *info,
		  struct nf_source *nar, struct intake_tree *ret,
		  struct nf_err *err) MUST_CHECK;

/* Adds TREE, which becomes empty, to the paths to be registered, with a copy of INFO.
 * Takes over TOKEN (free(); may be NULL), see intake_on_registered. If another source
 * added the path first, that one stays. Any thread. */
void intake_add(struct intake *in, const struct nf_pathinfo *info,
		struct intake_tree *tree, char *token);

/* Calls FN (or nothing, if NULL) with the token of each path that has one: on the
 * registering thread once the path is registered, or from intake_add if the path had been
 * added before. Not while other threads use the intake. */
void intake_on_registered(struct intake *in, void (*fn)(void *ctx, const char *token),
			  void *ctx);

/* Registers the added paths whose references are valid or registered with them, holding
 * Nix's locks of the paths. A path that another process has made valid stays as it is and
 * counts as present; a note reports it if its content differs. After a failure nothing
 * more is registered, because written data may be lost. One thread at a time. */
int intake_register(struct intake *in, struct nf_err *err) MUST_CHECK;

/* Number of added paths that are not registered. */
size_t intake_waiting(struct intake *in);
/* Why one of them is not registered: NF_E_MISSING (a missing reference), NF_E_FORMAT (a
 * circle of references); 0 if there is none. After intake_register. */
int intake_why_waiting(struct intake *in, struct nf_err *err) MUST_CHECK;

/* Adds signatures that valid paths lack. */
int intake_add_sigs(struct intake *in, const struct nf_pathinfo *const *infos,
		    size_t count, struct nf_err *err) MUST_CHECK;

/* Which paths to keep alive in the target, and how. */
struct intake_roots {
	const struct nf_storepath *paths;
	size_t count;
	const char *profile; /* profile whose current generation becomes the only path; or
				NULL */
	const char *gc_root; /* without a profile: name of the root that keeps all paths;
				NULL: each path has its own root, named after it */
};

/* Keeps paths alive with a profile or GC roots, and records which in RET. When it
 * returns, everything is on the disk. */
int intake_add_roots(struct intake *in, const struct intake_roots *roots,
		     struct nf_import_result *ret, struct nf_err *err) MUST_CHECK;

/* Fills in what has been imported so far; adds to the number of paths that were already
 * present. */
void intake_tell(struct intake *in, struct nf_import_result *r);

#endif
