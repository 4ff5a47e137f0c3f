#include <nixferry/narinfo.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "expect.h"
#include "narinfo_vectors.h"

#define PATH_LINE "StorePath: /nix/store/sgii4f5h9d2lym14f3av1r80w53l9k82-tree\n"
#define URL_LINE  "URL: nar/x.nar\n"
#define HASH_LINE "NarHash: sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"
#define SIZE_LINE "NarSize: 1072\n"
/* Four lines: what must be there. */
#define MINIMAL PATH_LINE URL_LINE HASH_LINE SIZE_LINE
#define REF_A	"0jqd0rlxzra1rs38rdxl43yh6rxchgc6-a"
#define REF_B	"6w8g7njm4mck5dmjxws0z1xnrxvl81xa-b"

static void real_ones_are_printed_as_they_were(void **state)
{
	static const char *const texts[] = { NARINFO_CURL, NARINFO_HELLO, NARINFO_RIPGREP,
					     NARINFO_TREE };
	struct nf_narinfo ni;
	struct nf_err err;
	size_t len;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(texts[i]), &err), 0);
		text = nf_narinfo_format(&ni, &len);
		assert_string_equal(text, texts[i]);
		assert_int_equal(len, strlen(texts[i]));
		free(text);
		nf_narinfo_release(&ni);
	}
}

static void every_field_is_read(void **state)
{
	char hash[NF_HASH_TEXT_MAX];
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_narinfo_parse(&ni, NF_SLICE_LIT(NARINFO_CURL), &err), 0);
	assert_string_equal(ni.info.path.base,
			    "syd87l2rxw8cbsxmxl853h0r6pdwhwjr-curl-7.82.0-bin");
	assert_true(nf_slice_is(
		ni.url,
		"nar/05ra3y72i3qjri7xskf9qj8kb29r6naqy1sqpbs3azi3xcigmj56.nar.xz"));
	assert_true(nf_slice_is(ni.compression, "xz"));
	assert_true(ni.has_file_hash);
	assert_string_equal(
		nf_hash_format(hash, &ni.file_hash, NF_NIX32),
		"sha256:05ra3y72i3qjri7xskf9qj8kb29r6naqy1sqpbs3azi3xcigmj56");
	assert_int_equal(ni.file_size, 68852);
	assert_string_equal(
		nf_hash_format(hash, &ni.info.nar_hash, NF_NIX32),
		"sha256:1b4sb93wp679q4zx9k1ignby1yna3z7c4c2ri3wphylbc2dwsys0");
	assert_int_equal(ni.info.nar_size, 196040);
	assert_int_equal(ni.info.nrefs, 4);
	assert_true(nf_slice_is(ni.info.deriver,
				"5rwxzi7pal3qhpsyfc16gzkh939q1np6-curl-7.82.0.drv"));
	assert_int_equal(ni.info.nsigs, 1);
	assert_int_equal(ni.info.ca.len, 0);
	assert_int_equal(ni.nodes, 0);
	assert_false(ni.has_xxh3);
	assert_int_equal(ni.level, 0);
	nf_narinfo_release(&ni);
}

static void what_need_not_be_there_has_nixs_defaults(void **state)
{
	static const char *const texts[] = {
		MINIMAL,
		MINIMAL "Compression: \nReferences: \nDeriver: unknown-deriver\nCA: \n",
		MINIMAL "Compression:\nReferences:\nDeriver:\nCA:\nFileSize: 0\n",
		/* Any order; what is unknown is no matter. */
		SIZE_LINE HASH_LINE "System: x86_64-linux\nSystem:again\n" URL_LINE
				    "Nar: 1\n:\nreferences: x\n" PATH_LINE,
	};
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(texts[i]), &err), 0);
		assert_true(nf_slice_is(ni.compression, "bzip2"));
		assert_false(ni.has_file_hash);
		assert_int_equal(ni.file_size, 0);
		assert_int_equal(ni.info.nrefs, 0);
		assert_int_equal(ni.info.nsigs, 0);
		assert_int_equal(ni.info.deriver.len, 0);
		assert_int_equal(ni.info.ca.len, 0);
		nf_narinfo_release(&ni);
	}
}

