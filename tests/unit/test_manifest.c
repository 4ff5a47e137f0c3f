#include "format/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"

#define HASH	 "0123456789abcdfghijklmnpqrsvwxyz"
#define ROOT	 HASH "-hello-1.0"
#define SHA256	 "0000000000000000000000000000000000000000000000000001"
#define BLAKE	 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define START	 "nixferry-bundle 1\nstore-dir /nix/store\nblock-size 1048576\n"
#define SIZES	 "payload-size 4608\nblocks 1 " BLAKE "\n"
#define ROOTS	 "root " ROOT "\n"
#define INFO	 "member nix-cache-info 512 21 " SHA256 " 0\n"
#define NARINFO	 "member " HASH ".narinfo 1536 513 " SHA256 " 0\n"
#define NAR	 "member nar/x.nar.zst 3072 1 " SHA256 " 7\n"
#define COMPLETE START SIZES ROOTS INFO NARINFO NAR "end\n"

static void a_manifest_is_read(void **state)
{
	struct manifest m;

	(void)state;
	assert_int_equal(manifest_parse(&m, NF_SLICE_LIT(COMPLETE), NULL), 0);
	assert_int_equal(m.payload_size, 4608);
	assert_int_equal(manifest_block_count(&m), 1);
	assert_int_equal(m.blake2b_digest[1], 0x11);
	assert_int_equal(m.root_count, 1);
	assert_string_equal(m.roots[0].base, ROOT);
	assert_int_equal(m.member_count, 3);
	assert_string_equal(m.members[1].name, HASH ".narinfo");
	assert_int_equal(m.members[1].offset, 1536);
	assert_int_equal(m.members[1].size, 513);
	assert_int_equal(m.members[2].inodes, 7);
	assert_int_equal(m.members[2].digest.algo, NF_SHA256);
	assert_int_equal(m.members[2].digest.bytes[0], 1);
	manifest_release(&m);
}

#define START2	 "nixferry-bundle 2\nstore-dir /nix/store\nblock-size 1048576\n"
#define SIZES2	 "payload-size 4608\nblocks 1 " BLAKE " " BLAKE "\n"
#define TERMS	 "series web.1\nserial 18446744073709551615\nexpires 2028-02-29\n"
#define NOTES	 "note colour blue\nnote made-from " ROOT "\nnote made-from not a path\n"
#define LIB	 "1123456789abcdfghijklmnpqrsvwxyz-lib"
#define REQUIRED "requires " LIB " " SHA256 "\n"
#define REWRITES "rewrites 1123456789abcdfghijklmnpqrsvwxyz " HASH "\n"
#define PATCH                                                                            \
	"member nar/x.nar.zst 3072 1 " SHA256                                            \
	" 7 patch 1123456789abcdfghijklmnpqrsvwxyz-lib\n"
#define COMPLETE2 START2 SIZES2 TERMS NOTES ROOTS REQUIRED INFO NARINFO NAR "end\n"
#define PATCHED	  START2 SIZES2 ROOTS REQUIRED REWRITES INFO NARINFO PATCH "end\n"

static void the_terms_of_version_2_are_read(void **state)
{
	struct manifest m;

	(void)state;
	assert_int_equal(manifest_parse(&m, NF_SLICE_LIT(COMPLETE2), NULL), 0);
	assert_int_equal(m.version, 2);
	assert_int_equal(m.sha256_digest[1], 0x11);
	assert_string_equal(m.terms.series, "web.1");
	assert_true(m.terms.serial == UINT64_MAX);
	assert_string_equal(m.terms.expires, "2028-02-29");
	assert_int_equal(m.terms.made_from_count, 1);
	assert_string_equal(m.terms.made_from[0], ROOT);
	assert_int_equal(m.terms.required_count, 1);
	assert_string_equal(m.terms.required[0].path.base,
			    "1123456789abcdfghijklmnpqrsvwxyz-lib");
	assert_int_equal(m.terms.required[0].nar_hash.bytes[0], 1);
	assert_int_equal(m.root_count, 1);
	assert_int_equal(m.member_count, 3);
	manifest_release(&m);
}

