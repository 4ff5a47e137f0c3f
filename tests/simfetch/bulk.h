/* Files whose bytes are counted, not stored, so that worlds can be large.
 *
 * Every byte of such a file is 0. What the network brings of it goes through the real
 * engine to its partial download, where zeros stay a hole; other bytes, a liar's, are
 * written. Whoever reads the download reads what came, and the verdict is whether it is
 * zeros of the right number: neither hashed nor decoded, and not kept in the pool.
 *
 * Two functions below the engine are replaced for that when simfetch is linked:
 * file_pwrite_all, and those of fetch/destination that take a NAR. Other worlds get the
 * real ones. */
#ifndef BULK_H
#define BULK_H

#include "fetch_world.h"
#include "pool/pool.h"

/* So many are given at a time. */
#define BULK_BYTES (size_t)(256 * 1024)
const char *bulk_bytes(bool is_wrong);

/* From now on paths of W are looked for by what is verified. One world at a time. */
void bulk_begin(const struct fetch_world *w, struct pool *pool);
void bulk_end(void);
/* Of the path's file, verified: 0 if it did not come. */
uint64_t bulk_came(size_t path);
/* The bytes of all that came from this machine. */
uint64_t bulk_came_here(void);

/* A file of SIZE zeros. */
void bulk_make_file(const char *path, uint64_t size);
/* Leaves the beginning of the path's file in the pool, as an earlier run would. */
void bulk_leave_partial(const struct fetch_world *w, size_t path);

#endif
