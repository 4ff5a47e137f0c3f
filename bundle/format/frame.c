#include "format/frame.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const uint8_t zeros[TAR_TRAILER_LEN];

static uint64_t member_end(const struct nf_bundle_member *member)
{
	return member->offset + tar_padded(member->size);
}

/* The first member that ends after AT; member_count if there is none. */
static size_t find_member(const struct manifest *m, uint64_t at)
{
	size_t low = 0;
	size_t high = m->member_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (member_end(&m->members[middle]) > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void frame_start(struct frame *f, const struct manifest *m, uint64_t at, size_t len)
{
	assert(at <= m->payload_size && len <= m->payload_size - at);
	f->m = m;
	f->at = at;
	f->end = at + len;
	f->member = find_member(m, at);
}

/* Header, content or padding of the current member, up to its end. */
static uint64_t member_piece(struct frame *f, struct frame_piece *ret)
{
	const struct nf_bundle_member *member = &f->m->members[f->member];
	uint64_t start = member->offset - tar_header_len(member->size);

	if (f->at < member->offset) {
		tar_header(f->header, member->name, member->size);
		ret->framing = f->header + (f->at - start);
		return member->offset;
	}
	if (f->at < member->offset + member->size) {
		ret->member = f->member;
		ret->offset = f->at - member->offset;
		return member->offset + member->size;
	}
	ret->framing = zeros;
	return member_end(member);
}

bool frame_next(struct frame *f, struct frame_piece *ret)
{
	uint64_t until = f->m->payload_size;

	*ret = (struct frame_piece){ .framing = zeros };
	if (f->at == f->end)
		return false;
	if (f->member < f->m->member_count) {
		ret->framing = NULL;
		until = member_piece(f, ret);
	}
	if (until > f->end)
		until = f->end;
	ret->len = (size_t)(until - f->at);
	f->at = until;
	while (f->member < f->m->member_count &&
	       member_end(&f->m->members[f->member]) <= f->at)
		f->member++;
	return true;
}

int frame_check(const struct manifest *m, uint64_t at, const uint8_t *p, size_t len,
		struct nf_err *err)
{
	struct frame_piece piece;
	struct frame f;

	frame_start(&f, m, at, len);
	while (frame_next(&f, &piece)) {
		if (piece.framing && memcmp(p, piece.framing, piece.len) != 0)
			return err_set(err, NF_E_FORMAT,
				       "payload bytes %" PRIu64 " to %" PRIu64
				       " are not the tar framing that the manifest gives",
				       f.at - piece.len, f.at - 1);
		p += piece.len;
	}
	return 0;
}
