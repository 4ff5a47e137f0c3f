#include "base/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <brotli/decode.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"

/* A fuzzer reaches the same lines in a fraction of the time where buffers are small. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define OUT_SIZE	(4 * KIB)
#define ZSTD_WINDOW_LOG 16
#else
#define OUT_SIZE	(256 * KIB)
#define ZSTD_WINDOW_LOG 27 /* 128 MiB, Nix's limit */
#endif

/* The highest level takes a tenth of a second for this much, so an interruption takes
 * effect soon. */
#define ENCODE_STEP (128 * KIB)

static const struct {
	const char *name;
	const char *suffix;
	int archive_filter; /* filter of libarchive; 0 for another library */
} codecs[] = {
	[CODEC_NONE] = { "none", "", 0 },
	[CODEC_XZ] = { "xz", ".xz", ARCHIVE_FILTER_XZ },
	[CODEC_ZSTD] = { "zstd", ".zst", 0 },
	[CODEC_BZIP2] = { "bzip2", ".bz2", ARCHIVE_FILTER_BZIP2 },
	[CODEC_GZIP] = { "gzip", ".gz", ARCHIVE_FILTER_GZIP },
	[CODEC_LZ4] = { "lz4", ".lz4", ARCHIVE_FILTER_LZ4 },
	[CODEC_LZIP] = { "lzip", ".lz", ARCHIVE_FILTER_LZIP },
	[CODEC_LZMA] = { "lzma", ".lzma", ARCHIVE_FILTER_LZMA },
	[CODEC_BR] = { "br", ".br", 0 },
};

bool codec_parse(enum codec *ret, struct nf_slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		if (nf_slice_is(name, codecs[i].name)) {
			*ret = (enum codec)i;
			return true;
		}
	}
	return false;
}

const char *codec_name(enum codec codec)
{
	return codecs[codec].name;
}

const char *codec_suffix(enum codec codec)
{
	return codecs[codec].suffix;
}

static const struct {
	const char *bytes;
	size_t len;
	enum codec codec;
} magics[] = {
	{ "\x0d\0\0\0\0\0\0\0nix-archive-1", 21, CODEC_NONE },
	{ "\xfd\x37zXZ", 6, CODEC_XZ }, /* includes the NUL */
	{ "\x28\xb5\x2f\xfd", 4, CODEC_ZSTD },
	{ "BZh", 3, CODEC_BZIP2 },
	{ "\x1f\x8b\x08", 3, CODEC_GZIP },
	{ "\x04\x22\x4d\x18", 4, CODEC_LZ4 },
	{ "LZIP", 4, CODEC_LZIP },
};

/* A shorter one could be the beginning of a format without a signature. */
#define MAGIC_SURE 4

enum codec codec_detect(enum codec named, struct nf_slice begin)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		size_t len = magics[i].len;
		bool is_sure =
			len >= MAGIC_SURE || (named != CODEC_LZMA && named != CODEC_BR);

		if (is_sure && begin.len >= len &&
		    memcmp(begin.ptr, magics[i].bytes, len) == 0)
			return magics[i].codec;
	}
	return named;
}

/* ---- common to all decoders ---- */

struct decoder {
	struct nf_source source;
	struct nf_source *in;
	enum codec codec;
	struct nf_slice input; /* what is not decoded yet */
	bool input_ended;
	uint64_t fed;	/* number of bytes read from in */
	uint64_t zeros; /* how many of these, at the end, are 0 */
	char *out;
	ZSTD_DCtx *zstd;
	BrotliDecoderState *brotli;
	struct archive *archive;
	bool mid_frame; /* a frame has begun but not ended */
	bool ended;
	bool marked; /* libarchive: it was given the bytes after the end of lz4 */
	int in_rc;   /* libarchive: error of in, and its code */
	struct nf_err in_err;
};

static int corrupt(const struct decoder *d, struct nf_err *err, const char *why)
{
	return err_set(err, NF_E_FORMAT, "%s data: %s", codec_name(d->codec), why);
}

