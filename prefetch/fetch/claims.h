/* Who brought which bytes of a file that was assembled from several caches and turned out
 * to be wrong. Once the right file is known, this shows who lied. */
#ifndef CLAIMS_H
#define CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

/* CACHE supplied bytes [from, end) with this digest. */
struct claim {
	uint32_t cache;
	uint64_t from, end;
	uint8_t digest[XXH3_128_SIZE];
	bool is_wrong;
};

/* All zero: empty. */
struct claims {
	struct claim *list;
	size_t len, cap;
};

void claims_release(struct claims *c);
void claims_add(struct claims *c, uint32_t cache, uint64_t from, uint64_t end,
		const uint8_t digest[XXH3_128_SIZE]);
/* Adds the claims of FROM to C; FROM becomes empty. */
void claims_move(struct claims *c, struct claims *from);

/* Forgets the claims of a cache. */
void claims_drop(struct claims *c, uint32_t cache);

/* Marks those that differ from the file; unreadable bytes count as equal. */
void claims_compare(struct claims *c, int fd);

/* The next cache with a wrong claim, without duplicates; *at is 0 at first. */
const struct claim *claims_next_wrong(const struct claims *c, size_t *at);

#endif
