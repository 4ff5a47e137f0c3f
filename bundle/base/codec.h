/* Compression. The only file that uses libzstd, libarchive and libbrotli. */
#ifndef CODEC_H
#define CODEC_H

#include <nixferry/slice.h>
#include <nixferry/stream.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/stream.h"

/* Named as in the Compression field of narinfos. */
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

/* False if the name is unknown or cannot be decoded. */
bool codec_parse(enum codec *ret, struct nf_slice name);
const char *codec_name(enum codec codec);
/* ".xz", ".zst", ".bz2", ".gz", ".lz4", ".lz", ".lzma", ".br"; "" if not compressed. */
const char *codec_suffix(enum codec codec);

/* The encoding of a file that begins with these bytes: NAMED, unless they belong to
 * another encoding or to a plain NAR. */
enum codec codec_detect(enum codec named, struct nf_slice begin);

/* Decodes IN (taken over). All frames or members are decoded. NF_E_FORMAT for data after
 * the last one, a missing end or a bad checksum (except gzip's, which libarchive does not
 * check). Empty input is valid, as empty output, only for CODEC_NONE; compressed empty
 * data, which no NAR is, decodes only from zstd and br. zstd windows over 128 MiB are
 * refused (NF_E_LIMIT). xz and lzma use as much memory as their header asks for and their
 * content fills, so bound the output with source_sized(). */
struct nf_source *decoder_new(enum codec codec, struct nf_source *in);

#define ZSTD_LEVEL_MIN	   1
#define ZSTD_LEVEL_MAX	   19
#define ZSTD_LEVEL_DEFAULT 3

/* Encodes what is written to it as one zstd frame with a checksum and a content size,
 * into OUT (borrowed). The same bytes, size and level give the same output, however the
 * bytes are split into writes. One encoder can serve many NARs, one after another. */
struct zstd_encoder;

struct zstd_encoder *zstd_encoder_new(int level);
void zstd_encoder_free(struct zstd_encoder *e);
DEFINE_CLEANUP(struct zstd_encoder *, zstd_encoder_free)

/* Starts a frame for exactly SIZE bytes of content. */
int zstd_encoder_start(struct zstd_encoder *e, struct nf_sink *out, uint64_t size,
		       struct nf_err *err) MUST_CHECK;
/* The sink to write the content to; valid from start to finish. */
struct nf_sink *zstd_encoder_sink(struct zstd_encoder *e);
/* Ends the frame; NF_E_SYS if fewer bytes were written than announced. */
int zstd_encoder_finish(struct zstd_encoder *e, struct nf_err *err) MUST_CHECK;

#endif
