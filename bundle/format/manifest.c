#include "format/manifest_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/tar.h"

void manifest_init(struct manifest *m)
{
	*m = (struct manifest){ 0 };
}

void manifest_release(struct manifest *m)
{
	manifest_terms_release(&m->terms);
	free(m->notes);
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

static enum manifest_kind name_kind(struct nf_slice name)
{
	if (nf_slice_is(name, "nix-cache-info"))
		return MANIFEST_CACHE_INFO;
	if (name.len > NF_MEMBER_NAME_MAX)
		return MANIFEST_BAD;
	if (slice_skip_prefix(&name, "nar/"))
		return is_nar_file(name) ? MANIFEST_NAR : MANIFEST_BAD;
	if (!slice_ends_with(name, ".narinfo"))
		return MANIFEST_BAD;
	name.len -= strlen(".narinfo");
	return nf_storepath_is_hash(name) ? MANIFEST_NARINFO : MANIFEST_BAD;
}

int manifest_place_member(struct manifest_place *at, struct nf_slice name,
			  const struct nf_bundle_member *member, uint64_t *ret_offset,
			  struct nf_err *err)
{
	uint64_t size = member->size, inodes = member->inodes;
	enum manifest_kind kind = name_kind(name);

	if (kind == MANIFEST_BAD)
		return err_set(err, NF_E_FORMAT, "wrong member name '%.*s'",
			       (int)(name.len > 256 ? 256 : name.len), name.ptr);
	if (kind < at->last ||
	    (at->last == MANIFEST_NONE) != (kind == MANIFEST_CACHE_INFO))
		return err_set(err, NF_E_FORMAT, "member '%.*s' is out of order",
			       NF_SLICE_ARG(name));
	if (kind != MANIFEST_NAR && inodes != 0)
		return err_set(err, NF_E_FORMAT, "member '%.*s' cannot have inodes",
			       NF_SLICE_ARG(name));
	if (kind != MANIFEST_NAR && member->base_count)
		return err_set(err, NF_E_FORMAT, "member '%.*s' cannot be a patch",
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

int manifest_place_end(const struct manifest_place *at, uint64_t *ret_size,
		       struct nf_err *err)
{
	if (at->last == MANIFEST_NONE)
		return err_set(err, NF_E_FORMAT, "no member");
	*ret_size = at->end + TAR_TRAILER_LEN;
	if (*ret_size > BUNDLE_PAYLOAD_MAX)
		return err_set(err, NF_E_LIMIT,
			       "payload of %" PRIu64 " bytes, over the limit of %llu",
			       *ret_size, BUNDLE_PAYLOAD_MAX);
	return 0;
}

int manifest_check_unique(const struct manifest *m, struct nf_err *err)
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

		rc = manifest_place_member(&at, nf_slice_str(member->name), member,
					   &member->offset, err);
		if (rc)
			return rc;
	}
	rc = manifest_place_end(&at, &m->payload_size, err);
	return rc ? rc : manifest_check_unique(m, err);
}

/* ---- format ---- */

static void format_member(struct buf *out, const struct manifest *m,
			  const struct nf_bundle_member *member)
{
	char digest[64];

	nix32_encode(digest, member->digest.bytes, nf_hash_size(NF_SHA256));
	buf_addf(out, "member %s %" PRIu64 " %" PRIu64 " %s %" PRIu64, member->name,
		 member->offset, member->size, digest, member->inodes);
	if (member->base_count)
		buf_add_str(out, MANIFEST_PATCH);
	for (unsigned i = 0; i < member->base_count; i++)
		buf_addf(out, " %s", m->terms.required[member->bases[i]].path.base);
	buf_add_char(out, '\n');
}

static void format_blocks(struct buf *out, const struct manifest *m)
{
	char digest[2 * MANIFEST_DIGEST_SIZE + 1];

	base16_encode(digest, m->blake2b_digest, MANIFEST_DIGEST_SIZE);
	buf_addf(out, "blocks %" PRIu64 " %s", manifest_block_count(m), digest);
	if (m->version >= 2) {
		base16_encode(digest, m->sha256_digest, MANIFEST_DIGEST_SIZE);
		buf_addf(out, " %s", digest);
	}
	buf_add_char(out, '\n');
}

void manifest_format(struct buf *out, const struct manifest *m)
{
	buf_addf(out, MANIFEST_VERSION_KEY "%u\n" MANIFEST_STORE_LINE "\n", m->version);
	buf_addf(out, "block-size %llu\n", BUNDLE_BLOCK_SIZE);
	buf_addf(out, "payload-size %" PRIu64 "\n", m->payload_size);
	format_blocks(out, m);
	manifest_terms_format(out, m);
	for (size_t i = 0; i < m->root_count; i++)
		buf_addf(out, "root %s\n", m->roots[i].base);
	manifest_required_format(out, m);
	for (size_t i = 0; i < m->member_count; i++)
		format_member(out, m, &m->members[i]);
	buf_add_str(out, "end\n");
}
