#include "format/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "expect.h"
#include "nar_script.h"

#define HELLO	   "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-f"
#define HELLO_NAR  "sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw"
#define HELLO_FLAT "fixed:sha256:00xyyr3fi8l6hb839bv3f7yb86yjv7xi1cgh1xnhipym4asvb4aq"
#define SHA512_TEXT                                                                      \
	"sha512:"                                                                        \
	"0lrc0dwnvipqviibf7qfm1y492qvjwb1zhkcyi05cndmva1mr5gjcgrnz1x36djmk0sfg8djd2n0qv" \
	"68vib2jg590mwznar9jcjphp7"

/* What `nix store make-content-addressed` of Nix 2.8 made of a tree that names itself. */
#define SELF_HASH "ljsmij84815hdi4q4jkaal94j69qngjz"
#define SELF_CA	  "fixed:r:sha256:18axy2zf0jfycsf6k9w3pzfghbk1hmxxc7a3z0qbdfg837iay3dl"
#define SELF_NAR                                                                         \
	NAR_DIR NAR_ENTRY("link", NAR_LINK("/nix/store/" SELF_HASH "-self/x"))           \
		NAR_ENTRY("x", NAR_FILE("me_/nix/store/" SELF_HASH                       \
					"-self/x~" SELF_HASH SELF_HASH                   \
					"_and_a0ccccccccccccccccccccccccccccc~")) " )"

/* The derivation of vb6vg83jvp637nz5cjshmyxq1p1dq36i-x.drv. */
static const char drv[] =
	"Derive([(\"out\",\"/nix/store/w1jvvqlxyx90n4pidwgillb3jh75zmzi-x\",\"\",\"\")],[],[\"/nix/store/xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-f\"],\"x86_64-linux\",\"/bin/sh\",[\"-c\",\"echo "
	"hi > "
	"$out\"],[(\"builder\",\"/bin/sh\"),(\"name\",\"x\"),(\"out\",\"/nix/store/w1jvvqlxyx90n4pidwgillb3jh75zmzi-x\"),(\"outputs\",\"out\"),(\"src\",\"/nix/store/xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-f\"),(\"system\",\"x86_64-linux\")])";

#define DRV    "vb6vg83jvp637nz5cjshmyxq1p1dq36i-x.drv"
#define DRV_CA "text:sha256:0dva5zk3g6lmlgdlx7xaw539apmb8kbxz5h5vaj0nl0rhlpr7cn4"

static void make_info(struct nf_pathinfo *info, const char *base, const char *ca,
		      const char *refs)
{
	struct nf_slice list = nf_slice_str(refs);

	nf_pathinfo_init(info);
	assert_int_equal(nf_storepath_parse_base(&info->path, nf_slice_str(base), NULL),
			 0);
	nf_pathinfo_set_ca(info, nf_slice_str(ca));
	while (list.len) {
		size_t len = strcspn(list.ptr, " ");

		assert_int_equal(nf_pathinfo_add_ref(info, nf_slice(list.ptr, len), NULL),
				 0);
		list.ptr += len;
		list.len -= len;
		if (list.len) {
			list.ptr++;
			list.len--;
		}
	}
}

/* ---- text ---- */

static void content_address_parses_and_formats(void **state)
{
	static const struct {
		const char *text;
		enum ca_method method;
		enum nf_hash_algo algo;
		const char *canonical; /* NULL: the same */
	} rows[] = {
		{ DRV_CA, CA_TEXT, NF_SHA256, NULL },
		{ HELLO_FLAT, CA_FLAT, NF_SHA256, NULL },
		{ "fixed:r:" HELLO_NAR, CA_NAR, NF_SHA256, NULL },
		{ "fixed:" SHA512_TEXT, CA_FLAT, NF_SHA512, NULL },
		{ "fixed:r:sha1:wz60bbf44cw7nswp1wv8vcsyfg155sqd", CA_NAR, NF_SHA1,
		  NULL },
		{ "fixed:r:md5:4ycxcbh0ac0abr4zxw23l6isnk", CA_NAR, NF_MD5, NULL },
		{ "fixed:sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
		  CA_FLAT, NF_SHA256, HELLO_FLAT },
		{ "fixed:sha256:WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM=", CA_FLAT,
		  NF_SHA256, HELLO_FLAT },
	};
	char text[CA_TEXT_MAX];
	struct nf_err err;
	struct ca ca;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *want = rows[i].canonical ? rows[i].canonical : rows[i].text;

		assert_int_equal(ca_parse(&ca, nf_slice_str(rows[i].text), &err), 0);
		assert_int_equal(ca.method, rows[i].method);
		assert_int_equal(ca.hash.algo, rows[i].algo);
		assert_string_equal(ca_format(text, &ca), want);
	}
}

