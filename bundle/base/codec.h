/* Compression. The only file that knows libzstd, libarchive and libbrotli. */
#ifndef CODEC_H
#define CODEC_H

#include <nixferry/slice.h>
#include <nixferry/stream.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/stream.h"

/* The names are those of a narinfo's Compression field. */
enum codec {
	CODEC_NONE,
	CODEC_XZ,
	CODEC_ZSTD,
	CODEC_BZIP2,
	CODEC_GZIP,
	CODEC_LZ4,
	CODEC_LZIP,
	CODEC_LZMA,
	CODEC_BR,
};

/* False for a name that we cannot decode. */
bool codec_parse(enum codec *ret, struct nf_slice name);
const char *codec_name(enum codec codec);
/* ".xz", ".zst", ".bz2", ".gz", ".lz4", ".lz", ".lzma", ".br"; "" for none. */
const char *codec_suffix(enum codec codec);

/* What a file is encoded with that begins so: NAMED, unless its first bytes are of
 * another encoding, or those of a NAR. */
enum codec codec_detect(enum codec named, struct nf_slice begin);

/* Decodes IN (taken over). All frames or members are decoded; anything after the last, a
 * missing end, a bad checksum (but gzip's, which libarchive does not look at) is
 * NF_E_FORMAT. An empty input is only an empty output for CODEC_NONE; compressed
 * emptiness, which no NAR is, is only decoded from zstd and br. Windows of zstd over 128
 * MiB are refused (NF_E_LIMIT); xz and lzma use as much memory as their header asks for
 * and their content fills, so bound the output: put source_sized() around it. */
struct nf_source *decoder_new(enum codec codec, struct nf_source *in);

#define ZSTD_LEVEL_MIN	   1
#define ZSTD_LEVEL_MAX	   19
#define ZSTD_LEVEL_DEFAULT 3

/* Encodes what is written to it as one zstd frame with a checksum and a content size,
 * into OUT (borrowed). The same bytes, size and level give the same output, whatever the
 * sizes of the writes. One encoder can serve many NARs, one after another. */
struct zstd_encoder;

struct zstd_encoder *zstd_encoder_new(int level);
void zstd_encoder_free(struct zstd_encoder *e);
DEFINE_CLEANUP(struct zstd_encoder *, zstd_encoder_free)

/* Starts a frame of exactly SIZE bytes of content. */
int zstd_encoder_start(struct zstd_encoder *e, struct nf_sink *out, uint64_t size,
		       struct nf_err *err) MUST_CHECK;
/* The sink to write the content to; valid from start to finish. */
struct nf_sink *zstd_encoder_sink(struct zstd_encoder *e);
/* Ends the frame; NF_E_SYS if fewer bytes came than were promised. */
int zstd_encoder_finish(struct zstd_encoder *e, struct nf_err *err) MUST_CHECK;

#endif
