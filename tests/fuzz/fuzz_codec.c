/* The first byte names the codec, the second the size of the runs that the rest is fed
 * in. Whatever comes out does not depend on that size. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode_all(struct buf *out, enum codec codec, struct nf_slice in, size_t chunk)
{
	AUTO(source_closep)
	struct nf_source *s = decoder_new(codec, source_of_memory(in.ptr, in.len, chunk));
	struct buf_sink sink;

	buf_init(out, MIB);
	buf_sink_init(&sink, out);
	return source_copy(s, &sink.sink, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf whole = { 0 }, parts = { 0 };
	struct nf_slice in;
	enum codec codec;
	int rc;

	buf_init(&whole, 0);
	buf_init(&parts, 0);
	if (size < 2)
		return 0;
	codec = (enum codec)(data[0] % (CODEC_BR + 1));
	in = nf_slice((const char *)data + 2, size - 2);
	rc = decode_all(&whole, codec, in, 0);
	if (decode_all(&parts, codec, in, 1 + data[1] % 32) != rc)
		abort();
	if (!rc && !nf_slice_eq(buf_slice(&whole), buf_slice(&parts)))
		abort();
	return 0;
}