static void a_patch_names_what_it_is_made_from(void **state)
{
	struct manifest m;

	(void)state;
	assert_int_equal(manifest_parse(&m, NF_SLICE_LIT(PATCHED), NULL), 0);
	assert_int_equal(m.terms.rewrite_count, 1);
	assert_string_equal(m.terms.rewrites[0].from, "1123456789abcdfghijklmnpqrsvwxyz");
	assert_string_equal(m.terms.rewrites[0].to, HASH);
	assert_int_equal(m.members[1].base_count, 0);
	assert_int_equal(m.members[2].base_count, 1);
	assert_int_equal(m.members[2].bases[0], 0);
	assert_int_equal(m.members[2].inodes, 7);
	manifest_release(&m);
}

static void parsed_texts_format_back(void **state)
{
	static const char *const texts[] = { COMPLETE, COMPLETE2, PATCHED };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct manifest m;
		struct buf text;

		buf_init(&text, MANIFEST_MAX);
		assert_int_equal(manifest_parse(&m, nf_slice_str(texts[i]), NULL), 0);
		manifest_format(&text, &m);
		assert_string_equal(text.ptr, texts[i]);
		manifest_release(&m);
		buf_release(&text);
	}
}

#define AT_END	START SIZES INFO NARINFO NAR
#define SOME	START SIZES INFO
#define ONE(l)	START SIZES l "end\n"
#define TWO(l)	START2 SIZES2 l "end\n"
#define NAME(n) START SIZES INFO "member " n " 1536 1 " SHA256 " 0\nend\n"

static int set_terms(unsigned version, const struct nf_bundle_terms *terms,
		     struct buf *text, struct nf_err *err)
{
	struct nf_bundle_member members[] = { { .name = "nix-cache-info" } };
	struct manifest m;
	int rc;

	manifest_init(&m);
	m.version = version;
	rc = manifest_set_terms(&m, terms, err);
	m.members = members;
	m.member_count = 1;
	if (!rc)
		assert_int_equal(manifest_layout(&m, NULL), 0);
	manifest_format(text, &m);
	m.members = NULL;
	manifest_release(&m);
	return rc;
}

