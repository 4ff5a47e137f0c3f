#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/manifest_private.h"

/*   nixferry-bundle VERSION
 *   store-dir /nix/store
 *   block-size 1048576
 *   payload-size SIZE
 *   blocks COUNT BLAKE2B-HEX [SHA256-HEX]           version 2: both
 *   series NAME                                     version 2: the next four, or some
 *   serial N
 *   expires DATE
 *   note WORD TEXT                                  any number
 *   root HASH-NAME                                  any number
 *   requires HASH-NAME NARHASH-NIX32                version 2: any number
 *   rewrites HASH HASH                              version 2: any number
 *   member NAME OFFSET SIZE SHA256-NIX32 NODES      at least one; version 2: may end with
 *       patch HASH-NAME...                          what it is made from
 *   end
 */

struct manifest_parser {
	struct manifest *m;
	struct nf_slice rest;
	struct nf_slice line; /* without its LF */
	size_t number;	      /* number of the line, from 1 */
	struct manifest_place at;
	size_t roots_cap;
	size_t members_cap;
	size_t required_cap;
	size_t made_from_cap;
	size_t rewrites_cap;
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
	int rc = number_line(p, MANIFEST_VERSION_KEY, &version);

	if (!rc && (version < NF_BUNDLE_VERSION_MIN || version > NF_BUNDLE_VERSION))
		rc = err_set(p->err, NF_E_UNSUPPORTED,
			     "unknown format version %" PRIu64
			     ": only versions %d to %d are supported",
			     version, NF_BUNDLE_VERSION_MIN, NF_BUNDLE_VERSION);
	p->m->version = (unsigned)version;
	return rc;
}

/* base16_decode accepts upper case, too, which would make a second valid text. */
static int blocks_digest(struct manifest_parser *p, uint8_t *ret, struct nf_slice field,
			 const char *wrong)
{
	for (size_t i = 0; i < field.len; i++)
		if (field.ptr[i] >= 'A' && field.ptr[i] <= 'Z')
			return fail_line(p, "a digest in upper case");
	return base16_decode(ret, MANIFEST_DIGEST_SIZE, field) ? 0 : fail_line(p, wrong);
}

static int blocks_line(struct manifest_parser *p)
{
	struct manifest *m = p->m;
	struct nf_slice fields[3] = { 0 };
	uint64_t count;
	int rc = next_line(p);

	if (!rc)
		rc = take_fields(p, "blocks ", fields, m->version < 2 ? 2 : 3);
	if (rc)
		return rc;
	if (!slice_parse_u64(fields[0], &count) || count != manifest_block_count(m))
		return fail_line(p, "the wrong number of blocks for the payload");
	rc = blocks_digest(p, m->blake2b_digest, fields[1], "not a BLAKE2b-256 digest");
	if (!rc && m->version >= 2)
		rc = blocks_digest(p, m->sha256_digest, fields[2],
				   "not a SHA-256 digest");
	return rc;
}

static int header_lines(struct manifest_parser *p)
{
	uint64_t block_size = 0;
	int rc = version_line(p);

	if (!rc)
		rc = next_line(p);
	if (!rc && !nf_slice_is(p->line, MANIFEST_STORE_LINE))
		rc = fail_line(p, "expected '" MANIFEST_STORE_LINE "'");
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

static bool at_key(const struct manifest_parser *p, const char *key)
{
	struct nf_slice line = p->line;

	return slice_skip_prefix(&line, key);
}

/* ---- terms ---- */

static int series_lines(struct manifest_parser *p)
{
	struct nf_bundle_terms *t = &p->m->terms;
	struct nf_slice name = { 0 };
	int rc = take_fields(p, "series ", &name, 1);

	if (rc)
		return rc;
	if (!manifest_is_series(name))
		return fail_line(p, "not the name of a series");
	t->series = mem_strndup(name.ptr, name.len);
	rc = number_line(p, "serial ", &t->serial);
	return rc ? rc : next_line(p);
}

static int expires_line(struct manifest_parser *p)
{
	struct nf_slice date = { 0 };
	int rc = take_fields(p, "expires ", &date, 1);

	if (rc)
		return rc;
	if (!manifest_is_date(date))
		return fail_line(p, "not a date");
	p->m->terms.expires = mem_strndup(date.ptr, date.len);
	return next_line(p);
}

/* Notes are shown on terminals. */
static bool is_note(struct nf_slice line)
{
	struct nf_slice rest = line;

	if (!slice_skip_prefix(&rest, MANIFEST_NOTE_KEY) || line.len > MANIFEST_NOTE_MAX)
		return false;
	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] < ' ' || rest.ptr[i] > '~')
			return false;
	return slice_cut(&rest, ' ').len > 0 && rest.len > 0;
}