static void invalid_content_address_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum nf_error code;
		const char *error;
	} rows[] = {
		{ "", NF_E_FORMAT,
		  "content address '': it begins with neither 'text:' nor 'fixed:'" },
		{ "fixed", NF_E_FORMAT,
		  "content address 'fixed': it begins with neither 'text:' nor 'fixed:'" },
		{ "Text:sha256:x", NF_E_FORMAT,
		  "content address 'Text:sha256:x': it begins with neither 'text:' nor 'fixed:'" },
		{ "text:", NF_E_FORMAT,
		  "content address 'text:': no ':' after its algorithm" },
		{ "fixed:sha256-WJG1", NF_E_FORMAT,
		  "content address 'fixed:sha256-WJG1': no ':' after its algorithm" },
		{ "fixed:r:", NF_E_FORMAT,
		  "content address 'fixed:r:': no ':' after its algorithm" },
		{ "fixed:git:sha1:x", NF_E_UNSUPPORTED,
		  "content address 'fixed:git:sha1:x': the method 'git' is not supported" },
		{ "fixed:r:blake3:x", NF_E_UNSUPPORTED,
		  "content address 'fixed:r:blake3:x': unknown algorithm" },
		{ "fixed::x", NF_E_UNSUPPORTED,
		  "content address 'fixed::x': unknown algorithm" },
		{ "text:sha1:wz60bbf44cw7nswp1wv8vcsyfg155sqd", NF_E_FORMAT,
		  "content address 'text:sha1:wz60bbf44cw7nswp1wv8vcsyfg155sqd': the hash of a text is not SHA-256" },
	};
	struct nf_err err;
	struct ca ca;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_error(err, ca_parse(&ca, nf_slice_str(rows[i].text), &err),
			     rows[i].code, rows[i].error);
	assert_int_equal(ca_parse(&ca, NF_SLICE_LIT("fixed:r:sha256:12"), &err),
			 -NF_E_FORMAT);
	assert_int_equal(ca_parse(&ca, NF_SLICE_LIT("fixed:r:" HELLO_NAR " "), &err),
			 -NF_E_FORMAT);
}

/* ---- paths ---- */

/* All were made by Nix. */
static const struct {
	const char *base;
	const char *ca;
	const char *refs;
} paths[] = {
	{ "sgii4f5h9d2lym14f3av1r80w53l9k82-tree",
	  "fixed:r:sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx", "" },
	{ HELLO, "fixed:r:" HELLO_NAR, "" },
	{ DRV, DRV_CA, HELLO },
	{ "gy454w1cxaq731grqwylhzf4pp9r5izh-hello.txt", HELLO_FLAT, "" },
	{ "svdva85yi507g9vncgsaxvnd1r808h4w-hello.txt",
	  "fixed:sha1:iwjz551fyw0cxcjgf4l6c879zabd6wpm", "" },
	{ "9a8mxachqmcv8x2cfijdps9dyxgyyrzm-hello.txt", "fixed:" SHA512_TEXT, "" },
	{ "hzq8n5jpi3g2d0xhlvqd8q1gx5c9s6i3-hello.txt",
	  "fixed:r:sha1:wz60bbf44cw7nswp1wv8vcsyfg155sqd", "" },
	{ "l2ycihp9r6lnfifs72r40m62fwicg5iz-hello.txt",
	  "fixed:r:md5:4ycxcbh0ac0abr4zxw23l6isnk", "" },
	{ SELF_HASH "-self", SELF_CA, SELF_HASH "-self" },
	{ "5ry7wf85bidp5cx7p5x8ypkxn033ji6a-both",
	  "fixed:r:sha256:13bf4n8p8i7vb53arafq9cgrqizffw3vilkpcmfharzvi0p2safj",
	  "5ry7wf85bidp5cx7p5x8ypkxn033ji6a-both " HELLO },
};

static void paths_recompute_as_nix_makes_them(void **state)
{
	struct nf_pathinfo info;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		make_info(&info, paths[i].base, paths[i].ca, paths[i].refs);
		assert_int_equal(ca_check_path(&info, &err), 0);
		nf_pathinfo_release(&info);
	}
}