static void what_servers_send_is_understood(void **state)
{
	static const struct {
		const char *from;
		const char *text;
		const char *url;
	} rows[] = {
		{ "harmonia",
		  PATH_LINE
		  "URL: "
		  "nar/12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar?hash="
		  "sgii4f5h9d2lym14f3av1r80w53l9k82\nCompression: none\n"
		  "FileHash: sha256:"
		  "12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"
		  "FileSize: 1072\n" HASH_LINE SIZE_LINE "References: \n",
		  "nar/12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar?hash="
		  "sgii4f5h9d2lym14f3av1r80w53l9k82" },
		{ "nix-serve",
		  PATH_LINE "URL: nar/sgii4f5h9d2lym14f3av1r80w53l9k82-"
			    "12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar\n"
			    "Compression: none\n" HASH_LINE SIZE_LINE "References: \n",
		  "nar/sgii4f5h9d2lym14f3av1r80w53l9k82-"
		  "12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar" },
		{ "Cachix, with hexadecimal digits",
		  PATH_LINE "URL: nar/"
			    "5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ec"
			    "fb8a.nar.zst\nCompression: zstd\n"
			    "NarHash: sha256:"
			    "5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ec"
			    "fb8a\n" SIZE_LINE "References: \n",
		  "nar/5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ecfb8a."
		  "nar.zst" },
		{ "an absolute URL, an SRI hash",
		  PATH_LINE
		  "URL: https://cdn.example/x.nar.br?a=b:c\n"
		  "Compression: br\n"
		  "NarHash: sha256-XWq9j0lXQkwYb37rO2Cvalektl9oYfSChEgfGobs+4o=\n"
		  "" SIZE_LINE "References: \n",
		  "https://cdn.example/x.nar.br?a=b:c" },
	};
	char hash[NF_HASH_TEXT_MAX];
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(rows[i].text), &err),
				 0);
		assert_true(nf_slice_is(ni.url, rows[i].url));
		assert_string_equal(
			nf_hash_format(hash, &ni.info.nar_hash, NF_NIX32),
			"sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx");
		nf_narinfo_release(&ni);
	}
}

static void a_pools_own_fields_come_last_and_return(void **state)
{
	static const char text[] =
		NARINFO_TREE "Nixferry-Nodes: 6\n"
			     "Nixferry-Xxh3: 000102030405060708090a0b0c0d0eff\n"
			     "Nixferry-Level: 19\n"
			     "Nixferry-By-Store: 1\n";
	struct nf_narinfo ni;
	struct nf_err err;
	size_t len;
	char *again;

	(void)state;
	assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(text), &err), 0);
	assert_int_equal(ni.nodes, 6);
	assert_true(ni.has_xxh3);
	assert_int_equal(ni.xxh3[15], 0xff);
	assert_int_equal(ni.level, 19);
	assert_true(ni.by_store);
	again = nf_narinfo_format(&ni, &len);
	assert_string_equal(again, text);
	free(again);
	nf_narinfo_release(&ni);
}

static void references_and_signatures_are_put_in_order(void **state)
{
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	assert_int_equal(
		nf_narinfo_parse(&ni,
				 NF_SLICE_LIT(MINIMAL "References: " REF_B " " REF_A
						      " " REF_B "\n"
						      "Sig: b:x\nSig: a:x\nSig: b:x\n"),
				 &err),
		0);
	assert_int_equal(ni.info.nrefs, 2);
	assert_true(nf_slice_is(ni.info.refs[0], REF_A));
	assert_int_equal(ni.info.nsigs, 2);
	assert_true(nf_slice_is(ni.info.sigs[0], "b:x"));
	nf_narinfo_release(&ni);
}

