#include <nixferry/narinfo.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "expect.h"
#include "fake_sig.h"
#include "narinfo_vectors.h"

#define PATH_LINE "StorePath: /nix/store/sgii4f5h9d2lym14f3av1r80w53l9k82-tree\n"
#define URL_LINE  "URL: nar/x.nar\n"
#define HASH_LINE "NarHash: sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"
#define SIZE_LINE "NarSize: 1072\n"
/* Four lines: what must be there. */
#define MINIMAL PATH_LINE URL_LINE HASH_LINE SIZE_LINE
#define REF_A	"0jqd0rlxzra1rs38rdxl43yh6rxchgc6-a"
#define REF_B	"6w8g7njm4mck5dmjxws0z1xnrxvl81xa-b"

static void real_narinfos_survive_a_round_trip(void **state)
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
	assert_int_equal(ni.inodes, 0);
	assert_false(ni.has_xxh3);
	assert_int_equal(ni.level, 0);
	nf_narinfo_release(&ni);
}

static void missing_optional_fields_have_nix_defaults(void **state)
{
	static const char *const texts[] = {
		MINIMAL,
		MINIMAL "Compression: \nReferences: \nDeriver: unknown-deriver\nCA: \n",
		MINIMAL "Compression:\nReferences:\nDeriver:\nCA:\nFileSize: 0\n",
		/* Any order; unknown fields are ignored. */
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

static void responses_of_real_servers_are_understood(void **state)
{
	static const struct {
		const char *from;
		const char *text;
		const char *url;
	} rows[] = {
		{ "harmonia",
		  PATH_LINE
		  "URL: "
		  "nar/12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar?hash=sgii4f5h9d2lym14f3av1r80w53l9k82\nCompression: "
		  "none\n"
		  "FileHash: sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n"
		  "FileSize: 1072\n" HASH_LINE SIZE_LINE "References: \n",
		  "nar/12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar?hash=sgii4f5h9d2lym14f3av1r80w53l9k82" },
		{ "nix-serve",
		  PATH_LINE
		  "URL: "
		  "nar/sgii4f5h9d2lym14f3av1r80w53l9k82-12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar\n"
		  "Compression: none\n" HASH_LINE SIZE_LINE "References: \n",
		  "nar/sgii4f5h9d2lym14f3av1r80w53l9k82-12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx.nar" },
		{ "Cachix, with hexadecimal digits",
		  PATH_LINE
		  "URL: "
		  "nar/5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ecfb8a.nar.zst\nCompression: "
		  "zstd\n"
		  "NarHash: "
		  "sha256:5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ecfb8a\n" SIZE_LINE
		  "References: \n",
		  "nar/5d6abd8f4957424c186f7eeb3b60af6a57a4b65f6861f48284481f1a86ecfb8a.nar.zst" },
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

static void pool_fields_are_last_and_survive_a_round_trip(void **state)
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
	assert_int_equal(nf_narinfo_parse_pool(&ni, nf_slice_str(text), &err), 0);
	assert_int_equal(ni.inodes, 6);
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
		nf_narinfo_parse(
			&ni,
			NF_SLICE_LIT(MINIMAL "References: " REF_B " " REF_A " " REF_B "\n"
					     "Sig: b:" FAKE_SIG("x") "\nSig: a:" FAKE_SIG(
						     "x") "\nSig: b:" FAKE_SIG("x") "\n"),
			&err),
		0);
	assert_int_equal(ni.info.nrefs, 2);
	assert_true(nf_slice_is(ni.info.refs[0], REF_A));
	assert_int_equal(ni.info.nsigs, 2);
	assert_true(nf_slice_is(ni.info.sigs[0], "b:" FAKE_SIG("x")));
	nf_narinfo_release(&ni);
}

static void malformed_lines_are_refused_with_their_number(void **state)
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
		{ "URL:nar/x.nar\n", NF_E_FORMAT, "line 1: no space after 'URL:'" },
		{ MINIMAL PATH_LINE, NF_E_FORMAT, "line 5: a second StorePath" },
		{ MINIMAL HASH_LINE, NF_E_FORMAT, "line 5: a second NarHash" },
		{ MINIMAL SIZE_LINE, NF_E_FORMAT, "line 5: a second NarSize" },
		{ MINIMAL "References: " REF_A "\nReferences: " REF_A "\n", NF_E_FORMAT,
		  "line 6: References: a second one" },
		{ "StorePath: " REF_A "\n", NF_E_FORMAT,
		  "line 1: StorePath: '" REF_A
		  "' is not a store path: it is not in /nix/store" },
		{ "StorePath: /gnu/store/" REF_A "\n", NF_E_FORMAT,
		  "line 1: StorePath: '/gnu/store/" REF_A
		  "' is not a store path: it is not in /nix/store" },
		{ "StorePath: /nix/store/" REF_A "\r\n", NF_E_FORMAT,
		  "line 1: StorePath: '/nix/store/" REF_A
		  "\r' is not a store path: its name contains an invalid character" },
		{ "URL: \n", NF_E_FORMAT,
		  "line 1: URL: empty, or with a space or a character that is not printable ASCII" },
		{ "URL: a b\n", NF_E_FORMAT,
		  "line 1: URL: empty, or with a space or a character that is not printable ASCII" },
		{ "URL: a\r\n", NF_E_FORMAT,
		  "line 1: URL: empty, or with a space or a character that is not printable ASCII" },
		{ "NarSize: 0\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: -1\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: +-1\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: ++1\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: +\n", NF_E_FORMAT,
		  "line 1: NarSize: not a number of 1 or more" },
		{ "NarSize: +00\n", NF_E_FORMAT,
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
		  "line 1: NarSize: 1125899906842625 is over the limit of 1125899906842624" },
		{ "References: " REF_A "\t" REF_B "\n", NF_E_FORMAT,
		  "line 1: References: '" REF_A "\t" REF_B
		  "' is not a store path: its name contains an invalid character" },
		{ "References: /nix/store/" REF_A "\n", NF_E_FORMAT,
		  "line 1: References: '/nix/store/" REF_A
		  "' is not a store path: its hash part is not 32 characters of Nix32" },
		{ "NarHash: md5:d41d8cd98f00b204e9800998ecf8427e\n", NF_E_FORMAT,
		  "line 1: NarHash: md5, not sha256" },
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

static void unreadable_hints_are_ignored(void **state)
{
	static const char *const texts[] = {
		MINIMAL "FileSize: 1 \nFileHash: \nCompression: x z\n",
		MINIMAL "FileSize: -1\nFileHash: md5\nCompression: \033[2J\n",
		MINIMAL "FileSize: 1125899906842625\nFileHash: blake3:00\n",
		/* Of two, the last counts. */
		MINIMAL "URL: nar/y.nar\n" URL_LINE "FileSize: 1\nFileSize: 0\n"
			"Compression: xz\nCompression: \nCA: a\nCA: \n",
		MINIMAL "Deriver: " REF_A ".drv\nDeriver: \nReferences: \n"
			"References: \n",
		/* Outside a pool, these are meaningless. */
		MINIMAL "Nixferry-Nodes: 0\nNixferry-Level: 256\nNixferry-By-Store: 1\n"
			"Nixferry-Xxh3: 00\nNixferry-Nodes:5\n",
	};
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(texts[i]), &err), 0);
		assert_true(nf_slice_is(ni.url, "nar/x.nar"));
		assert_true(nf_slice_is(ni.compression, "bzip2"));
		assert_int_equal(ni.file_size, 0);
		assert_false(ni.has_file_hash);
		assert_int_equal(ni.info.ca.len + ni.info.deriver.len, 0);
		assert_int_equal(ni.inodes + ni.level, 0);
		assert_false(ni.by_store || ni.has_xxh3);
		nf_narinfo_release(&ni);
	}
}

