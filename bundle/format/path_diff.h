/* What differs between two sets of store paths, by package, as `nix store diff-closures`
 * groups them: the version is what follows the first hyphen that is not followed by a
 * letter, and a last word such as "-bin" names an output. */
#ifndef PATH_DIFF_H
#define PATH_DIFF_H

#include <nixferry/hash.h>
#include <nixferry/slice.h>
#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* The name and the version of a package in the name of a path; the version may be empty.
 */
void path_diff_split(struct nf_slice path_name, struct nf_slice *ret_name,
		     struct nf_slice *ret_version);

struct path_diff_item {
	struct nf_storepath path;
	struct nf_hash nar_hash;
	uint64_t nar_size; /* 0: not known */
	bool is_new;	   /* after path_diff_new: the other side has no such path */
};

struct path_diff_side {
	struct path_diff_item *items;
	size_t count, cap;
};

/* Appends a path, which must not be there yet. */
void path_diff_add(struct path_diff_side *side, const struct path_diff_item *item);
void path_diff_side_release(struct path_diff_side *side);

enum path_diff_kind {
	PATH_DIFF_SAME,
	PATH_DIFF_CHANGED, /* of version */
	PATH_DIFF_ADDED,
	PATH_DIFF_REMOVED,
	PATH_DIFF_REBUILT, /* the same versions, other paths or contents */
};

/* The paths of a package on one side, sorted by version. */
struct path_diff_paths {
	const struct path_diff_item *items;
	size_t count;
	uint64_t size; /* sum, if has_size */
	bool has_size; /* of all of them */
};

struct path_diff_package {
	struct nf_slice name;
	enum path_diff_kind kind;
	struct path_diff_paths before, after;
};

struct path_diff {
	struct path_diff_package *packages; /* sorted by name */
	size_t count;
	size_t same_names; /* paths that both sides have, with different contents */
};

/* Sorts both sides, which must outlive the result. A size that one side does not know is
 * taken from the other if the path and its hash are the same. */
struct path_diff *path_diff_new(struct path_diff_side *before,
				struct path_diff_side *after);
void path_diff_free(struct path_diff *d);
DEFINE_CLEANUP(struct path_diff *, path_diff_free)

/* Calls FN for each version of PATHS, or only for those that OTHER does not have. */
void path_diff_versions(const struct path_diff_paths *paths,
			const struct path_diff_paths *other,
			void (*fn)(void *ctx, struct nf_slice version), void *ctx);

#endif
