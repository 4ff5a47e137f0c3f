/* What the fuzz targets of the encodings share. */
#ifndef CODEC_TARGET_H
#define CODEC_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"

/* Decodes an input twice: whole, and in pieces whose size is its first byte. Both give
 * the same result. A size in a header that would make the decoder allocate a large window
 * is made small first: it costs time and reaches no other line. Returns 0, for libFuzzer.
 */
int codec_target(enum codec codec, const uint8_t *data, size_t size);

#endif
