/* Walks over a run of payload bytes: which of them are tar framing (headers, padding, the
 * trailer), whose every byte follows from the manifest, and which are members' content.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/manifest.h"
#include "format/tar.h"

struct frame_piece {
	size_t len;
	const uint8_t *framing; /* the bytes; valid until the next call. NULL: content */
	size_t member;		/* whose content */
	uint64_t offset;	/* in that content */
};

struct frame {
	const struct manifest *m; /* borrowed */
	uint64_t at;
	uint64_t end;
	size_t member; /* the first that ends behind AT */
	uint8_t header[TAR_HEADER_MAX];
};

/* The payload bytes from AT on, LEN of them, all within the payload. */
void frame_start(struct frame *f, const struct manifest *m, uint64_t at, size_t len);

/* The next piece; false at the end. */
bool frame_next(struct frame *f, struct frame_piece *ret);

/* Whether the framing in the LEN payload bytes P that begin at AT is canonical;
 * NF_E_FORMAT tells where not. */
int frame_check(const struct manifest *m, uint64_t at, const uint8_t *p, size_t len,
		struct nf_err *err) MUST_CHECK;

#endif
