#include "base/prefix_codec.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/mem.h"

/* zstd keeps this much of a prefix in its tables: 8 << 20 positions. */
#define TABLE_LOG 20

struct prefix_encoder {
	ZSTD_CCtx *ctx;
};

struct prefix_decoder {
	ZSTD_DCtx *ctx;
};

static int window_log(size_t len)
{
	int log = 10;

	while (log < 27 && ((size_t)1 << log) < len)
		log++;
	return log;
}

struct prefix_encoder *prefix_encoder_new(int level)
{
	struct prefix_encoder *e = mem_calloc(1, sizeof(*e));

	e->ctx = ZSTD_createCCtx();
	if (!e->ctx)
		abort();
	ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_hashLog, TABLE_LOG);
	ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_chainLog, TABLE_LOG);
	/* Finds what is far away at any level. */
	ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_enableLongDistanceMatching, 1);
	return e;
}

void prefix_encoder_free(struct prefix_encoder *e)
{
	if (!e)
		return;
	ZSTD_freeCCtx(e->ctx);
	free(e);
}

int prefix_encode(struct prefix_encoder *e, struct nf_slice prefix, struct nf_slice in,
		  struct buf *out, struct nf_err *err)
{
	size_t room = ZSTD_compressBound(in.len);
	AUTO_FREE char *frame = mem_alloc(room);
	size_t code = ZSTD_CCtx_reset(e->ctx, ZSTD_reset_session_only);

	if (!ZSTD_isError(code))
		code = ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_windowLog,
					      window_log(prefix.len + in.len));
	if (!ZSTD_isError(code))
		code = ZSTD_CCtx_refPrefix(e->ctx, prefix.ptr, prefix.len);
	if (!ZSTD_isError(code))
		code = ZSTD_compress2(e->ctx, frame, room, in.ptr, in.len);
	if (ZSTD_isError(code))
		return err_set(err, NF_E_SYS, "zstd: %s", ZSTD_getErrorName(code));
	buf_add(out, frame, code);
	return 0;
}

struct prefix_decoder *prefix_decoder_new(void)
{
	struct prefix_decoder *d = mem_calloc(1, sizeof(*d));

	d->ctx = ZSTD_createDCtx();
	if (!d->ctx)
		abort();
	return d;
}

void prefix_decoder_free(struct prefix_decoder *d)
{
	if (!d)
		return;
	ZSTD_freeDCtx(d->ctx);
	free(d);
}

/* libzstd would also decode skippable frames, and the formats of its first versions. */
static bool is_frame(struct nf_slice frame)
{
	return frame.len >= 4 && memcmp(frame.ptr, "\x28\xb5\x2f\xfd", 4) == 0;
}

int prefix_decode(struct prefix_decoder *d, struct nf_slice prefix, struct nf_slice frame,
		  void *out, size_t len, struct nf_err *err)
{
	size_t code;

	if (!is_frame(frame))
		return err_set(err, NF_E_FORMAT, "zstd data: not in this format");
	code = ZSTD_findFrameCompressedSize(frame.ptr, frame.len);
	if (!ZSTD_isError(code) && code != frame.len)
		return err_set(err, NF_E_FORMAT,
			       "zstd data: unexpected data after its end");
	if (!ZSTD_isError(code))
		code = ZSTD_DCtx_refPrefix(d->ctx, prefix.ptr, prefix.len);
	if (!ZSTD_isError(code))
		code = ZSTD_decompressDCtx(d->ctx, out, len, frame.ptr, frame.len);
	if (ZSTD_isError(code))
		return err_set(err, NF_E_FORMAT, "zstd data: %s",
			       ZSTD_getErrorName(code));
	if (code != len)
		return err_set(err, NF_E_FORMAT, "zstd data: %zu bytes instead of %zu",
			       code, len);
	return 0;
}
