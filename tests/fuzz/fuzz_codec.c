/* The first byte names the codec; the rest is decoded, at most a MiB of it. */
#include <stdint.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_source *s;
	size_t chunk;

	if (size < 2)
		return 0;
	chunk = data[1] % 32;
	s = source_sized(decoder_new((enum codec)(data[0] % (CODEC_BR + 1)),
				     source_of_memory(data + 2, size - 2, chunk)),
			 MIB, "output");
	if (source_drain(s, NULL) == 0 && size == 2)
		abort(); /* a MiB out of nothing */
	source_close(s);
	return 0;
}
