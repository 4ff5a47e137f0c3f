#include "delta/delta_make.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "delta/delta_apply.h"

/* Around the place in a file of another size where the same bytes probably are. */
#define SLACK (256 * KIB)
/* A longer gap between files is not read only because a file follows it. */
#define GAP_MAX (256 * KIB)

struct make_range {
	size_t base;
	uint64_t offset;
	uint64_t len;
};

struct range_list {
	struct make_range list[DELTA_RANGES_MAX];
	size_t count;
	uint64_t len;
};

struct delta_maker {
	const struct delta_make_options *opts;
	struct nf_sink *out;
	struct buf text;	/* of one step */
	uint64_t size;		/* of the patch so far */
	uint64_t steps;		/* that may still come */
	uint64_t last_end;	/* of a range */
	struct range_list copy; /* what the next step copies */
	struct range_list ranges;
	size_t file; /* the first that the window has a part of, or a later one */
	char *window, *prefix;
};

/* ---- output ---- */

static void put_number(struct buf *out, uint64_t n)
{
	for (; n > 0x7f; n >>= 7)
		buf_add_char(out, (char)((n & 0x7f) | 0x80));
	buf_add_char(out, (char)n);
}

static uint64_t zigzag(int64_t n)
{
	return ((uint64_t)n << 1) ^ (uint64_t)(n >> 63);
}

static void put_ranges(struct delta_maker *m, const struct range_list *r)
{
	put_number(&m->text, r->count);
	for (size_t i = 0; i < r->count; i++) {
		put_number(&m->text, r->list[i].base);
		put_number(&m->text, zigzag((int64_t)(r->list[i].offset - m->last_end)));
		put_number(&m->text, r->list[i].len);
		m->last_end = r->list[i].offset + r->list[i].len;
	}
}

static int put_step(struct delta_maker *m, struct nf_err *err)
{
	int rc;

	m->size += m->text.len;
	if (buf_failed(&m->text) || m->size > m->opts->max_size || !m->steps--)
		return err_set(err, NF_E_LIMIT, "the patch would be too long");
	rc = sink_write(m->out, m->text.ptr, m->text.len, err);
	buf_clear(&m->text);
	return rc;
}

static int put_copy(struct delta_maker *m, struct nf_err *err)
{
	if (!m->copy.count)
		return 0;
	buf_add_char(&m->text, DELTA_COPY);
	put_ranges(m, &m->copy);
	m->copy.count = 0;
	return put_step(m, err);
}

static int put_zstd(struct delta_maker *m, size_t len, struct nf_err *err)
{
	AUTO_BUF struct buf frame = { 0 };
	int rc;

	buf_init(&frame, DELTA_FRAME_MAX);
	rc = prefix_encode(m->opts->encoder, nf_slice(m->prefix, (size_t)m->ranges.len),
			   nf_slice(m->window, len), &frame, err);
	if (rc)
		return rc;
	buf_add_char(&m->text, DELTA_ZSTD);
	put_number(&m->text, len);
	put_ranges(m, &m->ranges);
	put_number(&m->text, frame.len);
	buf_add_slice(&m->text, buf_slice(&frame));
	return buf_failed(&frame) ? err_set(err, NF_E_LIMIT, "a frame is too long")
				  : put_step(m, err);
}

/* ---- which ranges a window is made from ---- */

/* Appends what of [FROM, END) is not in the last range yet. */
static void add_range(struct delta_maker *m, size_t base, uint64_t from, uint64_t end)
{
	struct range_list *r = &m->ranges;
	struct make_range *last = r->count ? &r->list[r->count - 1] : NULL;

	if (last && last->base == base && from >= last->offset &&
	    from < last->offset + last->len)
		from = last->offset + last->len;
	if (from >= end || r->len == DELTA_PREFIX_MAX)
		return;
	if (end - from > DELTA_PREFIX_MAX - r->len)
		end = from + (DELTA_PREFIX_MAX - r->len);
	if (last && last->base == base && from == last->offset + last->len)
		last->len += end - from;
	else if (r->count < DELTA_RANGES_MAX)
		r->list[r->count++] = (struct make_range){ base, from, end - from };
	else
		return;
	r->len += end - from;
}

/* The part [FROM, END) of a file is like this part of another. */
static void like_part(const struct nar_file *file, const struct nar_file *base,
		      uint64_t *from, uint64_t *end)
{
	uint64_t room = nar_file_end(base) - base->offset;

	if (base->size == file->size)
		return;
	if (base->size <= DELTA_WINDOW_MAX / 4) {
		*from = 0;
		*end = room;
		return;
	}
	*from = (uint64_t)((double)*from / (double)file->size * (double)base->size);
	*end = (uint64_t)((double)*end / (double)file->size * (double)base->size);
	*from = *from > SLACK ? *from - SLACK : 0;
	*end = *end + SLACK < room ? *end + SLACK : room;
}

/* The part of FILE in the window [AT, END) of the NAR. */
static void add_file_part(struct delta_maker *m, const struct nar_file *file, uint64_t at,
			  uint64_t end)
{
	const struct nar_file *b = nar_files_find(m->opts->base_files, file);
	uint64_t from = at > file->offset ? at - file->offset : 0;
	uint64_t to =
		(end < nar_file_end(file) ? end : nar_file_end(file)) - file->offset;

	if (!b)
		return;
	like_part(file, b, &from, &to);
	from += b->offset;
	to += b->offset;
	if (at <= file->offset && b->offset - b->gap <= GAP_MAX && from == b->offset)
		from = b->gap;
	if (end == m->opts->nar->size && b->is_last)
		to = m->opts->bases[b->nar]->size;
	add_range(m, b->nar, from, to);
}

