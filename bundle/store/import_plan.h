/* What an import will do: every path of a bundle is judged before anything is written. */
#ifndef IMPORT_PLAN_H
#define IMPORT_PLAN_H

#include <nixferry/bundle.h>
#include <nixferry/import.h>
#include <nixferry/narinfo.h>
#include <nixferry/trust.h>
#include <stdatomic.h>

#include "base/codec.h"
#include "base/err.h"
#include "base/map.h"
#include "base/progress.h"
#include "delta/hash_rewrite.h"
#include "format/bundle_keys.h"
#include "store/intake.h"

enum import_state {
	IMPORT_WANTED,
	IMPORT_PRESENT,	 /* already valid in the target */
	IMPORT_UNPACKED, /* verified and unpacked */
};

struct import_path {
	struct nf_narinfo ni;
	struct nf_trusted trusted; /* of ni.info */
	enum codec codec;	   /* of a whole NAR */
	size_t member;	 /* its NAR in the bundle; several paths may share one */
	uint64_t inodes; /* number of file system objects */
	_Atomic(enum import_state) state;
};

struct import_plan {
	struct nf_bundle *bundle; /* borrowed */
	struct import_path *paths;
	size_t count;
	struct map by_base; /* base name -> index */
	struct bundle_keys keys;
	struct hash_rewrite *rewrite;  /* of patches */
	struct nf_key_needs untrusted; /* number of paths that nothing vouches for */
	size_t unchecked;	       /* paths that NO_CHECK_SIGS accepted */
	const char *first_untrusted;   /* base name of the first of them */
};

/* Reads all narinfos of B and judges each. NF_E_TRUST if neither a key of OPTS nor a
 * content address vouches for one, unless OPTS has no_check_sigs; all are judged first,
 * to report all missing keys at once. NF_E_FORMAT if a NAR is not in the bundle,
 * NF_E_UNSUPPORTED if a NAR cannot be decoded. A content address that does not match when
 * recomputed is dropped. Release PLAN even after a failure. */
int import_plan_load(struct import_plan *p, struct nf_bundle *b,
		     const struct nf_import_options *opts, struct nf_err *err) MUST_CHECK;
void import_plan_release(struct import_plan *p);

/* What the paths that nothing vouches for need; the caller's (nf_key_needs_release). */
struct nf_key_needs import_plan_take_untrusted(struct import_plan *p);

/* Paths of the bundle's closure that only the target has. */
struct import_outside {
	struct nf_storepath *paths;
	size_t count;
};

struct import_totals {
	size_t paths;
	uint64_t bytes; /* total size of NARs */
	uint64_t inodes;
};

/* Totals over the paths in one state. */
struct import_totals import_plan_totals(const struct import_plan *p,
					enum import_state state);

/* Reports which metadata of the paths is ignored. */
void import_plan_note_left_out(const struct import_plan *p, struct progress *progress);

/* Finds out which paths are already valid in the target. A valid path with other contents
 * stays as it is, and PROGRESS gets a remark. A valid path that is missing on the disk is
 * imported again; NF_E_FORMAT if the target has another hash for it. */
int import_plan_query(struct import_plan *p, struct intake *target,
		      struct progress *progress, struct nf_err *err) MUST_CHECK;

/* Checks that every reference of a path, and every root of the bundle, is in the bundle
 * or valid in TARGET (NULL: what the bundle requires is valid, and nothing else);
 * otherwise NF_E_MISSING. NF_E_FORMAT if
 * such a path of TARGET, or one in its closure, is missing on the disk. RET (may be NULL)
 * gets the paths of TARGET. */
int import_plan_check_closed(const struct import_plan *p, struct intake *target,
			     struct import_outside *ret, struct nf_err *err) MUST_CHECK;
void import_outside_release(struct import_outside *o);

/* For qsort of pointers to paths: the order of their NARs in the bundle. */
int import_plan_cmp_members(const void *a, const void *b);

#endif
