/* Files whose bytes are counted, not stored, so that worlds can be large.
 *
 * Every byte of such a file is 0. What arrives of it goes through the real engine to its
 * partial download, in which zeros remain a hole; other bytes, a liar's, are written. A
 * reader of the download reads what arrived. The verdict is whether it is the right
 * number of zeros: it is neither hashed nor decoded, and not kept in the pool.
 *
 * For that, functions below the engine are replaced when simfetch is linked:
 * file_pwrite_all, and those of fetch/destination that take a NAR. Other worlds use the
 * real ones. */
#ifndef BULK_H
#define BULK_H

#include "fetch_world.h"
#include "pool/pool.h"

/* Bytes returned at a time. */
#define BULK_BYTES (size_t)(256 * 1024)
const char *bulk_bytes(bool is_wrong);

/* From now on, verified data is matched to the paths of W. One world at a time. */
void bulk_begin(const struct fetch_world *w, struct pool *pool);
void bulk_end(void);
/* Verified bytes of the path's file: 0 if it has not arrived. */
uint64_t bulk_came(size_t path);
/* Bytes that came from this machine. */
uint64_t bulk_came_here(void);

/* A file of SIZE zeros. */
void bulk_make_file(const char *path, uint64_t size);
/* Puts the beginning of the path's file into the pool, as an earlier run would. */
void bulk_leave_partial(const struct fetch_world *w, size_t path);

#endif