static void path_is_computed_without_its_self_reference(void **state)
{
	static const struct nf_slice refs[] = { NF_SLICE_LIT(HELLO) };
	struct nf_storepath sp;
	struct nf_err err;
	struct ca ca;

	(void)state;
	assert_int_equal(ca_parse(&ca, nf_slice_str(paths[9].ca), &err), 0);
	assert_int_equal(
		ca_make_path(&sp, &ca, NF_SLICE_LIT("both"), refs, 1, true, &err), 0);
	assert_string_equal(sp.base, paths[9].base);
}

static void another_name_hash_method_or_reference_is_another_path(void **state)
{
	static const struct {
		const char *base;
		const char *ca;
		const char *refs;
	} rows[] = {
		{ "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-g", "fixed:r:" HELLO_NAR, "" },
		{ HELLO, HELLO_FLAT, "" },
		{ HELLO, "text:" HELLO_NAR, "" },
		{ HELLO, "fixed:" HELLO_NAR, "" },
		{ HELLO, "fixed:r:" HELLO_NAR, DRV },
		{ HELLO, "fixed:r:" HELLO_NAR, HELLO },
		{ DRV, DRV_CA, "" },
		{ SELF_HASH "-self", SELF_CA, "" },
		{ SELF_HASH "-self", SELF_CA, HELLO },
	};
	struct nf_pathinfo info;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_info(&info, rows[i].base, rows[i].ca, rows[i].refs);
		assert_int_equal(ca_check_path(&info, &err), -NF_E_HASH);
		nf_pathinfo_release(&info);
	}
	make_info(&info, rows[0].base, rows[0].ca, "");
	expect_error(err, ca_check_path(&info, &err), NF_E_HASH,
		     "its content address 'fixed:r:" HELLO_NAR
		     "' belongs to another path, 'q0j4k36l2bg6g8gs3xqral6f5sgc2xvz-g'");
	nf_pathinfo_release(&info);
}

static void references_that_a_method_forbids_are_refused(void **state)
{
	static const char flat[] = "gy454w1cxaq731grqwylhzf4pp9r5izh-hello.txt";
	static const struct {
		const char *base;
		const char *ca;
		const char *refs;
		const char *error;
	} rows[] = {
		{ flat, HELLO_FLAT, HELLO,
		  "its kind of content address allows no references" },
		{ flat, HELLO_FLAT, flat,
		  "its kind of content address allows no references" },
		{ "hzq8n5jpi3g2d0xhlvqd8q1gx5c9s6i3-hello.txt",
		  "fixed:r:sha1:wz60bbf44cw7nswp1wv8vcsyfg155sqd", HELLO,
		  "its kind of content address allows no references" },
		{ DRV, DRV_CA, DRV " " HELLO, "a text cannot refer to itself" },
	};
	struct nf_pathinfo info;
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_info(&info, rows[i].base, rows[i].ca, rows[i].refs);
		expect_error(err, ca_check_path(&info, &err), NF_E_FORMAT, rows[i].error);
		nf_pathinfo_release(&info);
	}
}

/* ---- bytes ---- */

/* The verdict on a NAR that arrives in runs of CHUNK bytes. */
static int check_nar(const struct nf_pathinfo *info, struct nf_slice nar, size_t chunk,
		     struct nf_err *err)
{
	AUTO(ca_check_freep) struct ca_check *c = NULL;

	assert_int_equal(ca_check_new(&c, info, err), 0);
	while (nar.len) {
		size_t n = chunk < nar.len ? chunk : nar.len;

		ca_check_update(c, nar.ptr, n);
		nar.ptr += n;
		nar.len -= n;
	}
	return ca_check_final(c, err);
}

/* Whether every way of splitting the NAR gives the verdict, and the text if there is
 * one. */
static void expect_verdict(const struct nf_pathinfo *info, struct nf_slice nar, int want,
			   const char *text)
{
	static const size_t chunks[] = { 1, 2, 3, 7, 8, 31, 32, 33, 100, 65535, 1 << 20 };
	struct nf_err err;

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		int rc = check_nar(info, nar, chunks[i], &err);

		assert_int_equal(rc, want);
		if (text)
			assert_string_equal(err.text, text);
	}
}

static void make_nar(struct buf *nar, struct nf_pathinfo *info, const char *script)
{
	buf_init(nar, 16 * MIB);
	nar_script(nar, script);
	hash_bytes(&info->nar_hash, NF_SHA256, nar->ptr, nar->len);
}

