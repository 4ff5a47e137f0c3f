/* The minimum size of what the pool will receive, according to the caches. */
#ifndef SIZES_H
#define SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "plan/resolver.h"

struct fetch_sizes {
	const struct resolver *resolver; /* it knows all paths */
	int level;			 /* of the pool's files, or POOL_KEEP */
	size_t paths;			 /* not in the pool */
	uint64_t least_bytes;		 /* of their files in the pool */
	uint64_t here_bytes;		 /* of the files of the others */
};

/* Minimum size of the file that the pool will have for a path that is not there yet. */
uint64_t sizes_least(const struct resolver_node *n, int level);

struct engine;

/* Once all paths are known: calls opts->check_sizes. Call it in each turn. */
void sizes_pump(struct engine *e);
/* True while NARs wait for the result. */
bool sizes_hold(const struct engine *e, int64_t now);

#endif