static void count_zeros(struct decoder *d)
{
	size_t len = d->input.len;

	while (len && d->input.ptr[len - 1] == '\0')
		len--;
	d->zeros = d->input.len - len + (len ? 0 : d->zeros);
}

/* Makes input available, unless it has ended. */
static int fill(struct decoder *d, struct nf_err *err)
{
	int rc;

	if (d->input.len || d->input_ended)
		return 0;
	rc = interrupt_check(err);
	if (!rc)
		rc = source_next(d->in, &d->input, err);
	if (rc)
		return rc;
	d->input_ended = d->input.len == 0;
	d->fed += d->input.len;
	count_zeros(d);
	return 0;
}

static void take_input(struct decoder *d, size_t n)
{
	if (n)
		d->input = nf_slice(d->input.ptr + n, d->input.len - n);
}

static void decoder_close(struct nf_source *s)
{
	struct decoder *d = (struct decoder *)s;

	ZSTD_freeDCtx(d->zstd);
	if (d->brotli)
		BrotliDecoderDestroyInstance(d->brotli);
	if (d->archive)
		archive_read_free(d->archive);
	source_close(d->in);
	free(d->out);
	free(d);
}

/* ---- zstd ---- */

static int zstd_error(const struct decoder *d, size_t code, struct nf_err *err)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge)
		return err_set(err, NF_E_LIMIT, "zstd data: its window exceeds %llu MiB",
			       (1ULL << ZSTD_WINDOW_LOG) / MIB);
	return corrupt(d, err, ZSTD_getErrorName(code));
}

/* The first byte of a frame or a skippable frame. libzstd also decodes the formats of its
 * versions before 0.8, with old code that should not be exposed to hostile bytes. */
static bool zstd_is_first(char c)
{
	return (uint8_t)c == 0x28 || ((uint8_t)c & 0xf0) == 0x50;
}

static void zstd_begin(struct decoder *d)
{
	d->zstd = ZSTD_createDCtx();
	d->out = mem_alloc(OUT_SIZE);
	if (!d->zstd)
		abort();
	ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
}

static int zstd_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct decoder *d = (struct decoder *)s;
	ZSTD_outBuffer out = { .size = OUT_SIZE };
	int rc = 0;

	if (!d->zstd)
		zstd_begin(d);
	out.dst = d->out;
	while (out.pos < out.size) {
		ZSTD_inBuffer in;
		size_t left;

		rc = fill(d, err);
		if (rc)
			return rc;
		if (d->input_ended && !d->mid_frame)
			break;
		if (!d->mid_frame && !zstd_is_first(d->input.ptr[0]))
			return corrupt(d, err,
				       d->fed > d->input.len
					       ? "unexpected data after its end"
					       : "not in this format");
		in = (ZSTD_inBuffer){ .src = d->input.ptr, .size = d->input.len };
		left = ZSTD_decompressStream(d->zstd, &out, &in);
		if (ZSTD_isError(left))
			return zstd_error(d, left, err);
		take_input(d, in.pos);
		d->mid_frame = left != 0;
		if (d->input_ended && d->mid_frame && out.pos < out.size)
			return corrupt(d, err, "truncated");
	}
	if (d->fed == 0)
		return corrupt(d, err, "truncated");
	*ret = nf_slice(d->out, out.pos);
	return 0;
}

/* ---- brotli ---- */

static int brotli_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct decoder *d = (struct decoder *)s;
	BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT;
	size_t room = OUT_SIZE;
	uint8_t *out;
	int rc;

	if (!d->brotli) {
		d->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		d->out = mem_alloc(OUT_SIZE);
		if (!d->brotli)
			abort();
	}
	out = (uint8_t *)d->out;
	while (room && !d->ended) {
		const uint8_t *in;
		size_t len;

		rc = fill(d, err);
		if (rc)
			return rc;
		in = (const uint8_t *)d->input.ptr;
		len = d->input.len;
		result = BrotliDecoderDecompressStream(d->brotli, &len, &in, &room, &out,
						       NULL);
		take_input(d, d->input.len - len);
		if (result == BROTLI_DECODER_RESULT_ERROR)
			return corrupt(d, err,
				       BrotliDecoderErrorString(
					       BrotliDecoderGetErrorCode(d->brotli)));
		if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT && d->input_ended)
			return corrupt(d, err, "truncated");
		d->ended = result == BROTLI_DECODER_RESULT_SUCCESS;
	}
	if (d->ended) {
		rc = fill(d, err);
		if (rc)
			return rc;
		if (d->input.len)
			return corrupt(d, err, "unexpected data after its end");
	}
	*ret = nf_slice(d->out, OUT_SIZE - room);
	return 0;
}

