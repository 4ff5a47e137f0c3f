#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mkcache.h"

#define NAR_MAX	    (80UL << 20)
#define BOMB_SIZE   (64UL << 20)
#define SMALL_CLAIM 4096

/* ---- NARs by hand: the library's writer would refuse these ---- */

static void put_u64(struct buf *b, uint64_t value)
{
	for (int i = 0; i < 8; i++, value >>= 8)
		buf_add_char(b, (char)(value & 0xff));
}

static void put_padding(struct buf *b, size_t len, char pad)
{
	for (; len % 8; len++)
		buf_add_char(b, pad);
}

static void put_str(struct buf *b, struct nf_slice s)
{
	put_u64(b, s.len);
	buf_add_slice(b, s);
	put_padding(b, s.len, '\0');
}

/* Words, separated by one space each. */
static void put_words(struct buf *b, const char *words)
{
	struct nf_slice rest = nf_slice_str(words);

	while (rest.ptr)
		put_str(b, slice_cut(&rest, ' '));
}

static void put_entry(struct buf *b, struct nf_slice name)
{
	put_words(b, "entry ( name");
	put_str(b, name);
	put_words(b, "node ( type regular contents hello ) )");
}

static void put_directory(struct buf *b, struct nf_slice first, struct nf_slice second)
{
	put_words(b, "nix-archive-1 ( type directory");
	put_entry(b, first);
	if (second.ptr)
		put_entry(b, second);
	put_words(b, ")");
}

static void put_symlink(struct buf *b, struct nf_slice target)
{
	put_words(b, "nix-archive-1 ( type symlink target");
	put_str(b, target);
	put_words(b, ")");
}

static void put_repeated(struct buf *b, size_t count, bool as_name)
{
	AUTO_FREE char *text = mem_alloc(count);

	memset(text, 'a', count);
	if (as_name)
		put_directory(b, nf_slice(text, count), nf_slice(NULL, 0));
	else
		put_symlink(b, nf_slice(text, count));
}

static void make_long_name(struct buf *b)
{
	put_repeated(b, 256, true);
}

static void make_long_target(struct buf *b)
{
	put_repeated(b, 4096, false);
}

static void make_deep(struct buf *b)
{
	put_words(b, "nix-archive-1 (");
	for (int depth = 0; depth < 64; depth++)
		put_words(b, "type directory entry ( name d node (");
	put_words(b, "type regular contents hello )");
	for (int depth = 0; depth < 64; depth++)
		put_words(b, ") )");
}

static void make_padding(struct buf *b)
{
	put_words(b, "nix-archive-1 ( type regular contents");
	put_u64(b, 5);
	buf_add_str(b, "hello");
	put_padding(b, 5, 'x');
	put_words(b, ")");
}

static void make_trailing(struct buf *b)
{
	put_words(b, "nix-archive-1 ( type regular contents hello )");
	put_u64(b, 0);
}

static void make_huge_length(struct buf *b)
{
	put_words(b, "nix-archive-1 ( type regular contents");
	put_u64(b, 1ULL << 62);
	buf_add_str(b, "hello");
}

static void make_bomb(struct buf *b)
{
	put_words(b, "nix-archive-1 ( type regular contents");
	put_u64(b, BOMB_SIZE);
	for (size_t i = 0; i < BOMB_SIZE / 8; i++)
		put_u64(b, 0);
	put_words(b, ")");
}

#define HELLO "nix-archive-1 ( type regular contents hello )"

/* Each is one of: words, one or two entry names, a symlink's target, a function. */
static const struct kind {
	const char *name;
	const char *words;
	struct nf_slice first;
	struct nf_slice second;
	struct nf_slice target;
	void (*make)(struct buf *b);
	struct mkcache_lies lies;
} kinds[] = {
	{ "unsorted", .first = NF_SLICE_LIT("b"), .second = NF_SLICE_LIT("a") },
	{ "duplicate", .first = NF_SLICE_LIT("a"), .second = NF_SLICE_LIT("a") },
	{ "dot", .first = NF_SLICE_LIT(".") },
	{ "dotdot", .first = NF_SLICE_LIT("..") },
	{ "slash", .first = NF_SLICE_LIT("../../etc") },
	{ "nul", .first = NF_SLICE_LIT("a\0b") },
	{ "empty-name", .first = NF_SLICE_LIT("") },
	{ "long-name", .make = make_long_name },
	{ "long-target", .make = make_long_target },
	{ "empty-target", .target = NF_SLICE_LIT("") },
	{ "nul-target", .target = NF_SLICE_LIT("a\0b") },
	{ "deep", .make = make_deep },
	{ "padding", .make = make_padding },
	{ "no-contents", .words = "nix-archive-1 ( type regular )" },
	{ "executable-value",
	  .words = "nix-archive-1 ( type regular executable yes contents hello )" },
	{ "unknown-type", .words = "nix-archive-1 ( type device contents hello )" },
	{ "magic", .words = "nix-archive-2 ( type regular contents hello )" },
	{ "unclosed", .words = "nix-archive-1 ( type regular contents hello" },
	{ "trailing", .make = make_trailing },
	{ "huge-length", .make = make_huge_length },
	{ "bomb", .make = make_bomb, .lies.nar_size = SMALL_CLAIM },
	{ "size-too-small", .words = HELLO, .lies.nar_size = 112 },
	{ "size-too-large", .words = HELLO, .lies.nar_size = 128 },
	{ "wrong-hash", .words = HELLO, .lies.nar_hash = true },
};

static void build(const struct kind *kind, struct buf *b)
{
	if (kind->make)
		kind->make(b);
	else if (kind->words)
		put_words(b, kind->words);
	else if (kind->target.ptr)
		put_symlink(b, kind->target);
	else
		put_directory(b, kind->first, kind->second);
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (name && strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	}
	return NULL;
}

int mkcache_hostile(struct mkcache *m, struct nf_storepath *ret, struct nf_err *err)
{
	const struct kind *kind = find_kind(m->opts->kind);
	AUTO_BUF struct buf b = { 0 };
	struct mkcache_nar nar;
	int rc;

	buf_init(&b, NAR_MAX);
	if (!kind)
		return err_set(err, NF_E_USAGE, "--kind: see mkcache hostile-kinds");
	build(kind, &b);
	rc = mkcache_nar_new(&nar, err);
	if (rc)
		return rc;
	rc = file_write_all(nar.fd, b.ptr, b.len, "NAR", err);
	if (rc == 0)
		rc = mkcache_put(m, &nar, m->opts->name ? m->opts->name : kind->name,
				 NULL, 0, &kind->lies, ret, err);
	mkcache_nar_release(&nar);
	return rc;
}

void mkcache_hostile_list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		puts(kinds[i].name);
}
