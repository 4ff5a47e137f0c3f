#include "format/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/tar.h"

/*   nixferry-bundle 1
 *   store-dir /nix/store
 *   block-size 1048576
 *   payload-size SIZE
 *   blocks COUNT BLAKE2B-HEX
 *   root HASH-NAME                                  any number
 *   member NAME OFFSET SIZE SHA256-NIX32 NODES      at least one
 *   end
 */
#define VERSION_KEY    "nixferry-bundle "
#define STORE_DIR_LINE "store-dir " NF_STORE_DIR

enum line_kind { /* in the order in which members come */
	KIND_NONE,
	KIND_CACHE_INFO,
	KIND_NARINFO,
	KIND_NAR,
	KIND_BAD,
};

void manifest_init(struct manifest *m)
{
	*m = (struct manifest){ 0 };
}

void manifest_release(struct manifest *m)
{
	free(m->roots);
	free(m->members);
	manifest_init(m);
}

uint64_t manifest_block_count(const struct manifest *m)
{
	return (m->payload_size + BUNDLE_BLOCK_SIZE - 1) / BUNDLE_BLOCK_SIZE;
}

/* ---- names and offsets, shared by reading and writing ---- */

/* Words of [0-9a-z], joined by single dots: never "", ".", ".." or a hidden file. */
static bool is_nar_file(struct nf_slice s)
{
	char before = '.';

	for (size_t i = 0; i < s.len; before = s.ptr[i++]) {
		char c = s.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c == '.' && before != '.'))
			return false;
	}
	return before != '.';
}

static enum line_kind name_kind(struct nf_slice name)
{
	if (nf_slice_is(name, "nix-cache-info"))
		return KIND_CACHE_INFO;
	if (name.len > NF_MEMBER_NAME_MAX)
		return KIND_BAD;
	if (slice_skip_prefix(&name, "nar/"))
		return is_nar_file(name) ? KIND_NAR : KIND_BAD;
	if (!slice_ends_with(name, ".narinfo"))
		return KIND_BAD;
	name.len -= strlen(".narinfo");
	return nf_storepath_is_hash(name) ? KIND_NARINFO : KIND_BAD;
}

/* State for laying out members one after another. */
struct manifest_place {
	enum line_kind last;
	uint64_t end; /* end of the last member, with padding */
};

static int place_member(struct manifest_place *at, struct nf_slice name, uint64_t size,
			uint64_t inodes, uint64_t *ret_offset, struct nf_err *err)
{
	enum line_kind kind = name_kind(name);

	if (kind == KIND_BAD)
		return err_set(err, NF_E_FORMAT, "wrong member name '%.*s'",
			       (int)(name.len > 256 ? 256 : name.len), name.ptr);
	if (kind < at->last || (at->last == KIND_NONE) != (kind == KIND_CACHE_INFO))
		return err_set(err, NF_E_FORMAT, "member '%.*s' is out of order",
			       NF_SLICE_ARG(name));
	if (kind != KIND_NAR && inodes != 0)
		return err_set(err, NF_E_FORMAT, "member '%.*s' cannot have inodes",
			       NF_SLICE_ARG(name));
	if (inodes > NAR_NODES_MAX)
		return err_set(err, NF_E_LIMIT, "member '%.*s' has %" PRIu64 " inodes",
			       NF_SLICE_ARG(name), inodes);
	if (size > BUNDLE_PAYLOAD_MAX || at->end > BUNDLE_PAYLOAD_MAX)
		return err_set(err, NF_E_LIMIT, "member '%.*s' ends beyond %llu bytes",
			       NF_SLICE_ARG(name), BUNDLE_PAYLOAD_MAX);
	at->last = kind;
	*ret_offset = at->end + tar_header_len(size);
	at->end = *ret_offset + tar_padded(size);
	return 0;
}

static int place_end(const struct manifest_place *at, uint64_t *ret_size,
		     struct nf_err *err)
{
	if (at->last == KIND_NONE)
		return err_set(err, NF_E_FORMAT, "no member");
	*ret_size = at->end + TAR_TRAILER_LEN;
	if (*ret_size > BUNDLE_PAYLOAD_MAX)
		return err_set(err, NF_E_LIMIT,
			       "payload of %" PRIu64 " bytes, over the limit of %llu",
			       *ret_size, BUNDLE_PAYLOAD_MAX);
	return 0;
}

static int check_unique(const struct manifest *m, struct nf_err *err)
{
	struct map seen;
	bool new = true;
	int rc = 0;

	map_init(&seen);
	for (size_t i = 0; new &&i < m->root_count; i++) {
		map_put(&seen, nf_storepath_base(&m->roots[i]), &new);
		if (!new)
			rc = err_set(err, NF_E_FORMAT, "root '%s' appears twice",
				     m->roots[i].base);
	}
	for (size_t i = 0; new &&i < m->member_count; i++) {
		map_put(&seen, nf_slice_str(m->members[i].name), &new);
		if (!new)
			rc = err_set(err, NF_E_FORMAT, "member '%s' appears twice",
				     m->members[i].name);
	}
	map_release(&seen);
	return rc;
}

