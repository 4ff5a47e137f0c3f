/* The decoder of lz4. */
#include "codec_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return codec_target(CODEC_LZ4, data, size);
}
