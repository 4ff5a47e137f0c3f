/* zstd with a prefix: bytes that both sides have, and that the compressed ones are like.
 */
#ifndef PREFIX_CODEC_H
#define PREFIX_CODEC_H

#include <nixferry/slice.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

struct prefix_encoder;

struct prefix_encoder *prefix_encoder_new(int level);
void prefix_encoder_free(struct prefix_encoder *e);
DEFINE_CLEANUP(struct prefix_encoder *, prefix_encoder_free)

/* Appends IN as one frame to OUT. PREFIX may be empty. The same bytes and level give the
 * same frame. */
int prefix_encode(struct prefix_encoder *e, struct nf_slice prefix, struct nf_slice in,
		  struct buf *out, struct nf_err *err) MUST_CHECK;

struct prefix_decoder;

struct prefix_decoder *prefix_decoder_new(void);
void prefix_decoder_free(struct prefix_decoder *d);

/* Decodes one frame to exactly LEN bytes; anything else is NF_E_FORMAT. */
int prefix_decode(struct prefix_decoder *d, struct nf_slice prefix, struct nf_slice frame,
		  void *out, size_t len, struct nf_err *err) MUST_CHECK;

#endif