static void sizes_are_read_as_nix_reads_them(void **state)
{
	static const char *const sizes[] = { "7", "+7", "07", "+007" };
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		AUTO_FREE char *text = mem_printf(
			PATH_LINE URL_LINE HASH_LINE "NarSize: %s\n", sizes[i]);

		assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(text), &err), 0);
		assert_int_equal(ni.info.nar_size, 7);
		nf_narinfo_release(&ni);
	}
}

static void fields_not_readable_by_every_nix_are_dropped(void **state)
{
	static const struct {
		const char *line;
		const char *sig; /* that is kept of it */
	} rows[] = {
		{ "Sig: ", NULL },
		{ "Sig: a", NULL },
		{ "Sig: a:", NULL },
		{ "Sig: :" FAKE_SIG("x"), NULL },
		{ "Sig: a:b:" FAKE_SIG("x"), NULL },
		{ "Sig: a b:" FAKE_SIG("x"), NULL },
		{ "Sig: \303\251:" FAKE_SIG("x"), NULL },
		{ "Sig: \033[2J:" FAKE_SIG("x"), NULL },
		{ "Sig: a:%%%", NULL },
		{ "Sig: a:=", NULL },
		{ "Sig: a:" FAKE_SIG("-"), NULL },
		{ "Sig: a:AAAA", NULL },
		{ "Sig: a:AA" FAKE_SIG("x"), NULL },
		{ "Deriver: /nix/store/" REF_A ".drv", NULL },
		{ "Deriver: " REF_A, NULL },
		{ "Deriver: ../" REF_A ".drv", NULL },
		{ "Deriver: x.drv", NULL },
		{ "CA: a b", NULL },
		{ "Sig: a:" FAKE_SIG("x"), "a:" FAKE_SIG("x") },
		{ "Sig: a/b.c@d-1:" FAKE_SIG("+"), "a/b.c@d-1:" FAKE_SIG("+") },
		/* What Nix reads leniently. */
		{ "Sig: a:" FAKE_SIG("x") " ", "a:" FAKE_SIG("x") },
		{ "Sig: a:" FAKE_SIG("x") "\r", "a:" FAKE_SIG("x") },
		{ "Sig: a:" FAKE_SIG("x") "=?", "a:" FAKE_SIG("x") },
		{ "Sig: a:" FAKE_SIG_20("yyyy") "yyyyyP", "a:" FAKE_SIG("y") },
	};
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *text = mem_printf("%s%s\nSig: z:" FAKE_SIG("z") "\n",
						  MINIMAL, rows[i].line);
		size_t kept = rows[i].sig ? 1 : 0;

		assert_int_equal(nf_narinfo_parse(&ni, nf_slice_str(text), &err), 0);
		assert_int_equal(ni.info.nsigs, 1 + kept);
		assert_int_equal(ni.info.left_out, 1 - kept);
		assert_int_equal(ni.info.deriver.len, 0);
		if (kept)
			assert_true(nf_slice_is(ni.info.sigs[0], rows[i].sig));
		assert_true(nf_slice_is(ni.info.sigs[kept], "z:" FAKE_SIG("z")));
		nf_narinfo_release(&ni);
	}
}