/* ---- libarchive ---- */

/* After an lz4 frame, libarchive consumes four more bytes, whatever they are. It is given
 * these, and must consume exactly them. */
static const char lz4_mark[4];

static la_ssize_t archive_input(struct archive *a, void *ctx, const void **ret)
{
	struct decoder *d = ctx;

	take_input(d, d->input.len);
	d->in_rc = fill(d, &d->in_err);
	if (d->in_rc) {
		archive_set_error(a, EIO, "input");
		return -1;
	}
	if (d->input_ended && d->codec == CODEC_LZ4 && !d->marked) {
		d->marked = true;
		*ret = lz4_mark;
		return sizeof(lz4_mark);
	}
	*ret = d->input.ptr;
	return (la_ssize_t)d->input.len;
}

/* An error of the input takes precedence over what libarchive reports. */
static int archive_failed(struct decoder *d, const char *why, struct nf_err *err)
{
	if (d->in_rc && err)
		*err = d->in_err;
	return d->in_rc ? d->in_rc : corrupt(d, err, why ? why : "damaged");
}

/* Only the named filter is enabled. libarchive's detection, which would also unpack
 * nested compression, stays off. */
static int archive_begin(struct decoder *d, struct nf_err *err)
{
	int filter = codecs[d->codec].archive_filter;
	struct archive_entry *entry;

	d->archive = archive_read_new();
	if (!d->archive)
		abort();
	archive_read_support_format_raw(d->archive);
	/* Ask first: adding the filter would start libarchive's external fallback
	 * program. */
	if (archive_read_support_filter_by_code(d->archive, filter) != ARCHIVE_OK ||
	    archive_read_append_filter(d->archive, filter) != ARCHIVE_OK)
		return err_set(err, NF_E_UNSUPPORTED,
			       "%s data: this build of libarchive cannot decode it",
			       codec_name(d->codec));
	/* Before the first output, libarchive reports damage and empty input alike, so
	 * both are refused; nor does it keep the filter's reason. */
	if (archive_read_open2(d->archive, d, NULL, archive_input, NULL, NULL) ||
	    archive_read_next_header(d->archive, &entry))
		return archive_failed(d, "damaged, empty or in another format", err);
	return 0;
}

/* Tapes and block devices pad files with zeros, which gzip ignores. */
static int skip_padding(struct decoder *d, uint64_t used, struct nf_err *err)
{
	int rc;

	do {
		if (d->fed - used > d->zeros)
			return corrupt(d, err, "unexpected data after its end");
		take_input(d, d->input.len);
		rc = fill(d, err);
	} while (!rc && d->input.len);
	return rc;
}

/* Decoders stop at the end that they detect; the input must end there too. */
static int archive_check_end(struct decoder *d, struct nf_err *err)
{
	int64_t used = archive_filter_bytes(d->archive, -1);
	uint64_t end = d->fed + (d->codec == CODEC_LZ4 ? sizeof(lz4_mark) : 0);
	int rc;

	/* Between members, libarchive treats a failed input as an ended one. */
	if (d->in_rc)
		return archive_failed(d, NULL, err);
	if (d->codec == CODEC_GZIP && used >= 0 && (uint64_t)used <= d->fed)
		return skip_padding(d, (uint64_t)used, err);
	if (used < 0 || (uint64_t)used != end)
		return corrupt(d, err, "unexpected data after its end");
	take_input(d, d->input.len);
	rc = fill(d, err);
	if (!rc && !d->input_ended)
		rc = corrupt(d, err, "unexpected data after its end");
	return rc;
}

