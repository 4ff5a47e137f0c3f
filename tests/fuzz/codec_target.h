/* Shared by the fuzz targets of the decoders. */
#ifndef CODEC_TARGET_H
#define CODEC_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/codec.h"

/* Decodes an input twice: whole, and in pieces of the size in its first byte. Both must
 * give the same result. A size in a header that would make the decoder allocate a large
 * window is reduced first: it takes time and reaches no other line. Returns 0, for
 * libFuzzer. */
int codec_target(enum codec codec, const uint8_t *data, size_t size);

#endif