static void what_is_malformed_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		enum nf_error code;
		const char *error;
	} rows[] = {
		{ "", NF_E_FORMAT, "no StorePath" },
		{ URL_LINE HASH_LINE SIZE_LINE, NF_E_FORMAT, "no StorePath" },
		{ PATH_LINE HASH_LINE SIZE_LINE, NF_E_FORMAT, "no URL" },
		{ PATH_LINE URL_LINE SIZE_LINE, NF_E_FORMAT, "no NarHash" },
		{ PATH_LINE URL_LINE HASH_LINE, NF_E_FORMAT, "no NarSize" },
		{ PATH_LINE URL_LINE HASH_LINE "NarSize: 1072", NF_E_FORMAT,
		  "line 4: no line feed" },
		{ MINIMAL "\n", NF_E_FORMAT, "line 5: no ':'" },
		{ MINIMAL "Sig\n", NF_E_FORMAT, "line 5: no ':'" },
		{ "<html>\n", NF_E_FORMAT, "line 1: no ':'" },
		{ "URL:nar/x.nar\n", NF_E_FORMAT, "line 1: no space behind 'URL:'" },
		{ MINIMAL PATH_LINE, NF_E_FORMAT, "line 5: a second StorePath" },
		{ MINIMAL URL_LINE, NF_E_FORMAT, "line 5: a second URL" },
		{ MINIMAL HASH_LINE, NF_E_FORMAT, "line 5: a second NarHash" },
		{ MINIMAL SIZE_LINE, NF_E_FORMAT, "line 5: a second NarSize" },
		{ MINIMAL "References: \nReferences: \n", NF_E_FORMAT,
		  "line 6: a second References" },
		{ MINIMAL "CA: \nCA: \n", NF_E_FORMAT, "line 6: a second CA" },
		{ MINIMAL "Compression: xz\nCompression: xz\n", NF_E_FORMAT,
		  "line 6: a second Compression" },
		{ MINIMAL "Deriver: " REF_A "\nDeriver: " REF_A "\n", NF_E_FORMAT,
		  "line 6: a second Deriver" },
		{ MINIMAL "FileSize: 1\nFileSize: 1\n", NF_E_FORMAT,
		  "line 6: a second FileSize" },
		{ "StorePath: " REF_A "\n", NF_E_FORMAT,
		  "line 1: StorePath: '" REF_A "' is no store path: it is not in "
		  "/nix/store" },
		{ "StorePath: /gnu/store/" REF_A "\n", NF_E_FORMAT,
		  "line 1: StorePath: '/gnu/store/" REF_A "' is no store path: it is not "
		  "in /nix/store" },
		{ "StorePath: /nix/store/" REF_A "\r\n", NF_E_FORMAT,
		  "line 1: StorePath: '/nix/store/" REF_A "\r' is no store path: its "
		  "name has a character that names cannot have" },
		{ "URL: \n", NF_E_FORMAT,
		  "line 1: URL: empty, or with a space or a character that is not "
		  "printable ASCII" },
		{ "URL: a b\n", NF_E_FORMAT,
		  "line 1: URL: empty, or with a space or a character that is not "
		  "printable ASCII" },
		{ "URL: a\r\n", NF_E_FORMAT,
		  "line 1: URL: empty, or with a space or a character that is not "
		  "printable ASCII" },
		{ "Compression: x z\n", NF_E_FORMAT, "line 1: Compression: not a name" },
		{ "NarSize: 0\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: -1\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: 01\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: 0x1\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: \n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize:  1\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: 18446744073709551617\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: 1125899906842625\n", NF_E_LIMIT,
		  "line 1: NarSize: 1125899906842625 is over 1125899906842624" },
		{ "FileSize: 1 \n", NF_E_FORMAT,
		  "line 1: FileSize: not a number of 0 or more" },
		{ "References: " REF_A "\t" REF_B "\n", NF_E_FORMAT,
		  "line 1: References: '" REF_A "\t" REF_B "' is no store path: its name "
		  "has a character that names cannot have" },
		{ "References: /nix/store/" REF_A "\n", NF_E_FORMAT,
		  "line 1: References: '/nix/store/" REF_A "' is no store path: its hash "
		  "part is not 32 characters of Nix32" },
		{ "Deriver: /nix/store/" REF_A "\n", NF_E_FORMAT,
		  "line 1: Deriver: '/nix/store/" REF_A "' is no store path: its hash "
		  "part is not 32 characters of Nix32" },
		{ "Sig: \n", NF_E_FORMAT, "line 1: Sig: not NAME:BASE64" },
		{ "Sig: a\n", NF_E_FORMAT, "line 1: Sig: not NAME:BASE64" },
		{ "Sig: a:\n", NF_E_FORMAT, "line 1: Sig: not NAME:BASE64" },
		{ "Sig: :a\n", NF_E_FORMAT, "line 1: Sig: not NAME:BASE64" },
		{ "Sig: a:b c\n", NF_E_FORMAT, "line 1: Sig: not NAME:BASE64" },
		{ "Sig: \033[2J:b\n", NF_E_FORMAT, "line 1: Sig: not NAME:BASE64" },
		{ "CA: a b\n", NF_E_FORMAT, "line 1: CA: not a content address" },
		{ "NarHash: md5:d41d8cd98f00b204e9800998ecf8427e\n", NF_E_FORMAT,
		  "line 1: NarHash: md5, not sha256" },
		{ "Nixferry-Nodes: 0\n", NF_E_FORMAT,
		  "line 1: Nixferry-Nodes: not a number of 1 or more" },
		{ "Nixferry-Level: 256\n", NF_E_LIMIT,
		  "line 1: Nixferry-Level: 256 is over 255" },
		{ "Nixferry-By-Store: 0\n", NF_E_FORMAT,
		  "line 1: Nixferry-By-Store: not 1" },
		{ "Nixferry-Xxh3: 00\n", NF_E_FORMAT,
		  "line 1: Nixferry-Xxh3: not 32 hexadecimal digits" },
	};
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = nf_narinfo_parse(&ni, nf_slice_str(rows[i].text), &err);

		expect_error(err, rc, rows[i].code, rows[i].error);
		nf_narinfo_release(&ni);
	}
}

