/*
 * patch     "nixferry-patch 1\n" byte(1: rewrite the hash parts, 0: do not) {step}
 * step      copy | zstd
 * copy      byte(1) ranges
 * zstd      byte(2) number(bytes that it makes) ranges number(size of the frame) frame
 * ranges    number(how many) {range}
 * range     number(base) number(zigzag: offset - end of the last range) number(length)
 * number    LEB128, at most 64 bits
 */
#include "delta/delta_apply.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/prefix_codec.h"
#include "base/stream.h"

/* Handed out at once of what is copied. */
#define COPY_SIZE (256 * KIB)

struct apply_range {
	size_t base;
	uint64_t offset;
	uint64_t len;
};

struct applier {
	struct nf_source source;
	struct nf_source *in;
	struct delta_apply_options opts;
	struct delta_base *bases[NF_BUNDLE_BASES_MAX];
	struct nf_slice input; /* what is not parsed yet */
	bool has_begun;
	bool input_ended;
	bool rewrites;
	uint64_t left;	/* bytes that may still be made */
	uint64_t steps; /* that may still come */
	uint64_t last_end;
	struct apply_range ranges[DELTA_RANGES_MAX];
	size_t count;
	size_t next;  /* range to be copied; count if none is left */
	size_t carry; /* bytes at the end of what was handed out that belong to it */
	size_t taken; /* bytes in front of them */
	char *copy;
	char *prefix, *frame, *out; /* of one step of zstd */
	size_t prefix_cap, frame_cap, out_cap;
	struct prefix_decoder *decoder;
};

static int bad(struct nf_err *err, const char *why)
{
	return err_set(err, NF_E_FORMAT, "patch: %s", why);
}

/* ---- input ---- */

static int fill_input(struct applier *a, struct nf_err *err)
{
	int rc;

	if (a->input.len || a->input_ended)
		return 0;
	rc = source_next(a->in, &a->input, err);
	a->input_ended = !rc && a->input.len == 0;
	return rc;
}

static int take_bytes(struct applier *a, void *p, size_t len, struct nf_err *err)
{
	for (size_t done = 0, part; done < len; done += part) {
		int rc = fill_input(a, err);

		if (rc)
			return rc;
		if (a->input_ended)
			return bad(err, "truncated");
		part = len - done < a->input.len ? len - done : a->input.len;
		memcpy((char *)p + done, a->input.ptr, part);
		a->input = nf_slice(a->input.ptr + part, a->input.len - part);
	}
	return 0;
}

static int take_byte(struct applier *a, uint8_t *ret, struct nf_err *err)
{
	return take_bytes(a, ret, 1, err);
}

static int take_number(struct applier *a, uint64_t *ret, struct nf_err *err)
{
	uint8_t byte = 0x80;

	*ret = 0;
	for (unsigned shift = 0; byte & 0x80; shift += 7) {
		int rc = take_byte(a, &byte, err);

		if (rc)
			return rc;
		if (shift > 63 || (shift == 63 && byte > 1) || (shift && !byte))
			return bad(err, "not a number");
		*ret |= (uint64_t)(byte & 0x7f) << shift;
	}
	return 0;
}

