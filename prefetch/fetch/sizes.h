/* How much is still to come into the pool, at least, as far as caches say. */
#ifndef SIZES_H
#define SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "plan/resolver.h"

struct fetch_sizes {
	const struct resolver *resolver; /* which knows all paths */
	int level;			 /* of the pool's files, or POOL_KEEP */
	size_t paths;			 /* that are not in the pool */
	uint64_t least_bytes;		 /* of their files there, at least */
	uint64_t here_bytes;		 /* of the files of the others */
};

/* How large the file of a path that is to come will be in the pool, at least. */
uint64_t sizes_least(const struct resolver_node *n, int level);

struct engine;

/* Once all paths are known: asks opts->check_sizes. At each turn. */
void sizes_pump(struct engine *e);
/* True while NARs wait for the verdict. */
bool sizes_hold(const struct engine *e, int64_t now);

#endif