static int archive_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct decoder *d = (struct decoder *)s;
	const void *block;
	la_int64_t offset;
	size_t len = 0;
	int rc = 0;

	*ret = nf_slice(NULL, 0);
	if (!d->archive)
		rc = archive_begin(d, err);
	while (!rc && !d->ended && len == 0) {
		int got = archive_read_data_block(d->archive, &block, &len, &offset);

		if (got == ARCHIVE_EOF)
			d->ended = true;
		else if (got != ARCHIVE_OK)
			rc = archive_failed(d, archive_error_string(d->archive), err);
		else
			*ret = nf_slice(block, len);
	}
	if (!rc && d->ended)
		rc = archive_check_end(d, err);
	return rc;
}

struct nf_source *decoder_new(enum codec codec, struct nf_source *in)
{
	struct decoder *d;

	if (codec == CODEC_NONE)
		return in;
	d = mem_calloc(1, sizeof(*d));
	d->in = in;
	d->codec = codec;
	d->source.close = decoder_close;
	if (codec == CODEC_ZSTD)
		d->source.next = zstd_next;
	else if (codec == CODEC_BR)
		d->source.next = brotli_next;
	else
		d->source.next = archive_next;
	return &d->source;
}

/* ---- encoding ---- */

struct zstd_encoder {
	struct nf_sink sink;
	struct nf_sink *out;
	ZSTD_CCtx *ctx;
	char *buffer;
	size_t size;
};

static int encode_input(struct zstd_encoder *e, ZSTD_inBuffer *in, ZSTD_EndDirective mode,
			struct nf_err *err)
{
	size_t left;
	int rc;

	do {
		ZSTD_outBuffer out = { .dst = e->buffer, .size = e->size };

		rc = interrupt_check(err);
		if (rc)
			return rc;
		left = ZSTD_compressStream2(e->ctx, &out, in, mode);
		if (ZSTD_isError(left))
			return err_set(err, NF_E_SYS, "zstd: %s",
				       ZSTD_getErrorName(left));
		if (out.pos)
			rc = sink_write(e->out, out.dst, out.pos, err);
	} while (!rc && (mode == ZSTD_e_end ? left != 0 : in->pos < in->size));
	return rc;
}

static int encoder_write(struct nf_sink *s, const void *p, size_t len, struct nf_err *err)
{
	ZSTD_inBuffer in = { .src = p };
	int rc = 0;

	while (!rc && in.pos < len) {
		in.size = len - in.pos > ENCODE_STEP ? in.pos + ENCODE_STEP : len;
		rc = encode_input((struct zstd_encoder *)s, &in, ZSTD_e_continue, err);
	}
	return rc;
}

struct zstd_encoder *zstd_encoder_new(int level)
{
	struct zstd_encoder *e = mem_calloc(1, sizeof(*e));

	e->sink.write = encoder_write;
	e->ctx = ZSTD_createCCtx();
	if (!e->ctx)
		abort();
	ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(e->ctx, ZSTD_c_checksumFlag, 1);
	e->size = ZSTD_CStreamOutSize();
	e->buffer = mem_alloc(e->size);
	return e;
}

void zstd_encoder_free(struct zstd_encoder *e)
{
	if (!e)
		return;
	ZSTD_freeCCtx(e->ctx);
	free(e->buffer);
	free(e);
}

int zstd_encoder_start(struct zstd_encoder *e, struct nf_sink *out, uint64_t size,
		       struct nf_err *err)
{
	size_t code = ZSTD_CCtx_reset(e->ctx, ZSTD_reset_session_only);

	if (!ZSTD_isError(code))
		code = ZSTD_CCtx_setPledgedSrcSize(e->ctx, size);
	if (ZSTD_isError(code))
		return err_set(err, NF_E_SYS, "zstd: %s", ZSTD_getErrorName(code));
	e->out = out;
	return 0;
}

struct nf_sink *zstd_encoder_sink(struct zstd_encoder *e)
{
	return &e->sink;
}

int zstd_encoder_finish(struct zstd_encoder *e, struct nf_err *err)
{
	ZSTD_inBuffer in = { 0 };

	return encode_input(e, &in, ZSTD_e_end, err);
}