static void terms_are_written_in_one_order(void **state)
{
	static const char *const made_from[] = { ROOT, ROOT };
	struct nf_bundle_required required[2] = { 0 };
	struct nf_bundle_terms terms = {
		.required = required,
		.required_count = 2,
		.expires = "2027-01-31",
		.made_from = made_from,
		.made_from_count = 2,
	};
	struct nf_err err = { 0 };
	struct buf text;

	(void)state;
	buf_init(&text, MANIFEST_MAX);
	for (int i = 0; i < 2; i++) {
		char base[] = "1123456789abcdfghijklmnpqrsvwxyz-lib";

		base[0] -= (char)i;
		assert_int_equal(nf_storepath_parse_base(&required[i].path,
							 nf_slice_str(base), NULL),
				 0);
		required[i].nar_hash.algo = NF_SHA256;
	}
	assert_int_equal(set_terms(2, &terms, &text, NULL), 0);
	assert_non_null(strstr(text.ptr,
			       "expires 2027-01-31\nnote made-from " ROOT
			       "\nrequires 0123456789abcdfghijklmnpqrsvwxyz-lib"));
	assert_int_equal(set_terms(1, &terms, &text, &err), -NF_E_USAGE);
	assert_string_equal(err.text, "format version 1 cannot express what it requires");
	required[1] = required[0];
	assert_int_equal(set_terms(2, &terms, &text, &err), -NF_E_FORMAT);
	terms.required_count = 0;
	terms.expires = "2027-02-30";
	assert_int_equal(set_terms(2, &terms, &text, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "'2027-02-30' is not a date like 2027-01-31");
	terms.expires = NULL;
	terms.series = "..";
	assert_int_equal(set_terms(2, &terms, &text, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "'..' is not the name of a series");
	buf_release(&text);
}

static void each_fault_is_named(void **state)
{
	static const struct {
		const char *text;
		enum nf_error code;
		const char *says;
	} rows[] = {
		{ "", NF_E_FORMAT, "line 1: the manifest is truncated" },
		{ "nixferry-bundle 3\nnew\n", NF_E_UNSUPPORTED,
		  "unknown format version 3: only versions 1 to 2 are supported" },
		{ "nixferry-bundle 0\n", NF_E_UNSUPPORTED,
		  "unknown format version 0: only versions 1 to 2 are supported" },
		{ "nixferry-bundle 01\n", NF_E_FORMAT, "line 1: not a number" },
		{ "nixferry-bundle\n", NF_E_FORMAT,
		  "line 1: expected 'nixferry-bundle '" },
		{ "nixferry-bundle 1", NF_E_FORMAT, "line 1: no line feed at the end" },
		{ "nixferry-bundle 1\r\n", NF_E_FORMAT, "line 1: not a number" },
		{ "nixferry-bundle 1\nstore-dir /gnu/store\n", NF_E_FORMAT,
		  "line 2: expected 'store-dir /nix/store'" },
		{ "nixferry-bundle 1\nstore-dir /nix/store\nblock-size 65536\n",
		  NF_E_FORMAT, "line 3: a block size other than 1048576" },
		{ START "payload-size -1\n", NF_E_FORMAT, "line 4: not a number" },
		{ START "payload-size 99999999999999999999\n", NF_E_FORMAT,
		  "line 4: not a number" },
		{ START "payload-size 1099511627777\n", NF_E_LIMIT,
		  "payload of 1099511627777 bytes, over the limit of 1099511627776" },
		{ START "payload-size 4608\nblocks 2 " BLAKE "\n", NF_E_FORMAT,
		  "line 5: the wrong number of blocks for the payload" },
		{ START "payload-size 4608\nblocks 1 00\n", NF_E_FORMAT,
		  "line 5: not a BLAKE2b-256 digest" },
		{ START
		  "payload-size 4608\nblocks 1 00AA2233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n",
		  NF_E_FORMAT, "line 5: a digest in upper case" },
		{ START "payload-size 4608\nblocks 1\n", NF_E_FORMAT,
		  "line 5: a field is missing" },
		{ START "payload-size 4608\nblocks  1 " BLAKE "\n", NF_E_FORMAT,
		  "line 5: a field is missing" },
		{ START "payload-size 4608\nblocks 1 " BLAKE " \n", NF_E_FORMAT,
		  "line 5: too many fields" },
		{ START SIZES ROOTS ROOTS INFO NARINFO NAR "end\n", NF_E_FORMAT,
		  "root '" ROOT "' appears twice" },
		{ ONE(INFO ROOTS), NF_E_FORMAT,
		  "line 7: expected a root, a member or the end, in this order" },
		{ ONE("remark x\n"), NF_E_FORMAT,
		  "line 6: expected a root, a member or the end, in this order" },
		{ ONE("member nix-cache-info 512 21 " SHA256 "\n"), NF_E_FORMAT,
		  "line 6: a field is missing" },
		{ ONE("member nix-cache-info 512 21 " SHA256 " 0 0\n"), NF_E_FORMAT,
		  "line 6: too many fields" },
		{ ONE("member nix-cache-info 512 021 " SHA256 " 0\n"), NF_E_FORMAT,
		  "line 6: not a number" },
		{ ONE("member nix-cache-info 512 21 1" SHA256 " 0\n"), NF_E_FORMAT,
		  "line 6: not a SHA-256 digest" },
		{ ONE("member nix-cache-info 512 21 z000000000000000000000000000000000000000000000000001 0\n"),
		  NF_E_FORMAT, "line 6: not a SHA-256 digest" },
		{ ONE("member nix-cache-info 0 21 " SHA256 " 0\n"), NF_E_FORMAT,
		  "line 6: the member's offset leaves a gap or overlaps" },
		{ ONE("member nix-cache-info 1024 21 " SHA256 " 0\n"), NF_E_FORMAT,
		  "line 6: the member's offset leaves a gap or overlaps" },
		{ ONE("member nix-cache-info 512 1099511627777 " SHA256 " 0\n"),
		  NF_E_LIMIT,
		  "line 6: member 'nix-cache-info' ends beyond 1099511627776 bytes" },
		{ ONE("member nix-cache-info 512 21 " SHA256 " 1\n"), NF_E_FORMAT,
		  "line 6: member 'nix-cache-info' cannot have inodes" },
		{ ONE(INFO INFO), NF_E_FORMAT,
		  "line 7: member 'nix-cache-info' is out of order" },
		{ ONE("member nar/x 512 21 " SHA256 " 0\n"), NF_E_FORMAT,
		  "line 6: member 'nar/x' is out of order" },
		{ START SIZES INFO "member nar/x 1536 1 " SHA256 " 0\n"
				   "member " HASH ".narinfo 2560 1 " SHA256 " 0\nend\n",
		  NF_E_FORMAT, "line 8: member '" HASH ".narinfo' is out of order" },
		{ START "payload-size 4096\nblocks 1 " BLAKE "\n" INFO
			"member nar/x 1536 1 " SHA256 " 0\n"
			"member nar/x 2560 1 " SHA256 " 0\nend\n",
		  NF_E_FORMAT, "member 'nar/x' appears twice" },
		{ START SIZES INFO "member nar/x 1536 1 " SHA256 " 1099511627777\nend\n",
		  NF_E_LIMIT, "line 7: member 'nar/x' has 1099511627777 inodes" },
		{ NAME("/etc/passwd"), NF_E_FORMAT,
		  "line 7: wrong member name '/etc/passwd'" },
		{ NAME("nar/../x"), NF_E_FORMAT, "line 7: wrong member name 'nar/../x'" },
		{ NAME("nar/.."), NF_E_FORMAT, "line 7: wrong member name 'nar/..'" },
		{ NAME("nar/."), NF_E_FORMAT, "line 7: wrong member name 'nar/.'" },
		{ NAME("nar/"), NF_E_FORMAT, "line 7: wrong member name 'nar/'" },
		{ NAME("nar/a..b"), NF_E_FORMAT, "line 7: wrong member name 'nar/a..b'" },
		{ NAME("nar/a."), NF_E_FORMAT, "line 7: wrong member name 'nar/a.'" },
		{ NAME("nar/.a"), NF_E_FORMAT, "line 7: wrong member name 'nar/.a'" },
		{ NAME("nar/A"), NF_E_FORMAT, "line 7: wrong member name 'nar/A'" },
		{ NAME("nar/a/b"), NF_E_FORMAT, "line 7: wrong member name 'nar/a/b'" },
		{ NAME("nixferry/blocks"), NF_E_FORMAT,
		  "line 7: wrong member name 'nixferry/blocks'" },
		{ NAME("e" HASH ".narinfo"), NF_E_FORMAT,
		  "line 7: wrong member name 'e" HASH ".narinfo'" },
		{ NAME("e123456789abcdfghijklmnpqrsvwxyz.narinfo"), NF_E_FORMAT,
		  "line 7: wrong member name 'e123456789abcdfghijklmnpqrsvwxyz.narinfo'" },
		{ ONE(ROOTS), NF_E_FORMAT, "no member" },
		{ START "payload-size 4608\nblocks 1 " BLAKE " " BLAKE "\n", NF_E_FORMAT,
		  "line 5: too many fields" },
		{ START SIZES REQUIRED, NF_E_FORMAT,
		  "line 6: expected a root, a member or the end, in this order" },
		{ START2 "payload-size 4608\nblocks 1 " BLAKE "\n", NF_E_FORMAT,
		  "line 5: a field is missing" },
		{ START2 "payload-size 4608\nblocks 1 " BLAKE " 00\n", NF_E_FORMAT,
		  "line 5: not a SHA-256 digest" },
		{ TWO("series .x\nserial 1\n"), NF_E_FORMAT,
		  "line 6: not the name of a series" },
		{ TWO("series a/b\nserial 1\n"), NF_E_FORMAT,
		  "line 6: not the name of a series" },
		{ TWO("series web\n"), NF_E_FORMAT, "line 7: expected 'serial '" },
		{ TWO("series web\nserial 01\n"), NF_E_FORMAT, "line 7: not a number" },
		{ TWO("serial 1\n"), NF_E_FORMAT,
		  "line 6: expected a root, a member or the end, in this order" },
		{ TWO("expires 2027-02-29\n"), NF_E_FORMAT, "line 6: not a date" },
		{ TWO("expires 2027-13-01\n"), NF_E_FORMAT, "line 6: not a date" },
		{ TWO("expires 2027-1-1\n"), NF_E_FORMAT, "line 6: not a date" },
		{ TWO("expires 2027-00-10\n"), NF_E_FORMAT, "line 6: not a date" },
		{ TWO("note x\n"), NF_E_FORMAT, "line 6: not a note" },
		{ TWO("note x \n"), NF_E_FORMAT, "line 6: not a note" },
		{ TWO("note x \033[2J\n"), NF_E_FORMAT, "line 6: not a note" },
		{ TWO("note b c\nnote a c\n"), NF_E_FORMAT,
		  "line 7: a note out of order" },
		{ TWO("note a c\nnote a c\n"), NF_E_FORMAT,
		  "line 7: a note out of order" },
		{ TWO(REQUIRED REQUIRED), NF_E_FORMAT,
		  "line 7: a required path out of order" },
		{ TWO(REQUIRED ROOTS), NF_E_FORMAT,
		  "line 7: expected a root, a member or the end, in this order" },
		{ TWO("requires x " SHA256 "\n"), NF_E_FORMAT,
		  "line 6: 'x' is not a store path: it is too short" },
		{ TWO("requires " ROOT " 1\n"), NF_E_FORMAT,
		  "line 6: not a SHA-256 digest" },
		{ TWO(REWRITES REWRITES), NF_E_FORMAT,
		  "line 7: a hash part out of order" },
		{ TWO(REWRITES REQUIRED), NF_E_FORMAT,
		  "line 7: expected a root, a member or the end, in this order" },
		{ TWO("rewrites " HASH " x\n"), NF_E_FORMAT,
		  "line 6: not the hash part of a path" },
		{ TWO(REQUIRED INFO "member nar/x 1536 1 " SHA256 " 0 patch\n"),
		  NF_E_FORMAT, "line 8: a patch of nothing" },
		{ TWO(REQUIRED INFO "member nar/x 1536 1 " SHA256 " 0 patch " ROOT "\n"),
		  NF_E_FORMAT, "line 8: a patch of a path that is not required" },
		{ TWO(REQUIRED INFO "member nar/x 1536 1 " SHA256 " 0 patch " LIB " " LIB
				    "\n"),
		  NF_E_FORMAT, "line 8: a patch names a path twice" },
		{ TWO(REQUIRED "member nix-cache-info 512 21 " SHA256 " 0 patch " LIB
			       "\n"),
		  NF_E_FORMAT, "line 7: member 'nix-cache-info' cannot be a patch" },
		{ TWO("quorum 3\n"), NF_E_UNSUPPORTED,
		  "line 6: 'quorum' is not supported: a newer nixferry is needed" },
		{ TWO("Quorum 3\n"), NF_E_FORMAT,
		  "line 6: expected a root, a member or the end, in this order" },
		{ TWO(INFO "member nar/x 1536 1 " SHA256 " 0 lzip x\n"), NF_E_UNSUPPORTED,
		  "line 7: the NAR encoding 'lzip' is not supported: a newer nixferry is needed" },
		{ TWO(INFO "member nar/x 1536 1 " SHA256 " 0 \n"), NF_E_FORMAT,
		  "line 7: not a NAR encoding" },
		{ SOME, NF_E_FORMAT, "line 7: the manifest is truncated" },
		{ SOME "end", NF_E_FORMAT, "line 7: no line feed at the end" },
		{ SOME "end\n\n", NF_E_FORMAT, "line 7: unexpected text after the end" },
		{ SOME "end\n", NF_E_FORMAT,
		  "payload-size is 4608, but its members add up to 2048" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nf_err err = { 0 };
		struct manifest m;
		int rc = manifest_parse(&m, nf_slice_str(rows[i].text), &err);

		manifest_release(&m);
		assert_string_equal(err.text, rows[i].says);
		assert_int_equal(rc, -(int)rows[i].code);
	}
}

static void names_of_99_characters_fit(void **state)
{
	char text[4096];
	struct manifest m;

	(void)state;
	for (int digits = 94; digits <= 97; digits++) {
		int rc;

		snprintf(text, sizeof(text),
			 START "payload-size 3072\nblocks 1 " BLAKE "\n" INFO
			       "member nar/%0*d 1536 1 " SHA256 " 0\nend\n",
			 digits, 1);
		rc = manifest_parse(&m, nf_slice_str(text), NULL);
		assert_int_equal(rc, digits <= 95 ? 0 : -NF_E_FORMAT);
		manifest_release(&m);
	}
}

static void truncated_manifest_is_never_accepted(void **state)
{
	struct manifest m;

	(void)state;
	for (size_t len = 0; len < strlen(COMPLETE2); len++) {
		assert_int_not_equal(manifest_parse(&m, nf_slice(COMPLETE2, len), NULL),
				     0);
		manifest_release(&m);
	}
}

/* A change is refused or it is another manifest, with its own text. */
static void every_accepted_text_is_canonical(void **state)
{
	static const char bytes[] = " \n\t0129azA./-";
	char text[] = COMPLETE2;

	(void)state;
	for (size_t i = 0; i < strlen(COMPLETE2); i++)
		for (const char *c = bytes; *c; c++) {
			struct manifest m;
			struct buf again;

			text[i] = *c;
			buf_init(&again, MANIFEST_MAX);
			if (manifest_parse(&m, nf_slice_str(text), NULL) == 0) {
				manifest_format(&again, &m);
				assert_string_equal(again.ptr, text);
			}
			manifest_release(&m);
			buf_release(&again);
			text[i] = COMPLETE2[i];
		}
}

static void layout_gives_offsets_and_the_payload_size(void **state)
{
	struct nf_bundle_member members[] = {
		{ .name = "nix-cache-info", .size = 21 },
		{ .name = HASH ".narinfo", .size = 0 },
		{ .name = "nar/big.nar", .size = 9ULL << 30, .inodes = 1 },
		{ .name = "nar/last.nar", .size = 512, .inodes = 1 },
	};
	struct manifest m = { .members = members, .member_count = 4 };

	(void)state;
	assert_int_equal(manifest_layout(&m, NULL), 0);
	assert_int_equal(members[0].offset, 512);
	assert_int_equal(members[1].offset, 1536);
	assert_int_equal(members[2].offset, 1536 + 1536);
	assert_true(members[3].offset == 3072 + (9ULL << 30) + 512);
	assert_true(m.payload_size == members[3].offset + 512 + 1024);
}

static void layout_refuses_what_parse_refuses(void **state)
{
	static const struct {
		struct nf_bundle_member members[3];
		enum nf_error code;
		const char *says;
	} rows[] = {
		{ { { .name = "" } }, NF_E_FORMAT, "wrong member name ''" },
		{ { { .name = "nar/a" } },
		  NF_E_FORMAT,
		  "member 'nar/a' is out of order" },
		{ { { .name = "nix-cache-info" },
		    { .name = "nar/a" },
		    { .name = "nar/a" } },
		  NF_E_FORMAT,
		  "member 'nar/a' appears twice" },
		{ { { .name = "nix-cache-info" },
		    { .name = "nar/a", .size = 1ULL << 40 },
		    { .name = "nar/b", .size = 1 } },
		  NF_E_LIMIT,
		  "member 'nar/b' ends beyond 1099511627776 bytes" },
		{ { { .name = "nix-cache-info" },
		    { .name = "nar/a", .size = 1 },
		    { .name = "nar/b", .size = (1ULL << 40) - 2048 } },
		  NF_E_LIMIT,
		  "payload of 1099511629824 bytes, over the limit of 1099511627776" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nf_bundle_member members[3];
		struct manifest m = { .members = members };
		struct nf_err err;

		memcpy(members, rows[i].members, sizeof(members));
		m.member_count = members[2].name[0] ? 3 : 1;
		assert_int_equal(manifest_layout(&m, &err), -(int)rows[i].code);
		assert_string_equal(err.text, rows[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_is_read),
		cmocka_unit_test(the_terms_of_version_2_are_read),
		cmocka_unit_test(a_patch_names_what_it_is_made_from),
		cmocka_unit_test(parsed_texts_format_back),
		cmocka_unit_test(terms_are_written_in_one_order),
		cmocka_unit_test(each_fault_is_named),
		cmocka_unit_test(names_of_99_characters_fit),
		cmocka_unit_test(truncated_manifest_is_never_accepted),
		cmocka_unit_test(every_accepted_text_is_canonical),
		cmocka_unit_test(layout_gives_offsets_and_the_payload_size),
		cmocka_unit_test(layout_refuses_what_parse_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