int manifest_layout(struct manifest *m, struct nf_err *err)
{
	struct manifest_place at = { 0 };
	int rc;

	for (size_t i = 0; i < m->member_count; i++) {
		struct nf_bundle_member *member = &m->members[i];

		rc = place_member(&at, nf_slice_str(member->name), member->size,
				  member->inodes, &member->offset, err);
		if (rc)
			return rc;
	}
	rc = place_end(&at, &m->payload_size, err);
	return rc ? rc : check_unique(m, err);
}

/* ---- format ---- */

static void format_member(struct buf *out, const struct nf_bundle_member *member)
{
	char digest[64];

	nix32_encode(digest, member->digest.bytes, nf_hash_size(NF_SHA256));
	buf_addf(out, "member %s %" PRIu64 " %" PRIu64 " %s %" PRIu64 "\n", member->name,
		 member->offset, member->size, digest, member->inodes);
}

void manifest_format(struct buf *out, const struct manifest *m)
{
	char digest[2 * BLAKE2B_SIZE + 1];

	base16_encode(digest, m->blocks_digest, BLAKE2B_SIZE);
	buf_add_str(out, VERSION_KEY "1\n" STORE_DIR_LINE "\n");
	buf_addf(out, "block-size %llu\n", BUNDLE_BLOCK_SIZE);
	buf_addf(out, "payload-size %" PRIu64 "\n", m->payload_size);
	buf_addf(out, "blocks %" PRIu64 " %s\n", manifest_block_count(m), digest);
	for (size_t i = 0; i < m->root_count; i++)
		buf_addf(out, "root %s\n", m->roots[i].base);
	for (size_t i = 0; i < m->member_count; i++)
		format_member(out, &m->members[i]);
	buf_add_str(out, "end\n");
}

/* ---- parse ---- */

struct manifest_parser {
	struct manifest *m;
	struct nf_slice rest;
	struct nf_slice line; /* without its LF */
	size_t number;	      /* number of the line, from 1 */
	struct manifest_place at;
	size_t roots_cap;
	size_t members_cap;
	struct nf_err *err;
};

static int fail_line(struct manifest_parser *p, const char *what)
{
	return err_set(p->err, NF_E_FORMAT, "line %zu: %s", p->number, what);
}

static int next_line(struct manifest_parser *p)
{
	p->number++;
	if (p->rest.len == 0)
		return fail_line(p, "the manifest is truncated");
	p->line = slice_cut(&p->rest, '\n');
	return p->rest.ptr ? 0 : fail_line(p, "no line feed at the end");
}

/* Parses a line: KEY, then COUNT fields, separated by single spaces. */
static int take_fields(struct manifest_parser *p, const char *key,
		       struct nf_slice *fields, size_t count)
{
	struct nf_slice rest = p->line;

	if (!slice_skip_prefix(&rest, key))
		return err_set(p->err, NF_E_FORMAT, "line %zu: expected '%s'", p->number,
			       key);
	for (size_t i = 0; i < count; i++) {
		fields[i] = slice_cut(&rest, ' ');
		if (fields[i].len == 0 || (i + 1 < count && !rest.ptr))
			return fail_line(p, "a field is missing");
	}
	return rest.ptr ? fail_line(p, "too many fields") : 0;
}

static int number_line(struct manifest_parser *p, const char *key, uint64_t *ret)
{
	struct nf_slice field = { 0 };
	int rc = next_line(p);

	if (!rc)
		rc = take_fields(p, key, &field, 1);
	if (!rc && !slice_parse_u64(field, ret))
		rc = fail_line(p, "not a number");
	return rc;
}

static int version_line(struct manifest_parser *p)
{
	uint64_t version = 0;
	int rc = number_line(p, VERSION_KEY, &version);

	if (!rc && version != 1)
		rc = err_set(p->err, NF_E_UNSUPPORTED,
			     "unknown format version %" PRIu64
			     ": only version 1 is supported",
			     version);
	return rc;
}

static int blocks_line(struct manifest_parser *p)
{
	struct nf_slice fields[2] = { 0 };
	uint64_t count;
	int rc = next_line(p);

	if (!rc)
		rc = take_fields(p, "blocks ", fields, 2);
	if (rc)
		return rc;
	if (!slice_parse_u64(fields[0], &count) || count != manifest_block_count(p->m))
		return fail_line(p, "the wrong number of blocks for the payload");
	/* base16_decode accepts upper case, too, which would make a second valid text. */
	for (size_t i = 0; i < fields[1].len; i++)
		if (fields[1].ptr[i] >= 'A' && fields[1].ptr[i] <= 'Z')
			return fail_line(p, "a digest in upper case");
	if (!base16_decode(p->m->blocks_digest, BLAKE2B_SIZE, fields[1]))
		return fail_line(p, "not a BLAKE2b-256 digest");
	return 0;
}

