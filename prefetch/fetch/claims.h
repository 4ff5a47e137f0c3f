/* Who brought which bytes of a file that was put together from several caches and turned
 * out to be wrong. Once the file is known to be right, it shows who lied. */
#ifndef CLAIMS_H
#define CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

/* CACHE says that the bytes [from, end) have this digest. */
struct claim {
	uint32_t cache;
	uint64_t from, end;
	uint8_t digest[XXH3_128_SIZE];
	bool is_wrong;
};

/* All zero: none. */
struct claims {
	struct claim *list;
	size_t len, cap;
};

void claims_release(struct claims *c);
void claims_add(struct claims *c, uint32_t cache, uint64_t from, uint64_t end,
		const uint8_t digest[XXH3_128_SIZE]);
/* FROM's are added to C; FROM is empty after it. */
void claims_move(struct claims *c, struct claims *from);

/* Forgets what a cache brought. */
void claims_drop(struct claims *c, uint32_t cache);

/* Marks those that do not agree with the file; what cannot be read agrees. */
void claims_compare(struct claims *c, int fd);

/* The next cache of which something is wrong, each once; *at is 0 at first. */
const struct claim *claims_next_wrong(const struct claims *c, size_t *at);

#endif
