#include "codec_target.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

#define OUTPUT_MAX (32 * KIB)

/* Decoders allocate large blocks: soon reused ones are faster than new ones. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:thread_local_quarantine_size_kb=64";
}

static int decode_all(struct buf *out, enum codec codec, struct nf_slice in, size_t chunk)
{
	AUTO(source_closep)
	struct nf_source *s = decoder_new(codec, source_of_memory(in.ptr, in.len, chunk));
	struct buf_sink sink;

	buf_init(out, OUTPUT_MAX);
	buf_sink_init(&sink, out);
	return source_copy(s, &sink.sink, NULL);
}

static void shrink_le32(uint8_t *at)
{
	at[1] = 0x10;
	at[2] = 0;
	at[3] = 0;
}

/* Frames of the old form have blocks of 8 MiB: one in 16 of them stays. Others get the
 * smallest block size, and the checksum of the descriptor that says so. */
static void shrink_lz4(uint8_t *frame, size_t size, uint8_t chance)
{
	static const uint8_t magic[] = { 0x04, 0x22, 0x4d, 0x18 };
	static const uint8_t old_magic[] = { 0x02, 0x21, 0x4c, 0x18 };
	size_t end = 6 + (frame[4] & 8 ? 8 : 0) + (frame[4] & 1 ? 4 : 0);

	if (memcmp(frame, old_magic, sizeof(old_magic)) == 0 && chance % 16)
		memcpy(frame, magic, sizeof(magic));
	if (memcmp(frame, magic, sizeof(magic)) != 0 || end >= size)
		return;
	frame[5] = 4 << 4;
	frame[end] = (uint8_t)(XXH32(frame + 4, end - 4, 0) >> 8);
}

static void shrink_window(enum codec codec, uint8_t *in, size_t size, uint8_t chance)
{
	if (size < 13)
		return;
	if (codec == CODEC_LZMA)
		shrink_le32(in + 1);
	else if (codec == CODEC_LZIP)
		in[5] = 12 + in[5] % 5;
	else if (codec == CODEC_BZIP2)
		in[3] = '1';
	else if (codec == CODEC_LZ4)
		shrink_lz4(in, size, chance);
}

static bool is_limit(int rc)
{
	return rc == -NF_E_LIMIT;
}

/* libzstd compares the content size that a frame declares with what it decoded, except
 * where the last block is empty and the frame comes in parts. The NAR hash decides there.
 */
static bool is_short_frame(enum codec codec, int whole_rc, int parts_rc)
{
	return codec == CODEC_ZSTD && whole_rc == -NF_E_FORMAT && !parts_rc;
}

static bool may_differ(enum codec codec, int whole_rc, int parts_rc)
{
	if (is_short_frame(codec, whole_rc, parts_rc))
		return true;
	/* Damaged input may reach the limit of the output first, or the damage. */
	return whole_rc && parts_rc && (is_limit(whole_rc) || is_limit(parts_rc));
}

/* Decodes what comes in parts of CHUNK bytes, as the whole was with that result. */
static void compare_parts(enum codec codec, struct nf_slice in, size_t chunk, int rc,
			  struct nf_slice whole)
{
	AUTO_BUF struct buf parts = { 0 };
	int parts_rc = decode_all(&parts, codec, in, chunk);

	if (rc != parts_rc && !may_differ(codec, rc, parts_rc))
		abort();
	if (!rc && !nf_slice_eq(whole, buf_slice(&parts)))
		abort();
}

int codec_target(enum codec codec, const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf whole = { 0 };
	uint8_t *copy;
	struct nf_slice in;
	int rc;

	if (size < 1)
		return 0;
	copy = mem_alloc(size);
	memcpy(copy, data, size);
	shrink_window(codec, copy + 1, size - 1, copy[0]);
	in = nf_slice((const char *)copy + 1, size - 1);
	rc = decode_all(&whole, codec, in, 0);
	/* Most input is damaged: half of that is not decoded again, for speed. */
	if (!rc || copy[0] % 2)
		compare_parts(codec, in, 1 + copy[0] % 32, rc, buf_slice(&whole));
	free(copy);
	return 0;
}