static int header_lines(struct manifest_parser *p)
{
	uint64_t block_size = 0;
	int rc = version_line(p);

	if (!rc)
		rc = next_line(p);
	if (!rc && !nf_slice_is(p->line, STORE_DIR_LINE))
		rc = fail_line(p, "expected '" STORE_DIR_LINE "'");
	if (!rc)
		rc = number_line(p, "block-size ", &block_size);
	if (!rc && block_size != BUNDLE_BLOCK_SIZE)
		rc = fail_line(p, "a block size other than 1048576");
	if (!rc)
		rc = number_line(p, "payload-size ", &p->m->payload_size);
	if (!rc && p->m->payload_size > BUNDLE_PAYLOAD_MAX)
		rc = err_set(p->err, NF_E_LIMIT,
			     "payload of %" PRIu64 " bytes, over the limit of %llu",
			     p->m->payload_size, BUNDLE_PAYLOAD_MAX);
	return rc ? rc : blocks_line(p);
}

static int root_line(struct manifest_parser *p)
{
	struct manifest *m = p->m;
	struct nf_slice base = { 0 };
	int rc = take_fields(p, "root ", &base, 1);

	if (rc)
		return rc;
	MEM_GROW(m->roots, m->root_count, p->roots_cap);
	rc = nf_storepath_parse_base(&m->roots[m->root_count], base, p->err);
	if (rc)
		return err_prefix(p->err, rc, "line %zu", p->number);
	m->root_count++;
	return 0;
}

enum {
	NAME,
	OFFSET,
	SIZE,
	DIGEST,
	NODES,
	MEMBER_FIELDS
};

static int member_line(struct manifest_parser *p)
{
	struct nf_slice f[MEMBER_FIELDS] = { 0 };
	struct nf_bundle_member *member;
	struct manifest *m = p->m;
	uint64_t offset = 0;
	int rc = take_fields(p, "member ", f, MEMBER_FIELDS);

	if (rc)
		return rc;
	MEM_GROW(m->members, m->member_count, p->members_cap);
	member = &m->members[m->member_count];
	*member = (struct nf_bundle_member){ .digest.algo = NF_SHA256 };
	if (!slice_parse_u64(f[OFFSET], &member->offset) ||
	    !slice_parse_u64(f[SIZE], &member->size) ||
	    !slice_parse_u64(f[NODES], &member->inodes))
		return fail_line(p, "not a number");
	if (!nix32_decode(member->digest.bytes, nf_hash_size(NF_SHA256), f[DIGEST]))
		return fail_line(p, "not a SHA-256 digest");
	rc = place_member(&p->at, f[NAME], member->size, member->inodes, &offset, p->err);
	if (rc)
		return err_prefix(p->err, rc, "line %zu", p->number);
	if (member->offset != offset)
		return fail_line(p, "the member's offset leaves a gap or overlaps");
	snprintf(member->name, sizeof(member->name), "%.*s", NF_SLICE_ARG(f[NAME]));
	m->member_count++;
	return 0;
}

static bool at_key(const struct manifest_parser *p, const char *key)
{
	struct nf_slice line = p->line;

	return slice_skip_prefix(&line, key);
}

static int body_lines(struct manifest_parser *p)
{
	int rc = next_line(p);

	while (!rc && at_key(p, "root ")) {
		rc = root_line(p);
		if (!rc)
			rc = next_line(p);
	}
	while (!rc && at_key(p, "member ")) {
		rc = member_line(p);
		if (!rc)
			rc = next_line(p);
	}
	if (rc)
		return rc;
	if (!nf_slice_is(p->line, "end"))
		return fail_line(p,
				 "expected a root, a member or the end, in this order");
	return p->rest.len ? fail_line(p, "unexpected text after the end") : 0;
}

int manifest_parse(struct manifest *m, struct nf_slice text, struct nf_err *err)
{
	struct manifest_parser p = { .m = m, .rest = text, .err = err };
	uint64_t size = 0;
	int rc;

	manifest_init(m);
	rc = header_lines(&p);
	if (!rc)
		rc = body_lines(&p);
	if (!rc)
		rc = place_end(&p.at, &size, err);
	if (!rc && size != m->payload_size)
		rc = err_set(err, NF_E_FORMAT,
			     "payload-size is %" PRIu64
			     ", but its members add up to %" PRIu64,
			     m->payload_size, size);
	return rc ? rc : check_unique(m, err);
}
