/* Walks over a range of payload bytes and splits it into tar framing (headers, padding,
 * the trailer), which the manifest determines completely, and content of members. */
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
	const uint8_t
		*framing; /* the bytes, valid until the next call; NULL for content */
	size_t member;	  /* member with that content */
	uint64_t offset;  /* offset in that content */
};

struct frame {
	const struct manifest *m; /* borrowed */
	uint64_t at;
	uint64_t end;
	size_t member; /* the first member that ends after AT */
	uint8_t header[TAR_HEADER_MAX];
};

/* Walks over LEN payload bytes from AT on, all within the payload. */
void frame_start(struct frame *f, const struct manifest *m, uint64_t at, size_t len);

/* Returns the next piece; false at the end. */
bool frame_next(struct frame *f, struct frame_piece *ret);

/* Checks that the framing in the LEN payload bytes P, which begin at AT, is canonical;
 * NF_E_FORMAT says where it is not. */
int frame_check(const struct manifest *m, uint64_t at, const uint8_t *p, size_t len,
		struct nf_err *err) MUST_CHECK;

#endif
