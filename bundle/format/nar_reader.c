/*
 * int      64 bits, little-endian
 * str(S)   int(length) S zero-padding to a multiple of 8
 *
 * nar       str("nix-archive-1") node
 * node      str("(") str("type") (regular | symlink | directory) str(")")
 * regular   str("regular") [str("executable") str("")] str("contents") str(bytes)
 * symlink   str("symlink") str("target") str(target)
 * directory str("directory") {str("entry") str("(") str("name") str(name)
 *                             str("node") node str(")")}
 */
#include <nixferry/nar.h>

#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_position.h"
#include "format/nar_rules.h"

enum stage {
	AT_START,
	AT_ENTRY, /* in a directory: an entry or the end follows */
	IN_FILE,  /* in its bytes, or at their end */
	AT_END_OF_SYMLINK,
	AT_END,
};

struct nf_nar_reader {
	struct nf_source *src;
	struct nf_slice chunk; /* rest of the source's last run */
	uint64_t offset;       /* offset of the chunk in the NAR */
	uint64_t token;	       /* offset of the last token, for errors */
	bool ended;	       /* the source has returned its last run */
	enum stage stage;
	uint64_t left; /* bytes left of the file */
	size_t padding;
	struct nar_rules rules;
	char carry[NAR_TARGET_MAX + 1]; /* a token that spans runs */
};

DEFINE_CLEANUP(struct nf_nar_reader *, nf_nar_reader_free)

struct nf_nar_reader *nf_nar_reader_new(struct nf_source *src)
{
	struct nf_nar_reader *r = mem_alloc(sizeof(*r));

	/* Leave the 20 KiB of names and carry uninitialised. */
	memset(r, 0, offsetof(struct nf_nar_reader, rules));
	r->rules.depth = 0;
	r->src = src;
	return r;
}

uint64_t nar_reader_offset(const struct nf_nar_reader *r)
{
	return r->offset;
}

void nf_nar_reader_free(struct nf_nar_reader *r)
{
	free(r);
}

/* Prefixes the error with the position of the last token. */
static int at_token(const struct nf_nar_reader *r, int rc, struct nf_err *err)
{
	return rc ? err_prefix(err, rc, "NAR offset %" PRIu64, r->token) : 0;
}

