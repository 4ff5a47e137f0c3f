/* One side of a comparison: what a user names as paths, read whole. */
#ifndef DIFF_SIDE_H
#define DIFF_SIDE_H

#include "base/arena.h"
#include "base/map.h"
#include "cmd/named_paths.h"
#include "format/path_diff.h"

struct diff_facts;

struct diff_side {
	struct named_paths what;
	struct path_diff_side paths;
	struct diff_facts *facts; /* of each of PATHS, until they are sorted */
	size_t facts_cap;
	struct map by_base;
	struct arena arena;
	size_t unknown; /* required paths whose references are not known */
};

void diff_side_init(struct diff_side *side);
void diff_side_release(struct diff_side *side);

/* Reads WHAT, which is open. */
int diff_side_read(struct diff_side *side, const struct named_sources *sources,
		   struct nf_err *err) MUST_CHECK;

/* A bundle lists the paths that it requires, but not what these refer to in turn. Adds
 * that to SIDE, as far as OTHER knows it. */
void diff_side_complete(struct diff_side *side, const struct diff_side *other);

#endif
