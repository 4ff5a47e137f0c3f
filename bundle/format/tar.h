/* The one form of tar that bundles are made of: for every member the bytes of its header
 * follow from its name and size alone, so that a header is never parsed, only compared.
 *
 *   size < 8 GiB:  [ustar header] content, zeros up to a multiple of 512
 *   larger:        [pax header]["NN size=SIZE\n", zeros][ustar header] content, zeros
 *   after the last member: 1024 zero bytes
 *
 * Mode 0444, uid and gid 0, mtime 1, no owner names, type '0'. */
#ifndef TAR_H
#define TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TAR_UNIT	512
#define TAR_NAME_MAX	100
#define TAR_SIZE_MAX	077777777777ULL /* largest size in a ustar header: 8 GiB - 1 */
#define TAR_HEADER_MAX	(3 * TAR_UNIT)
#define TAR_TRAILER_LEN (2 * TAR_UNIT)

/* Number of bytes before the content of a member of SIZE bytes: 512, or 1536 with a pax
 * header. */
size_t tar_header_len(uint64_t size);

/* Writes those bytes and returns their number. NAME has 1 to TAR_NAME_MAX characters. */
size_t tar_header(uint8_t out[TAR_HEADER_MAX], const char *name, uint64_t size);

/* SIZE rounded up to a multiple of 512 (cannot overflow: see limits.h). */
uint64_t tar_padded(uint64_t size);

/* Appends a whole member: header, content and padding. */
void tar_add_member(struct buf *out, const char *name, const void *p, size_t len);

/* True if the 512 bytes are exactly tar_header(NAME, some size up to TAR_SIZE_MAX);
 * returns that size. */
bool tar_header_match(const uint8_t header[TAR_UNIT], const char *name,
		      uint64_t *ret_size);

#endif