static void a_pool_refuses_fields_of_its_own_that_are_malformed(void **state)
{
	static const struct {
		const char *line;
		enum nf_error code;
		const char *error;
	} rows[] = {
		{ "Nixferry-Nodes: 0\n", NF_E_FORMAT,
		  "line 1: Nixferry-Nodes: not a number of 1 or more" },
		{ "Nixferry-Level: 256\n", NF_E_LIMIT,
		  "line 1: Nixferry-Level: 256 is over the limit of 255" },
		{ "Nixferry-By-Store: 0\n", NF_E_FORMAT,
		  "line 1: Nixferry-By-Store: not 1" },
		{ "Nixferry-Xxh3: 00\n", NF_E_FORMAT,
		  "line 1: Nixferry-Xxh3: not 32 hexadecimal digits" },
		{ "Nixferry-Nodes: 1\nNixferry-Nodes: 1\n", NF_E_FORMAT,
		  "line 2: a second Nixferry-Nodes" },
	};
	struct nf_narinfo ni;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = nf_narinfo_parse_pool(&ni, nf_slice_str(rows[i].line), &err);

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
		{ "NarHash: blake3:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx\n",
		  NF_E_UNSUPPORTED, "line 1: NarHash: " },
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
			NF_E_FORMAT, "it contains a NUL");
		text[i] = was;
		nf_narinfo_release(&ni);
	}
}