static int64_t unzigzag(uint64_t n)
{
	return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* ---- ranges ---- */

static int open_base(struct applier *a, uint64_t i, struct nf_err *err)
{
	if (i >= a->opts.count)
		return bad(err, "an unknown base");
	return a->bases[i] ? 0 : a->opts.open(a->opts.ctx, i, &a->bases[i], err);
}

static int take_range(struct applier *a, struct apply_range *r, struct nf_err *err)
{
	uint64_t base = 0, distance = 0;
	int rc = take_number(a, &base, err);

	if (!rc)
		rc = take_number(a, &distance, err);
	if (!rc)
		rc = take_number(a, &r->len, err);
	if (!rc)
		rc = open_base(a, base, err);
	if (rc)
		return rc;
	r->base = (size_t)base;
	r->offset = a->last_end + (uint64_t)unzigzag(distance);
	if (!r->len || r->offset > a->bases[base]->size ||
	    r->len > a->bases[base]->size - r->offset)
		return bad(err, "a range beyond the end of its base");
	a->last_end = r->offset + r->len;
	return 0;
}

/* *RET_LEN is the length of all ranges. */
static int take_ranges(struct applier *a, uint64_t *ret_len, uint64_t max,
		       struct nf_err *err)
{
	uint64_t count = 0;
	int rc = take_number(a, &count, err);

	*ret_len = 0;
	if (!rc && count > DELTA_RANGES_MAX)
		rc = bad(err, "too many ranges");
	for (a->count = 0; !rc && a->count < count; a->count += !rc) {
		rc = take_range(a, &a->ranges[a->count], err);
		if (!rc && a->ranges[a->count].len > max - *ret_len)
			rc = bad(err, "its ranges are too long");
		if (!rc)
			*ret_len += a->ranges[a->count].len;
	}
	return rc;
}

static const struct hash_rewrite *table(const struct applier *a)
{
	return a->rewrites ? a->opts.rewrite : NULL;
}

/* ---- copy ---- */

static int begin_copy(struct applier *a, struct nf_err *err)
{
	uint64_t len = 0;
	int rc = take_ranges(a, &len, a->left, err);

	if (!rc && !len)
		rc = bad(err, "an empty step");
	if (rc)
		return rc;
	if (!a->copy)
		a->copy = mem_alloc(COPY_SIZE);
	a->left -= len;
	a->next = 0;
	a->carry = a->taken = 0;
	return 0;
}

/* What is at the end of a run and may begin a hash part comes with the next. */
static int copy_some(struct applier *a, struct nf_slice *ret, struct nf_err *err)
{
	struct apply_range *r = &a->ranges[a->next];
	size_t carry = a->carry, part = COPY_SIZE - carry, done;
	int rc = interrupt_check(err);

	memmove(a->copy, a->copy + a->taken, carry);
	if (part > r->len)
		part = (size_t)r->len;
	if (!rc)
		rc = a->bases[r->base]->read(a->bases[r->base], r->offset,
					     a->copy + carry, part, err);
	if (rc)
		return rc;
	r->offset += part;
	r->len -= part;
	done = hash_rewrite_run(table(a), a->copy, carry + part);
	if (!r->len) {
		done = carry + part;
		a->next++;
	}
	a->taken = done;
	a->carry = carry + part - done;
	*ret = nf_slice(a->copy, done);
	return 0;
}

/* ---- zstd ---- */

/* Makes room for LEN bytes, whose limit was checked. */
static void reserve(char **p, size_t *cap, uint64_t len)
{
	if (len <= *cap)
		return;
	free(TAKE_PTR(*p));
	*cap = (size_t)len;
	*p = mem_alloc(*cap);
}

static int read_prefix(struct applier *a, struct nf_err *err)
{
	char *p = a->prefix;

	for (size_t i = 0; i < a->count; i++) {
		const struct apply_range *r = &a->ranges[i];
		struct delta_base *b = a->bases[r->base];
		int rc = b->read(b, r->offset, p, (size_t)r->len, err);

		if (rc)
			return rc;
		(void)hash_rewrite_run(table(a), p, (size_t)r->len);
		p += r->len;
	}
	return 0;
}

static int take_zstd(struct applier *a, uint64_t *ret_made, uint64_t *ret_prefix,
		     uint64_t *ret_frame, struct nf_err *err)
{
	int rc = take_number(a, ret_made, err);

	if (!rc && (!*ret_made || *ret_made > DELTA_WINDOW_MAX || *ret_made > a->left))
		rc = bad(err, "a step that makes too much or nothing");
	if (!rc)
		rc = take_ranges(a, ret_prefix, DELTA_PREFIX_MAX, err);
	if (!rc)
		rc = take_number(a, ret_frame, err);
	if (!rc && *ret_frame > DELTA_FRAME_MAX)
		rc = bad(err, "its frame is too long");
	return rc;
}

static int make_window(struct applier *a, struct nf_slice *ret, struct nf_err *err)
{
	uint64_t made = 0, prefix = 0, frame = 0;
	int rc = interrupt_check(err);

	if (!rc)
		rc = take_zstd(a, &made, &prefix, &frame, err);
	if (rc)
		return rc;
	reserve(&a->prefix, &a->prefix_cap, prefix);
	reserve(&a->frame, &a->frame_cap, frame);
	reserve(&a->out, &a->out_cap, made);
	rc = take_bytes(a, a->frame, (size_t)frame, err);
	if (!rc)
		rc = read_prefix(a, err);
	a->count = a->next = 0;
	if (!rc && !a->decoder)
		a->decoder = prefix_decoder_new();
	if (!rc)
		rc = prefix_decode(a->decoder, nf_slice(a->prefix, (size_t)prefix),
				   nf_slice(a->frame, (size_t)frame), a->out,
				   (size_t)made, err);
	if (rc)
		return rc;
	a->left -= made;
	*ret = nf_slice(a->out, (size_t)made);
	return 0;
}

/* ---- the source ---- */

static int begin_patch(struct applier *a, struct nf_err *err)
{
	char magic[sizeof(DELTA_MAGIC) - 1] = { 0 };
	uint8_t flags = 0;
	int rc = take_bytes(a, magic, sizeof(magic), err);

	if (!rc && memcmp(magic, DELTA_MAGIC, sizeof(magic)) != 0)
		rc = bad(err, "not in this format");
	if (!rc)
		rc = take_byte(a, &flags, err);
	if (!rc && flags > 1)
		rc = err_set(err, NF_E_UNSUPPORTED,
			     "patch: unknown flags: a newer nixferry is needed");
	a->rewrites = flags & 1;
	a->has_begun = true;
	return rc;
}

static int next_step(struct applier *a, struct nf_slice *ret, struct nf_err *err)
{
	uint8_t kind = 0;
	int rc;

	if (!a->steps--)
		return bad(err, "too many steps");
	rc = take_byte(a, &kind, err);
	if (!rc && kind == DELTA_COPY)
		return begin_copy(a, err);
	if (!rc && kind == DELTA_ZSTD)
		return make_window(a, ret, err);
	return rc ? rc : bad(err, "an unknown step");
}

static int apply_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct applier *a = (struct applier *)s;
	int rc = a->has_begun ? 0 : begin_patch(a, err);

	*ret = nf_slice(NULL, 0);
	while (!rc && !ret->len) {
		if (a->next < a->count) {
			rc = copy_some(a, ret, err);
			continue;
		}
		rc = fill_input(a, err);
		if (!rc && a->input_ended)
			break;
		if (!rc)
			rc = next_step(a, ret, err);
	}
	return rc;
}

static void apply_close(struct nf_source *s)
{
	struct applier *a = (struct applier *)s;

	for (size_t i = 0; i < a->opts.count; i++)
		if (a->bases[i])
			delta_base_close(a->bases[i]);
	source_close(a->in);
	prefix_decoder_free(a->decoder);
	free(a->copy);
	free(a->prefix);
	free(a->frame);
	free(a->out);
	free(a);
}

struct nf_source *delta_apply_source(struct nf_source *in,
				     const struct delta_apply_options *opts)
{
	struct applier *a = mem_calloc(1, sizeof(*a));

	a->source = (struct nf_source){ apply_next, apply_close };
	a->in = in;
	a->opts = *opts;
	a->left = opts->nar_size;
	a->steps = DELTA_STEPS_MAX(opts->nar_size);
	return &a->source;
}