static void a_hash_that_cannot_be_read_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum nf_error code;
		const char *begins;
	} rows[] = {
		{ "NarHash: \n", NF_E_FORMAT, "line 1: NarHash: " },
		{ "NarHash: sha256:12\n", NF_E_FORMAT, "line 1: NarHash: " },
		/* Without an algorithm. */
		{ "NarHash: 12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n",
		  NF_E_FORMAT, "line 1: NarHash: " },
		{ "NarHash: "
		  "blake3:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n",
		  NF_E_UNSUPPORTED, "line 1: NarHash: " },
		{ "FileHash: \n", NF_E_FORMAT, "line 1: FileHash: " },
	};
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(rows[i].text), &err),
				 -(int)rows[i].code);
		assert_memory_equal(err.text, rows[i].begins, strlen(rows[i].begins));
		nf_narinfo_release(&ni);
	}
}

static void a_nul_anywhere_is_refused(void **state)
{
	char text[] = NARINFO_TREE;
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		char was = text[i];

		text[i] = '\0';
		expect_error(
			err,
			nf_narinfo_parse(&ni, nf_slice(text, sizeof(text) - 1), &err),
			NF_E_FORMAT, "it has a NUL");
		text[i] = was;
		nf_narinfo_release(&ni);
	}
}

static void the_limits_hold(void **state)
{
	char *text = mem_alloc(3 * MIB);
	struct nf_narinfo ni;
	struct nf_err err;
	struct buf out;

	(void)state;
	memset(text, 'x', 3 * MIB);
	expect_error(err, nf_narinfo_parse(&ni, nf_slice(text, 2 * MIB + 1), &err),
		     NF_E_LIMIT, "2097153 bytes, over 2097152");
	nf_narinfo_release(&ni);

	buf_init(&out, 3 * MIB);
	buf_addf(&out, "URL: %.*s\n", (int)(8 * KIB + 1), text);
	expect_error(err, nf_narinfo_parse(&ni, buf_slice(&out), &err), NF_E_LIMIT,
		     "line 1: URL: 8193 bytes, over 8192");
	nf_narinfo_release(&ni);

	buf_clear(&out);
	buf_add_str(&out, "References:");
	for (size_t i = 0; i < 16 * KIB + 1; i++)
		buf_addf(&out, " %032zu-x", i);
	buf_add_str(&out, "\n");
	expect_error(err, nf_narinfo_parse(&ni, buf_slice(&out), &err), NF_E_LIMIT,
		     "line 1: References: 16385 references, over 16384");
	nf_narinfo_release(&ni);

	buf_clear(&out);
	for (size_t i = 0; i < 65; i++)
		buf_addf(&out, "Sig: k:%zu\n", i);
	expect_error(err, nf_narinfo_parse(&ni, buf_slice(&out), &err), NF_E_LIMIT,
		     "line 65: Sig: more than 64 signatures");
	nf_narinfo_release(&ni);
	buf_release(&out);
	free(text);
}

static void an_answer_for_another_path_is_refused(void **state)
{
	static const struct {
		const char *wanted;
		const char *error; /* NULL: it is the one */
	} rows[] = {
		{ "sgii4f5h9d2lym14f3av1r80w53l9k82-tree", NULL },
		{ "sgii4f5h9d2lym14f3av1r80w53l9k82-three",
		  "it describes 'sgii4f5h9d2lym14f3av1r80w53l9k82-tree', not "
		  "'sgii4f5h9d2lym14f3av1r80w53l9k82-three'" },
		{ "0gii4f5h9d2lym14f3av1r80w53l9k82-tree",
		  "it describes 'sgii4f5h9d2lym14f3av1r80w53l9k82-tree', not "
		  "'0gii4f5h9d2lym14f3av1r80w53l9k82-tree'" },
	};
	struct nf_storepath wanted;
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc;

		assert_int_equal(nf_storepath_parse_base(
					 &wanted, nf_slice_str(rows[i].wanted), &err),
				 0);
		rc = nf_narinfo_parse_for(&ni, &wanted, NF_SLICE_LIT(NARINFO_TREE), &err);
		if (rows[i].error)
			expect_error(err, rc, NF_E_FORMAT, rows[i].error);
		else
			assert_int_equal(rc, 0);
		nf_narinfo_release(&ni);
	}
}