static PRINTF_LIKE(3, 4) int bad(const struct nf_nar_reader *r, struct nf_err *err,
				 const char *fmt, ...)
{
	char text[NF_ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return at_token(r, err_set(err, NF_E_FORMAT, "%s", text), err);
}

/* Reads the next run once the chunk is used up; empty at the end. */
static int pull(struct nf_nar_reader *r, struct nf_err *err)
{
	int rc;

	if (r->ended)
		return 0;
	rc = source_next(r->src, &r->chunk, err);
	r->ended = rc || r->chunk.len == 0;
	return rc;
}

/* Makes sure that the chunk is not empty. */
static int refill(struct nf_nar_reader *r, struct nf_err *err)
{
	int rc = pull(r, err);

	if (rc || !r->ended)
		return rc;
	return err_set(err, NF_E_FORMAT, "NAR offset %" PRIu64 ": truncated", r->offset);
}

static void advance(struct nf_nar_reader *r, size_t n)
{
	r->chunk.ptr += n;
	r->chunk.len -= n;
	r->offset += n;
}

/* Collects N bytes from several runs. */
static int take_across(struct nf_nar_reader *r, size_t n, const char **ret,
		       struct nf_err *err)
{
	size_t have = 0;

	while (have < n) {
		size_t part = n - have;

		if (r->chunk.len == 0) {
			int rc = refill(r, err);

			if (rc)
				return rc;
		}
		if (part > r->chunk.len)
			part = r->chunk.len;
		memcpy(r->carry + have, r->chunk.ptr, part);
		have += part;
		advance(r, part);
	}
	*ret = r->carry;
	return 0;
}

/* The next N bytes (at most sizeof(carry)), valid until the next call. */
static inline int take(struct nf_nar_reader *r, size_t n, const char **ret,
		       struct nf_err *err)
{
	if (r->chunk.len < n)
		return take_across(r, n, ret, err);
	*ret = r->chunk.ptr;
	advance(r, n);
	return 0;
}

static int read_u64(struct nf_nar_reader *r, uint64_t *ret, struct nf_err *err)
{
	uint64_t value;
	const char *p;
	int rc;

	r->token = r->offset;
	rc = take(r, sizeof(value), &p, err);
	if (rc)
		return rc;
	memcpy(&value, p, sizeof(value));
	*ret = le64toh(value);
	return 0;
}

static bool all_zero(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* A string of at most MAX bytes; WHAT is for the error. */
static int read_str(struct nf_nar_reader *r, const char *what, size_t max,
		    struct nf_slice *ret, struct nf_err *err)
{
	uint64_t len;
	const char *p;
	int rc = read_u64(r, &len, err);

	*ret = nf_slice(NULL, 0);
	if (rc)
		return rc;
	if (len > max)
		return bad(r, err, "%s of %" PRIu64 " bytes, over the limit of %zu", what,
			   len, max);
	rc = take(r, (size_t)len + nar_rules_padding(len), &p, err);
	if (rc)
		return rc;
	if (!all_zero(p + len, nar_rules_padding(len)))
		return bad(r, err, "padding that is not zero");
	*ret = nf_slice(p, (size_t)len);
	return 0;
}

static int read_tag(struct nf_nar_reader *r, struct nf_slice *ret, struct nf_err *err)
{
	return read_str(r, "tag", NAR_TAG_MAX, ret, err);
}

static int unexpected(const struct nf_nar_reader *r, const char *wanted,
		      struct nf_slice got, struct nf_err *err)
{
	char text[NAR_RULES_QUOTE_MAX];

	return bad(r, err, "expected %s, got '%s'", wanted, nar_rules_quote(text, got));
}

static int expect(struct nf_nar_reader *r, const char *tag, struct nf_err *err)
{
	struct nf_slice got;
	char wanted[NAR_TAG_MAX + 3];
	int rc = read_tag(r, &got, err);

	if (rc || nf_slice_is(got, tag))
		return rc;
	snprintf(wanted, sizeof(wanted), "'%s'", tag);
	return unexpected(r, wanted, got, err);
}

/* The node's own ")" was read: now comes its entry's, if it has one. */
static int after_node(struct nf_nar_reader *r, struct nf_err *err)
{
	r->stage = r->rules.depth ? AT_ENTRY : AT_END;
	return r->rules.depth ? expect(r, ")", err) : 0;
}

static int end_node(struct nf_nar_reader *r, struct nf_err *err)
{
	int rc = expect(r, ")", err);

	return rc ? rc : after_node(r, err);
}

static int read_regular(struct nf_nar_reader *r, struct nf_nar_event *ev,
			struct nf_err *err)
{
	struct nf_slice tag;
	int rc = read_tag(r, &tag, err);

	if (rc)
		return rc;
	ev->executable = nf_slice_is(tag, "executable");
	if (ev->executable) {
		rc = read_str(r, "value of 'executable'", 0, &tag, err);
		if (!rc)
			rc = read_tag(r, &tag, err);
		if (rc)
			return rc;
	}
	if (!nf_slice_is(tag, "contents"))
		return unexpected(r, "'contents'", tag, err);
	rc = read_u64(r, &ev->size, err);
	if (rc)
		return rc;
	if (ev->size > NAR_SIZE_MAX)
		return bad(r, err, "file of %" PRIu64 " bytes, over the limit of %llu",
			   ev->size, NAR_SIZE_MAX);
	ev->kind = NF_NAR_FILE;
	r->left = ev->size;
	r->padding = nar_rules_padding(ev->size);
	r->stage = IN_FILE;
	return 0;
}

static int read_symlink(struct nf_nar_reader *r, struct nf_nar_event *ev,
			struct nf_err *err)
{
	int rc = expect(r, "target", err);

	if (!rc)
		rc = read_str(r, "link target", NAR_TARGET_MAX, &ev->data, err);
	if (rc)
		return rc;
	/* The target may be in the chunk: what follows it is read with the next event. */
	ev->kind = NF_NAR_SYMLINK;
	r->stage = AT_END_OF_SYMLINK;
	return at_token(r, nar_rules_target(ev->data, err), err);
}

static int read_node(struct nf_nar_reader *r, struct nf_nar_event *ev, struct nf_err *err)
{
	struct nf_slice type;
	int rc = at_token(r, nar_rules_node(&r->rules, err), err);

	if (!rc)
		rc = expect(r, "(", err);
	if (!rc)
		rc = expect(r, "type", err);
	if (!rc)
		rc = read_tag(r, &type, err);
	if (rc)
		return rc;
	if (nf_slice_is(type, "regular"))
		return read_regular(r, ev, err);
	if (nf_slice_is(type, "symlink"))
		return read_symlink(r, ev, err);
	if (!nf_slice_is(type, "directory"))
		return unexpected(r, "a node type", type, err);
	ev->kind = NF_NAR_DIRECTORY;
	nar_rules_enter(&r->rules);
	r->stage = AT_ENTRY;
	return 0;
}

static int read_root(struct nf_nar_reader *r, struct nf_nar_event *ev, struct nf_err *err)
{
	int rc = expect(r, "nix-archive-1", err);

	return rc ? rc : read_node(r, ev, err);
}

static int read_entry(struct nf_nar_reader *r, struct nf_nar_event *ev,
		      struct nf_err *err)
{
	struct nf_slice name;
	int rc = expect(r, "(", err);

	if (!rc)
		rc = expect(r, "name", err);
	if (!rc)
		rc = read_str(r, "name", NAR_NAME_MAX, &name, err);
	if (!rc)
		rc = at_token(r, nar_rules_name(&r->rules, name, err), err);
	if (rc)
		return rc;
	/* From the copy, because reading the node's head may have replaced the chunk. */
	ev->name = nar_rules_last(&r->rules);
	rc = expect(r, "node", err);
	return rc ? rc : read_node(r, ev, err);
}

static int read_in_directory(struct nf_nar_reader *r, struct nf_nar_event *ev,
			     struct nf_err *err)
{
	struct nf_slice tag;
	int rc = read_tag(r, &tag, err);

	if (rc)
		return rc;
	if (nf_slice_is(tag, "entry"))
		return read_entry(r, ev, err);
	if (!nf_slice_is(tag, ")"))
		return unexpected(r, "'entry' or ')'", tag, err);
	ev->kind = NF_NAR_LEAVE;
	nar_rules_leave(&r->rules);
	return after_node(r, err);
}

static int end_file(struct nf_nar_reader *r, struct nf_nar_event *ev, struct nf_err *err)
{
	const char *p;
	int rc;

	r->token = r->offset;
	rc = take(r, r->padding, &p, err);
	if (rc)
		return rc;
	if (!all_zero(p, r->padding))
		return bad(r, err, "padding that is not zero");
	ev->kind = NF_NAR_FILE_END;
	return end_node(r, err);
}

static int read_file(struct nf_nar_reader *r, struct nf_nar_event *ev, struct nf_err *err)
{
	size_t n;

	if (r->left == 0)
		return end_file(r, ev, err);
	if (r->chunk.len == 0) {
		int rc = refill(r, err);

		if (rc)
			return rc;
	}
	n = r->chunk.len < r->left ? r->chunk.len : (size_t)r->left;
	ev->kind = NF_NAR_DATA;
	ev->data = nf_slice(r->chunk.ptr, n);
	r->left -= n;
	advance(r, n);
	return 0;
}

static int expect_end(struct nf_nar_reader *r, struct nf_nar_event *ev,
		      struct nf_err *err)
{
	int rc = r->chunk.len == 0 ? pull(r, err) : 0;

	if (rc)
		return rc;
	if (r->chunk.len)
		return err_set(err, NF_E_FORMAT,
			       "NAR offset %" PRIu64
			       ": unexpected bytes after the archive",
			       r->offset);
	ev->kind = NF_NAR_END;
	return 0;
}

int nf_nar_next(struct nf_nar_reader *r, struct nf_nar_event *ev, struct nf_err *err)
{
	*ev = (struct nf_nar_event){ 0 };
	if (r->stage == AT_END_OF_SYMLINK) {
		int rc = end_node(r, err);

		if (rc)
			return rc;
	}
	switch (r->stage) {
	case AT_START:
		return read_root(r, ev, err);
	case AT_ENTRY:
		return read_in_directory(r, ev, err);
	case IN_FILE:
		return read_file(r, ev, err);
	default:
		return expect_end(r, ev, err);
	}
}

int nf_nar_check(struct nf_source *src, uint64_t *ret_inodes, struct nf_err *err)
{
	AUTO(nf_nar_reader_freep) struct nf_nar_reader *r = nf_nar_reader_new(src);
	struct nf_nar_event ev;
	uint64_t inodes = 0;
	int rc;

	do {
		rc = nf_nar_next(r, &ev, err);
		if (rc)
			return rc;
		inodes += ev.kind == NF_NAR_DIRECTORY || ev.kind == NF_NAR_FILE ||
			  ev.kind == NF_NAR_SYMLINK;
	} while (ev.kind != NF_NAR_END);
	if (ret_inodes)
		*ret_inodes = inodes;
	return 0;
}