static void the_nar_of_hello(struct buf *nar)
{
	buf_init(nar, KIB);
	nar_script(nar, NAR_ROOT(NAR_FILE("hello~")));
}

static void nar_without_self_reference_has_its_plain_hash(void **state)
{
	struct nf_pathinfo info;
	struct buf nar;

	(void)state;
	make_info(&info, HELLO, "fixed:r:" HELLO_NAR, "");
	make_nar(&nar, &info, NAR_ROOT(NAR_FILE("hello~")));
	expect_verdict(&info, buf_slice(&nar), 0, NULL);
	/* Then the NarHash decides; other code compares it with the bytes. */
	info.nar_hash.bytes[0] ^= 1;
	expect_verdict(
		&info, buf_slice(&nar), -NF_E_HASH,
		"content address: expected " HELLO_NAR
		", got sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqx");
	nf_pathinfo_release(&info);
	buf_release(&nar);
}

static void a_nar_is_hashed_with_the_algorithm_of_the_address(void **state)
{
	static const size_t rows[] = { 6, 7 };
	struct nf_pathinfo info;
	struct buf nar;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_info(&info, paths[rows[i]].base, paths[rows[i]].ca, "");
		make_nar(&nar, &info, NAR_ROOT(NAR_FILE("hello~")));
		expect_verdict(&info, buf_slice(&nar), 0, NULL);
		nar.ptr[97] ^= 1;
		expect_verdict(&info, buf_slice(&nar), -NF_E_HASH, NULL);
		nf_pathinfo_release(&info);
		buf_release(&nar);
	}
}

static void self_references_are_excluded_from_the_hash(void **state)
{
	char text[NF_HASH_TEXT_MAX];
	struct nf_pathinfo info;
	struct buf nar;

	(void)state;
	make_info(&info, SELF_HASH "-self", SELF_CA, SELF_HASH "-self");
	make_nar(&nar, &info, SELF_NAR);
	assert_int_equal(nar.len, 680);
	assert_string_equal(nf_hash_format(text, &info.nar_hash, NF_SRI),
			    "sha256-OR/bifrP8i6RnJDXSiOAhtMI9yDYGBkf2BxYYJlcKAE=");
	expect_verdict(&info, buf_slice(&nar), 0, NULL);
	for (size_t i = 0; i < nar.len; i++) {
		nar.ptr[i] ^= 1;
		assert_int_equal(check_nar(&info, buf_slice(&nar), 4096, NULL),
				 -NF_E_HASH);
		nar.ptr[i] ^= 1;
	}
	for (size_t i = 0; i < nar.len; i++)
		assert_int_equal(check_nar(&info, nf_slice(nar.ptr, i), 4096, NULL),
				 -NF_E_HASH);
	nf_pathinfo_release(&info);
	buf_release(&nar);
}

/* If there are NULs in place of the hash part, the offsets make the difference. */
static void nuls_do_not_count_as_self_references(void **state)
{
	struct nf_pathinfo info;
	struct buf nar;
	char *at;

	(void)state;
	make_info(&info, SELF_HASH "-self", SELF_CA, SELF_HASH "-self");
	make_nar(&nar, &info, SELF_NAR);
	at = memmem(nar.ptr, nar.len, SELF_HASH, 32);
	memset(at, 0, 32);
	expect_verdict(&info, buf_slice(&nar), -NF_E_HASH, NULL);
	nf_pathinfo_release(&info);
	buf_release(&nar);
}

static void check_flat(struct nf_pathinfo *info, const char *script, int want,
		       const char *text)
{
	struct buf nar;

	make_nar(&nar, info, script);
	expect_verdict(info, buf_slice(&nar), want, text);
	buf_release(&nar);
}