static void the_text_is_copied(void **state)
{
	char *text = mem_strdup(NARINFO_TREE);
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(text), &err), 0);
	memset(text, 'x', strlen(text));
	free(text);
	assert_true(nf_slice_is(ni.compression, "zstd"));
	assert_true(nf_slice_is(ni.info.sigs[0], TREE_SIG));
	assert_true(nf_slice_is(ni.info.ca, TREE_CA));
	nf_narinfo_release(&ni);
}

static void a_parse_takes_few_allocations(void **state)
{
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_narinfo_parse(&ni, NF_SLICE_LIT(NARINFO_CURL), &err), 0);
	assert_in_range(ni.info.arena->total, strlen(NARINFO_CURL),
			2 * strlen(NARINFO_CURL) + 512);
	nf_narinfo_release(&ni);
}

/* ---- nix-cache-info ---- */

static void a_cache_tells_of_itself(void **state)
{
	static const struct {
		const char *text;
		struct nf_cache_info want;
	} rows[] = {
		{ "", { "", false, false, 0 } },
		{ "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n",
		  { "/nix/store", true, true, 40 } },
		{ "StoreDir:/nix/store\r\n\tPriority: 1\nPriority:  -7 \nWantMassQuery: "
		  "0",
		  { "/nix/store", false, true, -7 } },
		{ "<html>\nStoreDir\nFoo: bar\n", { "", false, false, 0 } },
		{ "StoreDir: /gnu/store", { "/gnu/store", false, false, 0 } },
		{ "Priority: 0\n", { "", false, true, 0 } },
		{ "StoreDir:\n", { "", false, false, 0 } },
	};
	struct nf_cache_info ci;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			nf_cache_info_parse(&ci, nf_slice_str(rows[i].text), &err), 0);
		assert_string_equal(ci.store_dir, rows[i].want.store_dir);
		assert_int_equal(ci.want_mass_query, rows[i].want.want_mass_query);
		assert_int_equal(ci.has_priority, rows[i].want.has_priority);
		assert_int_equal(ci.priority, rows[i].want.priority);
	}
}

static void a_cache_info_that_makes_no_sense_is_refused(void **state)
{
	char text[400] = "StoreDir: /";
	struct nf_cache_info ci;
	struct nf_err err;
	char *large;

	(void)state;
	expect_error(err,
		     nf_cache_info_parse(&ci, NF_SLICE_LIT("a\nPriority: high\n"), &err),
		     NF_E_FORMAT, "line 2: Priority: not a number");
	expect_error(err,
		     nf_cache_info_parse(&ci, NF_SLICE_LIT("Priority: 2147483648"), &err),
		     NF_E_FORMAT, "line 1: Priority: not a number");
	expect_error(
		err,
		nf_cache_info_parse(&ci, NF_SLICE_LIT("StoreDir: /nix/store\0x"), &err),
		NF_E_FORMAT, "it has a NUL");
	memset(text + strlen(text), 'a', 255);
	expect_error(err, nf_cache_info_parse(&ci, nf_slice_str(text), &err), NF_E_LIMIT,
		     "line 1: StoreDir: 256 bytes, over 255");
	large = mem_calloc(1, 64 * KIB + 1);
	expect_error(err, nf_cache_info_parse(&ci, nf_slice(large, 64 * KIB + 1), &err),
		     NF_E_LIMIT, "65537 bytes, over 65536");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_ones_are_printed_as_they_were),
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(what_need_not_be_there_has_nixs_defaults),
		cmocka_unit_test(what_servers_send_is_understood),
		cmocka_unit_test(a_pools_own_fields_come_last_and_return),
		cmocka_unit_test(references_and_signatures_are_put_in_order),
		cmocka_unit_test(what_is_malformed_is_refused_with_its_line),
		cmocka_unit_test(a_hash_that_cannot_be_read_is_refused),
		cmocka_unit_test(a_nul_anywhere_is_refused),
		cmocka_unit_test(the_limits_hold),
		cmocka_unit_test(an_answer_for_another_path_is_refused),
		cmocka_unit_test(the_text_is_copied),
		cmocka_unit_test(a_parse_takes_few_allocations),
		cmocka_unit_test(a_cache_tells_of_itself),
		cmocka_unit_test(a_cache_info_that_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
