/* NARs in memory, and patches of them, for tests. */
#ifndef DELTA_FIXTURE_H
#define DELTA_FIXTURE_H

#include "base/buf.h"
#include "delta/delta_base.h"
#include "delta/hash_rewrite.h"

#define DELTA_FIXTURE_OLD "0123456789abcdfghijklmnpqrsvwxyz"
#define DELTA_FIXTURE_NEW "zyxwvsrqpnmlkjihgfdcba9876543210"

/* From DELTA_FIXTURE_OLD to DELTA_FIXTURE_NEW. */
struct hash_rewrite *delta_fixture_rewrite(void);

/* Borrows the bytes. */
struct delta_base *delta_fixture_base(struct nf_slice bytes);

/* Applies PATCH to the base BYTES, with delta_fixture_rewrite; appends what it makes, at
 * most MAX bytes, to OUT. The patch comes in runs of CHUNK bytes. */
int delta_fixture_apply(struct buf *out, struct nf_slice bytes, struct nf_slice patch,
			uint64_t max, size_t chunk, struct nf_err *err);

#endif