/* A note is never refused for what it says: only made-from is known. */
static void add_note(struct manifest_parser *p, struct nf_slice line)
{
	struct nf_bundle_terms *t = &p->m->terms;
	char **list = (char **)t->made_from;
	struct nf_storepath path;

	if (!slice_skip_prefix(&line, MANIFEST_MADE_FROM) ||
	    nf_storepath_parse_base(&path, line, NULL))
		return;
	MEM_GROW(list, t->made_from_count, p->made_from_cap);
	list[t->made_from_count++] = mem_strdup(path.base);
	t->made_from = (const char *const *)list;
}

static int note_lines(struct manifest_parser *p)
{
	const char *start = p->line.ptr;
	struct nf_slice last = { 0 };
	int rc = 0;

	while (!rc && at_key(p, MANIFEST_NOTE_KEY)) {
		if (!is_note(p->line))
			return fail_line(p, "not a note");
		if (last.ptr && nf_slice_cmp(last, p->line) >= 0)
			return fail_line(p, "a note out of order");
		add_note(p, p->line);
		last = p->line;
		rc = next_line(p);
	}
	if (last.ptr)
		p->m->notes =
			mem_strndup(start, (size_t)(last.ptr + last.len + 1 - start));
	return rc;
}

static int terms_lines(struct manifest_parser *p)
{
	int rc = 0;

	if (p->m->version < 2)
		return 0;
	if (at_key(p, "series "))
		rc = series_lines(p);
	if (!rc && at_key(p, "expires "))
		rc = expires_line(p);
	return rc ? rc : note_lines(p);
}

static int required_line(struct manifest_parser *p)
{
	struct nf_bundle_terms *t = &p->m->terms;
	struct nf_bundle_required *list = (struct nf_bundle_required *)t->required;
	struct nf_bundle_required *r;
	struct nf_slice f[2] = { 0 };
	int rc = take_fields(p, "requires ", f, 2);

	if (rc)
		return rc;
	MEM_GROW(list, t->required_count, p->required_cap);
	t->required = list;
	r = &list[t->required_count];
	*r = (struct nf_bundle_required){ .nar_hash.algo = NF_SHA256 };
	rc = nf_storepath_parse_base(&r->path, f[0], p->err);
	if (rc)
		return err_prefix(p->err, rc, "line %zu", p->number);
	if (!nix32_decode(r->nar_hash.bytes, nf_hash_size(NF_SHA256), f[1]))
		return fail_line(p, "not a SHA-256 digest");
	if (t->required_count && nf_storepath_cmp(&r[-1].path, &r->path) >= 0)
		return fail_line(p, "a required path out of order");
	t->required_count++;
	return 0;
}

static int rewrite_line(struct manifest_parser *p)
{
	struct nf_bundle_terms *t = &p->m->terms;
	struct nf_bundle_rewrite *list = (struct nf_bundle_rewrite *)t->rewrites;
	struct nf_slice f[2] = { 0 };
	int rc = take_fields(p, "rewrites ", f, 2);

	if (rc)
		return rc;
	if (!nf_storepath_is_hash(f[0]) || !nf_storepath_is_hash(f[1]))
		return fail_line(p, "not the hash part of a path");
	MEM_GROW(list, t->rewrite_count, p->rewrites_cap);
	t->rewrites = list;
	snprintf(list[t->rewrite_count].from, sizeof(list->from), "%.*s",
		 NF_SLICE_ARG(f[0]));
	snprintf(list[t->rewrite_count].to, sizeof(list->to), "%.*s", NF_SLICE_ARG(f[1]));
	if (t->rewrite_count &&
	    strcmp(list[t->rewrite_count - 1].from, list[t->rewrite_count].from) >= 0)
		return fail_line(p, "a hash part out of order");
	t->rewrite_count++;
	return 0;
}

/* ---- roots and members ---- */

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

/* Lower-case letters and hyphens: a word that a later writer may use. */
static bool is_keyword(struct nf_slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!(word.ptr[i] >= 'a' && word.ptr[i] <= 'z') && word.ptr[i] != '-')
			return false;
	return word.len > 0 && word.len <= 32;
}

static int patch_bases(struct manifest_parser *p, struct nf_slice rest,
		       struct nf_bundle_member *member)
{
	const struct nf_bundle_terms *t = &p->m->terms;

	do {
		struct nf_slice base = slice_cut(&rest, ' ');
		size_t at = manifest_find_required(t, base);

		if (at == SIZE_MAX)
			return fail_line(p, "a patch of a path that is not required");
		for (unsigned i = 0; i < member->base_count; i++)
			if (member->bases[i] == at)
				return fail_line(p, "a patch names a path twice");
		if (member->base_count == NF_BUNDLE_BASES_MAX)
			return fail_line(p, "a patch of too many paths");
		member->bases[member->base_count++] = (uint32_t)at;
	} while (rest.ptr);
	return 0;
}