static void flat_address_covers_the_file_content(void **state)
{
	static const char no_file[] =
		"content address '" HELLO_FLAT "': not a single non-executable file";
	static const char *const hostile[] = {
		NAR_ROOT(NAR_EXE("hello~")),
		NAR_ROOT(NAR_LINK("hello~")),
		NAR_ROOT("directory"),
		NAR_ROOT("regular"),
		NAR_DIR NAR_ENTRY("a", NAR_FILE("hello~")) " )",
		NAR_ROOT(NAR_FILE("!hello~")),
		NAR_ROOT(NAR_FILE("hello~")) " )",
		"nix-archive-1 ( type " NAR_FILE("hello~") " (",
		"nix-archive-1 ( type " NAR_FILE("hello~"),
		"nix-archive-1 ( type regular contents",
		"nix-archive-1 ( type regular contents #18446744073709551615",
		"nix-archive-1 ( type regular contents #18446744073709551608",
		"nix-archive-1 ( type regular contents #1125899906842625",
		"nix-archive-1",
		"nix-archive-2 ( type " NAR_FILE("hello~") " )",
		"hello",
	};
	static const size_t rows[] = { 3, 4, 5 };
	struct nf_pathinfo info;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_info(&info, paths[rows[i]].base, paths[rows[i]].ca, "");
		check_flat(&info, NAR_ROOT(NAR_FILE("hello~")), 0, NULL);
		check_flat(&info, NAR_ROOT(NAR_FILE("hullo~")), -NF_E_HASH, NULL);
		check_flat(&info, NAR_ROOT(NAR_FILE("hello~~")), -NF_E_HASH, NULL);
		check_flat(&info, NAR_ROOT(NAR_FILE("''")), -NF_E_HASH, NULL);
		nf_pathinfo_release(&info);
	}
	make_info(&info, paths[3].base, paths[3].ca, "");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		check_flat(&info, hostile[i], -NF_E_HASH, no_file);
	nf_pathinfo_release(&info);
}

static void every_byte_of_a_flat_nar_matters(void **state)
{
	struct nf_pathinfo info;
	struct buf nar;

	(void)state;
	make_info(&info, paths[3].base, paths[3].ca, "");
	the_nar_of_hello(&nar);
	assert_int_equal(nar.len, 120);
	for (size_t i = 0; i < nar.len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			nar.ptr[i] ^= (char)(1U << bit);
			assert_int_equal(check_nar(&info, buf_slice(&nar), 64, NULL),
					 -NF_E_HASH);
			nar.ptr[i] ^= (char)(1U << bit);
		}
	for (size_t i = 0; i < nar.len; i++)
		assert_int_equal(check_nar(&info, nf_slice(nar.ptr, i), 64, NULL),
				 -NF_E_HASH);
	nf_pathinfo_release(&info);
	buf_release(&nar);
}

static void put_string(struct buf *nar, const char *bytes, size_t len)
{
	static const char zeroes[8];
	uint64_t size = len;

	buf_add(nar, &size, sizeof(size));
	buf_add(nar, bytes, len);
	buf_add(nar, zeroes, -len % 8);
}

static void a_derivation_has_the_address_of_its_text(void **state)
{
	static const char *const words[] = { "nix-archive-1", "(", "type", "regular",
					     "contents" };
	struct nf_pathinfo info;
	char hex[NF_HASH_TEXT_MAX];
	struct buf nar;

	(void)state;
	buf_init(&nar, KIB);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		put_string(&nar, words[i], strlen(words[i]));
	put_string(&nar, drv, sizeof(drv) - 1);
	put_string(&nar, ")", 1);
	assert_int_equal(nar.len, 480);
	make_info(&info, DRV, DRV_CA, HELLO);
	hash_bytes(&info.nar_hash, NF_SHA256, nar.ptr, nar.len);
	assert_memory_equal(nf_hash_format(hex, &info.nar_hash, NF_HEX),
			    "sha256:b4e5335e", 15);
	expect_verdict(&info, buf_slice(&nar), 0, NULL);
	nar.ptr[200] ^= 1;
	expect_verdict(&info, buf_slice(&nar), -NF_E_HASH, NULL);
	nf_pathinfo_release(&info);
	buf_release(&nar);
}

static void invalid_content_address_starts_no_check(void **state)
{
	struct ca_check *c = NULL;
	struct nf_pathinfo info;
	struct nf_err err;

	(void)state;
	make_info(&info, HELLO, "fixed:git:sha1:x", "");
	expect_error(
		err, ca_check_new(&c, &info, &err), NF_E_UNSUPPORTED,
		"content address 'fixed:git:sha1:x': the method 'git' is not supported");
	assert_null(c);
	ca_check_free(NULL);
	nf_pathinfo_release(&info);
}

/* ---- hash modulo ---- */

/* The definition, without streaming. */
static void modulo_by_definition(struct nf_hash *ret, const char *bytes, size_t len)
{
	char *copy = mem_dup(bytes, len);
	char *from = copy;
	struct buf out;

	buf_init(&out, 64 * MIB);
	while ((from = memmem(from, len - (size_t)(from - copy), SELF_HASH, 32))) {
		memset(from, 0, 32);
		from += 32;
	}
	buf_add(&out, copy, len);
	for (size_t i = 0; i + 32 <= len; i++)
		if (memcmp(bytes + i, SELF_HASH, 32) == 0)
			buf_addf(&out, "|%zu", i);
	hash_bytes(ret, NF_SHA256, out.ptr, out.len);
	buf_release(&out);
	free(copy);
}