static void limits_are_enforced(void **state)
{
	char *text = mem_alloc(NARINFO_MAX + 1);
	struct nf_narinfo ni;
	struct nf_err err;
	struct buf out;

	(void)state;
	memset(text, 'x', NARINFO_MAX + 1);
	expect_error(err, nf_narinfo_parse(&ni, nf_slice(text, NARINFO_MAX + 1), &err),
		     NF_E_LIMIT, "5242881 bytes, over the limit of 5242880");
	nf_narinfo_release(&ni);

	buf_init(&out, NARINFO_MAX);
	buf_addf(&out, "URL: %.*s\n", (int)(8 * KIB + 1), text);
	expect_error(err, nf_narinfo_parse(&ni, buf_slice(&out), &err), NF_E_LIMIT,
		     "line 1: URL: 8193 bytes, over the limit of 8192");
	nf_narinfo_release(&ni);

	buf_clear(&out);
	buf_add_str(&out, "References:");
	for (size_t i = 0; i < 4 * MIB / 35 + 1; i++)
		buf_addf(&out, " %032zu-x", i);
	buf_add_str(&out, "\n");
	expect_error(err, nf_narinfo_parse(&ni, buf_slice(&out), &err), NF_E_LIMIT,
		     "line 1: References: more than 4194304 bytes of references");
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
		  "it describes 'sgii4f5h9d2lym14f3av1r80w53l9k82-tree', not 'sgii4f5h9d2lym14f3av1r80w53l9k82-three'" },
		{ "0gii4f5h9d2lym14f3av1r80w53l9k82-tree",
		  "it describes 'sgii4f5h9d2lym14f3av1r80w53l9k82-tree', not '0gii4f5h9d2lym14f3av1r80w53l9k82-tree'" },
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

static void text_is_copied(void **state)
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

static void cache_info_is_read(void **state)
{
	static const struct {
		const char *text;
		struct nf_cache_info want;
	} rows[] = {
		{ "", { "", false, false, 0 } },
		{ "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n",
		  { "/nix/store", true, true, 40 } },
		{ "StoreDir:/nix/store\r\n\tPriority: 1\nPriority:  -7 \nWantMassQuery: 0",
		  { "/nix/store", false, true, -7 } },
		{ "<html>\nStoreDir\nFoo: bar\n", { "", false, false, 0 } },
		{ "StoreDir: /gnu/store", { "/gnu/store", false, false, 0 } },
		{ "Priority: 0\n", { "", false, true, 0 } },
		{ "Priority: 10.5\n", { "", false, true, 10 } },
		{ "Priority: +05 of 10\n", { "", false, true, 5 } },
		{ "Priority: 0x10\n", { "", false, true, 0 } },
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

static void malformed_cache_info_is_refused(void **state)
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
		NF_E_FORMAT, "it contains a NUL");
	memset(text + strlen(text), 'a', 255);
	expect_error(err, nf_cache_info_parse(&ci, nf_slice_str(text), &err), NF_E_LIMIT,
		     "line 1: StoreDir: 256 bytes, over the limit of 255");
	large = mem_calloc(1, 64 * KIB + 1);
	expect_error(err, nf_cache_info_parse(&ci, nf_slice(large, 64 * KIB + 1), &err),
		     NF_E_LIMIT, "65537 bytes, over the limit of 65536");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_narinfos_survive_a_round_trip),
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(missing_optional_fields_have_nix_defaults),
		cmocka_unit_test(responses_of_real_servers_are_understood),
		cmocka_unit_test(pool_fields_are_last_and_survive_a_round_trip),
		cmocka_unit_test(references_and_signatures_are_put_in_order),
		cmocka_unit_test(malformed_lines_are_refused_with_their_number),
		cmocka_unit_test(unreadable_hints_are_ignored),
		cmocka_unit_test(sizes_are_read_as_nix_reads_them),
		cmocka_unit_test(fields_not_readable_by_every_nix_are_dropped),
		cmocka_unit_test(a_pool_refuses_fields_of_its_own_that_are_malformed),
		cmocka_unit_test(a_hash_that_cannot_be_read_is_refused),
		cmocka_unit_test(a_nul_anywhere_is_refused),
		cmocka_unit_test(limits_are_enforced),
		cmocka_unit_test(an_answer_for_another_path_is_refused),
		cmocka_unit_test(text_is_copied),
		cmocka_unit_test(a_parse_takes_few_allocations),
		cmocka_unit_test(cache_info_is_read),
		cmocka_unit_test(malformed_cache_info_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