/* In version 2, what follows the fields says how the NAR is encoded; otherwise it is
 * whole. */
static int take_encoding(struct manifest_parser *p, struct nf_bundle_member *member)
{
	struct nf_slice rest = p->line;
	struct nf_slice word;

	for (size_t i = 0; rest.ptr && i < 1 + MEMBER_FIELDS; i++)
		slice_cut(&rest, ' ');
	if (p->m->version < 2 || !rest.ptr)
		return 0;
	p->line.len = (size_t)(rest.ptr - p->line.ptr) - 1;
	word = slice_cut(&rest, ' ');
	if (!is_keyword(word))
		return fail_line(p, "not a NAR encoding");
	if (nf_slice_is(word, &MANIFEST_PATCH[1]))
		return rest.ptr ? patch_bases(p, rest, member)
				: fail_line(p, "a patch of nothing");
	return err_set(
		p->err, NF_E_UNSUPPORTED,
		"line %zu: the NAR encoding '%.*s' is not supported: a newer nixferry is needed",
		p->number, NF_SLICE_ARG(word));
}

static int member_numbers(struct manifest_parser *p, const struct nf_slice *f,
			  struct nf_bundle_member *member)
{
	if (!slice_parse_u64(f[OFFSET], &member->offset) ||
	    !slice_parse_u64(f[SIZE], &member->size) ||
	    !slice_parse_u64(f[NODES], &member->inodes))
		return fail_line(p, "not a number");
	if (!nix32_decode(member->digest.bytes, nf_hash_size(NF_SHA256), f[DIGEST]))
		return fail_line(p, "not a SHA-256 digest");
	return 0;
}

static int member_line(struct manifest_parser *p)
{
	struct nf_bundle_member new = { .digest.algo = NF_SHA256 };
	struct nf_slice f[MEMBER_FIELDS] = { 0 };
	struct manifest *m = p->m;
	uint64_t offset = 0;
	int rc = take_encoding(p, &new);

	if (!rc)
		rc = take_fields(p, "member ", f, MEMBER_FIELDS);
	if (!rc)
		rc = member_numbers(p, f, &new);
	if (rc)
		return rc;
	rc = manifest_place_member(&p->at, f[NAME], &new, &offset, p->err);
	if (rc)
		return err_prefix(p->err, rc, "line %zu", p->number);
	if (new.offset != offset)
		return fail_line(p, "the member's offset leaves a gap or overlaps");
	snprintf(new.name, sizeof(new.name), "%.*s", NF_SLICE_ARG(f[NAME]));
	MEM_GROW(m->members, m->member_count, p->members_cap);
	m->members[m->member_count++] = new;
	return 0;
}

/* What a later writer may add that cannot be ignored. */
static int unknown_line(struct manifest_parser *p)
{
	static const char *const known[] = { "series ",	  "serial ", "expires ",
					     "note ",	  "root ",   "requires ",
					     "rewrites ", "member ", "end" };
	struct nf_slice rest = p->line;
	struct nf_slice word = slice_cut(&rest, ' ');
	bool is_known = p->m->version < 2 || !is_keyword(word);

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		is_known = is_known || at_key(p, known[i]);
	if (is_known)
		return fail_line(p,
				 "expected a root, a member or the end, in this order");
	return err_set(p->err, NF_E_UNSUPPORTED,
		       "line %zu: '%.*s' is not supported: a newer nixferry is needed",
		       p->number, NF_SLICE_ARG(word));
}

static int lines_of(struct manifest_parser *p, const char *key,
		    int (*line)(struct manifest_parser *p))
{
	int rc = 0;

	while (!rc && at_key(p, key)) {
		rc = line(p);
		if (!rc)
			rc = next_line(p);
	}
	return rc;
}

static int body_lines(struct manifest_parser *p)
{
	int rc = next_line(p);

	if (!rc)
		rc = terms_lines(p);
	if (!rc)
		rc = lines_of(p, "root ", root_line);
	if (!rc && p->m->version >= 2)
		rc = lines_of(p, "requires ", required_line);
	if (!rc && p->m->version >= 2)
		rc = lines_of(p, "rewrites ", rewrite_line);
	if (!rc)
		rc = lines_of(p, "member ", member_line);
	if (rc)
		return rc;
	if (!nf_slice_is(p->line, "end"))
		return unknown_line(p);
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
		rc = manifest_place_end(&p.at, &size, err);
	if (!rc && size != m->payload_size)
		rc = err_set(err, NF_E_FORMAT,
			     "payload-size is %" PRIu64
			     ", but its members add up to %" PRIu64,
			     m->payload_size, size);
	return rc ? rc : manifest_check_unique(m, err);
}