static void modulo(struct nf_hash *ret, const char *bytes, size_t len, size_t chunk)
{
	struct hash_modulo *m = hash_modulo_new(NF_SHA256, NF_SLICE_LIT(SELF_HASH));

	for (size_t i = 0; i < len; i += chunk)
		hash_modulo_update(m, bytes + i, len - i < chunk ? len - i : chunk);
	assert_true(hash_modulo_final(m, ret));
	hash_modulo_free(m);
}

static void occurrences_are_found_across_every_edge(void **state)
{
	static const size_t chunks[] = { 1, 31, 32, 33, 4096, 65536, 1 << 20 };
	const size_t len = 200000;
	char *bytes = mem_alloc(len);
	struct nf_hash want, got;

	(void)state;
	for (size_t gap = 0; gap < 40; gap += 3) {
		memset(bytes, SELF_HASH[0], len);
		/* Around the end of the window, in succession with gaps. */
		for (size_t at = 65536 - 80 + gap; at + 32 < 65536 * 2 + 200;
		     at += 32 + gap * 37)
			memcpy(bytes + at, SELF_HASH, 32);
		memcpy(bytes, SELF_HASH, 32);
		memcpy(bytes + len - 32, SELF_HASH, 32);
		memcpy(bytes + 1000, SELF_HASH, 31);
		modulo_by_definition(&want, bytes, len);
		for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
			modulo(&got, bytes, len, chunks[i]);
			assert_true(nf_hash_eq(&want, &got));
		}
	}
	free(bytes);
}

static void without_a_path_it_is_the_plain_hash(void **state)
{
	struct hash_modulo *m = hash_modulo_new(NF_SHA1, nf_slice(NULL, 0));
	struct nf_hash want, got;

	(void)state;
	hash_bytes(&want, NF_SHA1, drv, sizeof(drv));
	hash_modulo_update(m, drv, 10);
	hash_modulo_update(m, drv + 10, sizeof(drv) - 10);
	assert_true(hash_modulo_final(m, &got));
	assert_true(nf_hash_eq(&want, &got));
	hash_modulo_free(m);
	hash_modulo_free(NULL);
}

static void number_of_kept_offsets_is_limited(void **state)
{
	struct nf_pathinfo info;
	struct ca_check *c;
	struct nf_err err;
	char *bytes = mem_alloc(32 * MIB);

	(void)state;
	for (size_t i = 0; i < MIB; i++)
		memcpy(bytes + 32 * i, SELF_HASH, 32);
	make_info(&info, SELF_HASH "-self", SELF_CA, SELF_HASH "-self");
	assert_int_equal(ca_check_new(&c, &info, &err), 0);
	for (int i = 0; i < 4; i++)
		ca_check_update(c, bytes, 32 * MIB);
	ca_check_update(c, bytes, 32);
	expect_error(err, ca_check_final(c, &err), NF_E_LIMIT,
		     "it refers to itself more than 4194304 times");
	ca_check_free(c);
	nf_pathinfo_release(&info);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_address_parses_and_formats),
		cmocka_unit_test(invalid_content_address_is_refused),
		cmocka_unit_test(paths_recompute_as_nix_makes_them),
		cmocka_unit_test(path_is_computed_without_its_self_reference),
		cmocka_unit_test(another_name_hash_method_or_reference_is_another_path),
		cmocka_unit_test(references_that_a_method_forbids_are_refused),
		cmocka_unit_test(nar_without_self_reference_has_its_plain_hash),
		cmocka_unit_test(a_nar_is_hashed_with_the_algorithm_of_the_address),
		cmocka_unit_test(self_references_are_excluded_from_the_hash),
		cmocka_unit_test(nuls_do_not_count_as_self_references),
		cmocka_unit_test(flat_address_covers_the_file_content),
		cmocka_unit_test(every_byte_of_a_flat_nar_matters),
		cmocka_unit_test(a_derivation_has_the_address_of_its_text),
		cmocka_unit_test(invalid_content_address_starts_no_check),
		cmocka_unit_test(occurrences_are_found_across_every_edge),
		cmocka_unit_test(without_a_path_it_is_the_plain_hash),
		cmocka_unit_test(number_of_kept_offsets_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
