/* NARs of one file, for unit tests and the simulated network. A failure aborts. */
#ifndef ONE_FILE_NAR_H
#define ONE_FILE_NAR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Appends the NAR of a file that is not executable. */
void one_file_nar(struct buf *out, const void *content, size_t len);
/* LEN bytes that hardly compress; equal SEEDs give equal bytes. */
void one_file_nar_random(struct buf *out, uint64_t seed, size_t len);

/* Appends NAR as zstd of some level. */
void one_file_nar_encode(struct buf *out, const struct buf *nar, int level);

#endif