/* A window without files: what is in the first base at the same place. */
static void add_same_place(struct delta_maker *m, uint64_t at, uint64_t end)
{
	uint64_t size = m->opts->bases[0]->size;

	if (size != m->opts->nar->size) {
		at = at > SLACK ? at - SLACK : 0;
		end = end + SLACK < size ? end + SLACK : size;
	}
	add_range(m, 0, at, end);
}

static void choose_ranges(struct delta_maker *m, uint64_t at, uint64_t end)
{
	const struct nar_files *f = m->opts->files;

	m->ranges.count = 0;
	m->ranges.len = 0;
	while (m->file < f->count && nar_file_end(&f->list[m->file]) <= at)
		m->file++;
	for (size_t i = m->file; i < f->count && f->list[i].offset < end; i++)
		add_file_part(m, &f->list[i], at, end);
	if (!m->ranges.count)
		add_same_place(m, at, end);
}

/* A window ends in a file or where one ends: so the next begins where a range does. */
static uint64_t window_end(const struct delta_maker *m, uint64_t at)
{
	const struct nar_files *f = m->opts->files;
	uint64_t end = m->opts->nar->size, last = 0;

	if (end - at <= DELTA_WINDOW_MAX)
		return end;
	end = at + DELTA_WINDOW_MAX;
	for (size_t i = m->file; i < f->count && f->list[i].offset < end; i++)
		last = nar_file_end(&f->list[i]);
	return last > at && last < end ? last : end;
}

static int read_prefix(struct delta_maker *m, struct nf_err *err)
{
	char *p = m->prefix;

	for (size_t i = 0; i < m->ranges.count; i++) {
		const struct make_range *r = &m->ranges.list[i];
		struct delta_base *b = m->opts->bases[r->base];
		int rc = b->read(b, r->offset, p, (size_t)r->len, err);

		if (rc)
			return rc;
		(void)hash_rewrite_run(m->opts->rewrite, p, (size_t)r->len);
		p += r->len;
	}
	return 0;
}

/* ---- copies ---- */

/* Whether [FROM, AT) and [AT, END) of a base are rewritten as one range as they are as
 * two: no hash part may lie across. */
static int can_join(struct delta_maker *m, const struct make_range *a,
		    const struct make_range *b, bool *ret, struct nf_err *err)
{
	struct delta_base *base = m->opts->bases[a->base];
	char around[2 * HASH_REWRITE_CARRY];
	size_t before = a->len < HASH_REWRITE_CARRY ? (size_t)a->len : HASH_REWRITE_CARRY;
	size_t after = b->len < HASH_REWRITE_CARRY ? (size_t)b->len : HASH_REWRITE_CARRY;
	int rc;

	*ret = a->base == b->base && a->offset + a->len == b->offset;
	if (!*ret)
		return 0;
	rc = base->read(base, b->offset - before, around, before + after, err);
	*ret = !rc && !hash_rewrite_has(m->opts->rewrite, around, before + after, before);
	return rc;
}

static int add_copy(struct delta_maker *m, struct nf_err *err)
{
	struct range_list *c = &m->copy;
	bool join = false;
	int rc = 0;

	for (size_t i = 0; !rc && i < m->ranges.count; i++) {
		const struct make_range *r = &m->ranges.list[i];

		join = false;
		if (c->count)
			rc = can_join(m, &c->list[c->count - 1], r, &join, err);
		if (!rc && join)
			c->list[c->count - 1].len += r->len;
		else if (!rc && c->count == DELTA_RANGES_MAX)
			rc = put_copy(m, err);
		if (!rc && !join)
			c->list[c->count++] = *r;
	}
	return rc;
}

/* ---- the NAR ---- */

static int make_step(struct delta_maker *m, uint64_t at, uint64_t end, struct nf_err *err)
{
	size_t len = (size_t)(end - at);
	int rc = interrupt_check(err);

	choose_ranges(m, at, end);
	if (!rc)
		rc = m->opts->nar->read(m->opts->nar, at, m->window, len, err);
	if (!rc)
		rc = read_prefix(m, err);
	if (rc)
		return rc;
	if (m->ranges.len == len && memcmp(m->prefix, m->window, len) == 0)
		return add_copy(m, err);
	rc = put_copy(m, err);
	return rc ? rc : put_zstd(m, len, err);
}

static int make_all(struct delta_maker *m, struct nf_err *err)
{
	uint64_t end = 0;
	int rc = 0;

	buf_add(&m->text, DELTA_MAGIC, sizeof(DELTA_MAGIC) - 1);
	buf_add_char(&m->text, m->opts->rewrite ? 1 : 0);
	for (uint64_t at = 0; !rc && at < m->opts->nar->size; at = end) {
		end = window_end(m, at);
		rc = make_step(m, at, end, err);
	}
	return rc ? rc : put_copy(m, err);
}

int delta_make(const struct delta_make_options *opts, struct nf_sink *out,
	       struct nf_err *err)
{
	struct delta_maker *m = mem_calloc(1, sizeof(*m));
	int rc;

	m->opts = opts;
	m->out = out;
	m->steps = DELTA_STEPS_MAX(opts->nar->size);
	m->window = mem_alloc(DELTA_WINDOW_MAX);
	m->prefix = mem_alloc(DELTA_PREFIX_MAX);
	buf_init(&m->text, DELTA_FRAME_MAX + MIB);
	rc = make_all(m, err);
	buf_release(&m->text);
	free(m->window);
	free(m->prefix);
	free(m);
	return rc;
}
