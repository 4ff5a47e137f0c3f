#include <nixferry/derivation.h>

#include <stdlib.h>
#include <string.h>

#include "expect.h"

#include <jansson.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/mem.h"
#include "skip.h"
#include "temp_dir.h"

#define OUT_X "w1jvvqlxyx90n4pidwgillb3jh75zmzi-x"
#define SRC_F "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-f"
#define HASH  "64mljgma6x143sr4skkzlhqhbdrm06hf"
#define STORE "/nix/store/"

/* As Nix 2.8 wrote it. */
#define EXAMPLE                                                                          \
	"Derive([(\"out\",\"" STORE OUT_X "\",\"\",\"\")],[],[\"" STORE SRC_F            \
	"\"],\"x86_64-linux\",\"/bin/sh\",[\"-c\",\"echo hi > $out\"],["                 \
	"(\"builder\",\"/bin/sh\"),(\"name\",\"x\"),(\"out\",\"" STORE OUT_X             \
	"\"),(\"outputs\",\"out\"),(\"src\",\"" STORE SRC_F                              \
	"\"),(\"system\",\"x86_64-linux\")])"

static int parse_text(struct nf_derivation *d, const char *text, struct nf_err *err)
{
	return nf_derivation_parse(d, nf_slice_str(text), err);
}

static void assert_parses(struct nf_derivation *d, const char *text)
{
	AUTO_FREE char *again = NULL;
	struct nf_err err = { 0 };
	size_t len;

	if (parse_text(d, text, &err))
		fail_msg("%s\n%s", text, err.text);
	again = nf_derivation_format(d, &len);
	assert_string_equal(again, text);
	assert_int_equal(len, strlen(text));
}

static void a_derivation_is_read_and_written_back(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };

	(void)state;
	assert_parses(&d, EXAMPLE);
	assert_int_equal(d.noutputs, 1);
	assert_true(nf_slice_is(d.outputs[0].name, "out"));
	assert_true(nf_slice_is(d.outputs[0].path, OUT_X));
	assert_int_equal(d.outputs[0].hash_algo.len, 0);
	assert_int_equal(d.ninputs, 0);
	assert_int_equal(d.nsrcs, 1);
	assert_true(nf_slice_is(d.srcs[0], SRC_F));
	assert_true(nf_slice_is(d.system, "x86_64-linux"));
	assert_true(nf_slice_is(d.builder, "/bin/sh"));
	assert_int_equal(d.nargs, 2);
	assert_true(nf_slice_is(d.args[1], "echo hi > $out"));
	assert_int_equal(d.nenv, 6);
	assert_true(nf_slice_is(nf_derivation_var(&d, NF_SLICE_LIT("name"))->value, "x"));
	assert_null(nf_derivation_var(&d, NF_SLICE_LIT("nam")));
	assert_ptr_equal(nf_derivation_output(&d, NF_SLICE_LIT("out")), &d.outputs[0]);
	assert_null(nf_derivation_output(&d, NF_SLICE_LIT("dev")));
}

/* A derivation around its parts. */
#define WITH(outputs, inputs, srcs, args, env)                                           \
	"Derive([" outputs "],[" inputs "],[" srcs "],\"s\",\"b\",[" args "],[" env "])"
#define OUT "(\"out\",\"" STORE OUT_X "\",\"\",\"\")"

static void every_kind_of_output_is_known(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };

	(void)state;
	assert_parses(
		&d,
		WITH("(\"a\",\"\",\"\",\"\"),(\"b\",\"" STORE OUT_X
		     "\",\"r:sha256\",\"00ff\"),(\"c\",\"\",\"sha1\",\"\"),(\"d\",\"\",\"r:sha256\",\"impure\")",
		     "", "", "", ""));
	assert_int_equal(d.noutputs, 4);
	assert_int_equal(d.outputs[0].path.len, 0);
	assert_true(nf_slice_is(d.outputs[1].hash_algo, "r:sha256"));
	assert_true(nf_slice_is(d.outputs[1].hash, "00ff"));
	assert_true(nf_slice_is(d.outputs[2].hash_algo, "sha1"));
	assert_true(nf_slice_is(d.outputs[3].hash, "impure"));
}

static void inputs_list_the_required_outputs(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };

	(void)state;
	assert_parses(&d, WITH(OUT,
			       "(\"" STORE SRC_F
			       ".drv\",[\"dev\",\"out\"]),(\"" STORE SRC_F "a.drv\",[])",
			       "", "", ""));
	assert_int_equal(d.ninputs, 2);
	assert_true(nf_slice_is(d.inputs[0].drv, SRC_F ".drv"));
	assert_int_equal(d.inputs[0].noutputs, 2);
	assert_true(nf_slice_is(d.inputs[0].outputs[1], "out"));
	assert_int_equal(d.inputs[1].noutputs, 0);
}

static void escapes_are_undone(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };

	(void)state;
	assert_parses(&d, WITH(OUT, "", "", "\"a\\\"b\\\\c\\nd\\te\\rf\",\"\",\"\\\\n\"",
			       "(\"\",\"\"),(\"k\\n\",\"\x01\xff\")"));
	assert_true(nf_slice_is(d.args[0], "a\"b\\c\nd\te\rf"));
	assert_int_equal(d.args[1].len, 0);
	assert_true(nf_slice_is(d.args[2], "\\n"));
	assert_true(nf_slice_is(d.env[1].name, "k\n"));
	assert_true(nf_slice_is(d.env[1].value, "\x01\xff"));
}

static void lists_may_be_long(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
	AUTO_BUF struct buf text = { 0 };

	(void)state;
	buf_init(&text, DERIVATION_MAX);
	buf_add_str(&text, "Derive([" OUT "],[],[],\"s\",\"b\",[],[");
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "%s(\"v%03d\",\"%d\")", i ? "," : "", i, i);
	buf_add_str(&text, "])");
	assert_parses(&d, text.ptr);
	assert_int_equal(d.nenv, 1000);
	for (int i = 0; i < 1000; i++) {
		AUTO_FREE char *name = mem_printf("v%03d", i);

		assert_ptr_equal(nf_derivation_var(&d, nf_slice_str(name)), &d.env[i]);
	}
}

static void non_canonical_derivations_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *why; /* the message */
	} rows[] = {
		{ "", "byte 0: no 'Derive('" },
		{ "Derive(", "byte 7: no '['" },
		{ " " EXAMPLE, "byte 0: no 'Derive('" },
		{ EXAMPLE "\n", "byte 366: unexpected text after the end" },
		{ "Derive([],[],[],\"s\",\"b\",[],[])", "byte 7: no outputs" },
		{ "Derive([" OUT "]", "byte 70: no ','" },
		{ "Derive([" OUT ",],[],[],\"s\",\"b\",[],[])", "byte 70: no '('" },
		{ "Derive([" OUT "],[],[],s,\"b\",[],[])", "byte 77: no '\"'" },
		{ "Derive([" OUT "],[],[],\"s\",\"b\",[],[]", "byte 90: no ')'" },
		{ "Derive([" OUT "],[],[],\"s\",\"b\",[\"",
		  "byte 87: the text ends inside a string" },
		{ "Derive([" OUT "],[],[],\"s\",\"b\",[\"\\",
		  "byte 87: an invalid escape" },
		{ WITH(OUT, "", "", "\"a\\x\"", ""), "byte 88: an invalid escape" },
		{ WITH(OUT, "", "", "\"a\nb\"", ""),
		  "byte 88: an unescaped control character" },
		{ WITH("(\"out\",\"\",\"\")", "", "", "", ""), "byte 20: no ','" },
		{ WITH("(\"\",\"\",\"\",\"\")", "", "", "", ""),
		  "byte 9: an output without a name" },
		{ WITH("(\"a/b\",\"\",\"\",\"\")", "", "", "", ""),
		  "byte 9: an output without a name" },
		{ WITH("(\"out\",\"/tmp/x\",\"\",\"\")", "", "", "", ""),
		  "byte 15: '/tmp/x' is not a store path: it is not in /nix/store" },
		{ WITH("(\"out\",\"\",\"\",\"00\")", "", "", "", ""),
		  "byte 8: an output hash without an algorithm" },
		{ WITH("(\"out\",\"\",\"sha256\",\"00\")", "", "", "", ""),
		  "byte 8: a fixed output without a path" },
		{ WITH("(\"out\",\"" STORE OUT_X "\",\"sha256\",\"\")", "", "", "", ""),
		  "byte 8: a floating output with a path" },
		{ WITH("(\"b\",\"\",\"\",\"\"),(\"a\",\"\",\"\",\"\")", "", "", "", ""),
		  "byte 23: an unsorted list" },
		{ WITH(OUT, "(\"" STORE SRC_F "\",[\"out\"])", "", "", ""),
		  "byte 73: an input that is not a derivation" },
		{ WITH(OUT, "(\"" STORE SRC_F ".drv\",[\"out\",\"dev\"])", "", "", ""),
		  "byte 132: an unsorted list" },
		{ WITH(OUT, "(\"" STORE SRC_F ".drv\",\"out\")", "", "", ""),
		  "byte 125: no '['" },
		{ WITH(OUT, "", "\"" SRC_F "\"", "", ""),
		  "byte 75: '" SRC_F "' is not a store path: it is not in /nix/store" },
		{ WITH(OUT, "", "\"" STORE SRC_F "\",\"" STORE SRC_F "\"", "", ""),
		  "byte 123: an unsorted list" },
		{ WITH(OUT, "", "", "", "(\"a\",\"1\"),(\"a\",\"2\")"),
		  "byte 99: an unsorted list" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
		struct nf_err err = { 0 };

		expect_error(err, parse_text(&d, rows[i].text, &err), NF_E_FORMAT,
			     rows[i].why);
	}
}

static void a_nul_is_refused(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
	struct nf_err err;

	(void)state;
	expect_error(err, nf_derivation_parse(&d, NF_SLICE_LIT("Derive([(\"o\0"), &err),
		     NF_E_FORMAT, "byte 11: an unescaped control character");
}

static void truncated_derivation_is_refused(void **state)
{
	struct nf_slice text = NF_SLICE_LIT(EXAMPLE);

	(void)state;
	for (size_t len = 0; len < text.len; len++) {
		AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
		/* In memory of its own, so that sanitizers detect reads beyond the
		 * end. */
		AUTO_FREE char *part = mem_dup(text.ptr, len);

		assert_int_equal(nf_derivation_parse(&d, nf_slice(part, len), NULL),
				 -NF_E_FORMAT);
	}
}

static void newer_variants_are_refused_by_name(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
	AUTO(nf_derivation_release) struct nf_derivation e = { 0 };
	struct nf_err err;

	(void)state;
	expect_error(err, parse_text(&d, "DrvWithVersion(\"xp-dyn-drv\",[])", &err),
		     NF_E_UNSUPPORTED, "it uses dynamic derivations ('xp-dyn-drv')");
	expect_error(err, parse_text(&e, "DrvWithVersion(\"2\",[])", &err),
		     NF_E_UNSUPPORTED, "it has the version '2'");
}

static void sizes_are_limited(void **state)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
	AUTO(nf_derivation_release) struct nf_derivation e = { 0 };
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;

	(void)state;
	expect_error(err, nf_derivation_parse(&d, nf_slice("", DERIVATION_MAX + 1), &err),
		     NF_E_LIMIT,
		     "a derivation of 67108865 bytes, over the limit of 67108864");
	buf_init(&text, DERIVATION_MAX);
	buf_add_str(&text, "Derive([" OUT "],[],[],\"s\",\"b\",[\"\"");
	for (size_t i = 0; i < DERIVATION_ITEMS_MAX; i++)
		buf_add_str(&text, ",\"\"");
	buf_add_str(&text, "],[])");
	expect_error(err, nf_derivation_parse(&e, buf_slice(&text), &err), NF_E_LIMIT,
		     "byte 3145814: a list of more than 1048576 elements");
}

static void substitutes_are_allowed_by_default(void **state)
{
	static const struct {
		const char *env;
		bool allowed;
	} rows[] = {
		{ "", true },
		{ "(\"allowSubstitutes\",\"\")", false },
		{ "(\"allowSubstitutes\",\"1\")", true },
		/* Nix accepts only "1" for true. */
		{ "(\"allowSubstitutes\",\"true\")", false },
		{ "(\"__json\",\"{}\")", true },
		{ "(\"__json\",\"{\\\"allowSubstitutes\\\":false}\")", false },
		{ "(\"__json\",\"{\\\"allowSubstitutes\\\":true}\")", true },
		/* Only the outermost counts, and with them the environment does not. */
		{ "(\"__json\",\"{\\\"a\\\":{\\\"allowSubstitutes\\\":false}}\"),(\"allowSubstitutes\",\"\")",
		  true },
		{ "(\"__json\",\"{\\\"n\\\":123456789012345678901234567890}\")", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text =
			mem_printf(WITH(OUT, "", "", "", "%s"), rows[i].env);
		AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
		bool allowed;

		assert_parses(&d, text);
		assert_int_equal(nf_derivation_allow_substitutes(&d, &allowed, NULL), 0);
		assert_int_equal(allowed, rows[i].allowed);
	}
}

static void malformed_structured_attributes_are_refused(void **state)
{
	static const struct {
		const char *json;
		const char *why;
	} rows[] = {
		{ "{", "not valid JSON: string or '}' expected near end of file" },
		{ "[]", "JSON, but not an object" },
		{ "{\\\"allowSubstitutes\\\":1}", "'allowSubstitutes' is not a Boolean" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = mem_printf(
			WITH(OUT, "", "", "", "(\"__json\",\"%s\")"), rows[i].json);
		AUTO_FREE char *why =
			mem_printf("its structured attributes: %s", rows[i].why);
		AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
		struct nf_err err;
		bool allowed;

		assert_parses(&d, text);
		expect_error(err, nf_derivation_allow_substitutes(&d, &allowed, &err),
			     NF_E_FORMAT, why);
	}
}

/* ---- beside Nix ---- */

#define EXPRESSIONS                                                                      \
	"let base = { system = \"x86_64-linux\"; builder = \"/bin/sh\"; };"              \
	" src = builtins.toFile \"src\" \"hello\";"                                      \
	" fixed = derivation (base // { name = \"fixed\"; outputHashMode = "             \
	"\"recursive\"; outputHashAlgo = \"sha256\"; outputHash = "                      \
	"\"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"; });"                   \
	" flat = derivation (base // { name = \"flat\"; outputHashAlgo = \"md5\";"       \
	" outputHash = \"d41d8cd98f00b204e9800998ecf8427e\"; });"                        \
	" multi = derivation (base // { name = \"multi\"; outputs = [ \"out\" \"dev\" "  \
	"\"lib\" ]; inherit src fixed; args = [ \"-c\" \"\" ]; allowSubstitutes = "      \
	"false; text = \"q\\\"b\\\\n\\nr\\rt\\t\"; });"                                  \
	" structured = derivation (base // { name = \"structured\"; "                    \
	"__structuredAttrs = true; outputs = [ \"out\" \"doc\" ]; allowSubstitutes = "   \
	"false; deps = [ multi.dev multi.lib flat ]; n = [ 1 2.5 null \"a\\nb\" ]; });"  \
	" in [ structured fixed flat multi ]"

static void assert_text(const json_t *object, const char *key, struct nf_slice want)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_true(nf_slice_is(want, text ? text : ""));
}

static void assert_path(const char *path, struct nf_slice base)
{
	assert_memory_equal(path, STORE, strlen(STORE));
	assert_true(nf_slice_is(base, path + strlen(STORE)));
}

static void assert_same_outputs(const json_t *outputs, const struct nf_derivation *d)
{
	assert_int_equal(json_object_size(outputs), d->noutputs);
	for (size_t i = 0; i < d->noutputs; i++) {
		const json_t *o = json_object_getn(outputs, d->outputs[i].name.ptr,
						   d->outputs[i].name.len);

		assert_path(json_string_value(json_object_get(o, "path")),
			    d->outputs[i].path);
		assert_text(o, "hashAlgo", d->outputs[i].hash_algo);
		assert_text(o, "hash", d->outputs[i].hash);
	}
}

static void assert_same_inputs(const json_t *inputs, const struct nf_derivation *d)
{
	assert_int_equal(json_object_size(inputs), d->ninputs);
	for (size_t i = 0; i < d->ninputs; i++) {
		AUTO_FREE char *path =
			mem_printf(STORE "%.*s", NF_SLICE_ARG(d->inputs[i].drv));
		const json_t *wanted = json_object_get(inputs, path);

		assert_int_equal(json_array_size(wanted), d->inputs[i].noutputs);
		for (size_t k = 0; k < d->inputs[i].noutputs; k++)
			assert_true(nf_slice_is(
				d->inputs[i].outputs[k],
				json_string_value(json_array_get(wanted, k))));
	}
}

static void assert_same(const json_t *nix, const struct nf_derivation *d)
{
	const json_t *srcs = json_object_get(nix, "inputSrcs");
	const json_t *args = json_object_get(nix, "args");
	const json_t *env = json_object_get(nix, "env");

	assert_same_outputs(json_object_get(nix, "outputs"), d);
	assert_same_inputs(json_object_get(nix, "inputDrvs"), d);
	assert_int_equal(json_array_size(srcs), d->nsrcs);
	for (size_t i = 0; i < d->nsrcs; i++)
		assert_path(json_string_value(json_array_get(srcs, i)), d->srcs[i]);
	assert_text(nix, "system", d->system);
	assert_text(nix, "builder", d->builder);
	assert_int_equal(json_array_size(args), d->nargs);
	for (size_t i = 0; i < d->nargs; i++)
		assert_true(nf_slice_is(d->args[i],
					json_string_value(json_array_get(args, i))));
	assert_int_equal(json_object_size(env), d->nenv);
	for (size_t i = 0; i < d->nenv; i++) {
		AUTO_FREE char *name =
			mem_strndup(d->env[i].name.ptr, d->env[i].name.len);

		assert_text(env, name, d->env[i].value);
	}
}

/* Instantiates the expressions and returns what Nix says of them. */
static json_t *ask_nix(const struct temp_dir *t)
{
	AUTO_FREE char *paths = NULL;
	AUTO_FREE char *json = NULL;
	json_t *doc;
	int status;

	temp_dir_write(t, "e.nix", EXPRESSIONS);
	paths = temp_dir_run(
		&status,
		"nix-instantiate --store '%s/root' '%s/e.nix' 2>'%s/log' | tr '\\n' ' '",
		t->path, t->path, t->path);
	assert_int_equal(status, 0);
	json = temp_dir_run(
		&status,
		"nix --extra-experimental-features nix-command show-derivation --store '%s/root' %s 2>'%s/log'",
		t->path, paths, t->path);
	doc = json_loads(json, 0, NULL);
	assert_non_null(doc);
	return doc;
}

static void nix_reads_the_same(void **state)
{
	const struct temp_dir *t = *state;
	const char *path;
	json_t *all, *nix;

	if (!temp_dir_have_command("nix-instantiate") || !temp_dir_have_command("nix"))
		skip_because("no Nix here");
	all = ask_nix(t);
	assert_int_equal(json_object_size(all), 4);
	json_object_foreach(all, path, nix)
	{
		AUTO_FREE char *name = mem_printf("root%s", path);
		AUTO_FREE char *text = temp_dir_read(t, name);
		AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
		bool allowed;

		assert_parses(&d, text);
		assert_same(nix, &d);
		assert_int_equal(nf_derivation_allow_substitutes(&d, &allowed, NULL), 0);
		assert_int_equal(allowed,
				 !strstr(path, "-multi") && !strstr(path, "-structured"));
	}
	json_decref(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_derivation_is_read_and_written_back),
		cmocka_unit_test(every_kind_of_output_is_known),
		cmocka_unit_test(inputs_list_the_required_outputs),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(lists_may_be_long),
		cmocka_unit_test(non_canonical_derivations_are_refused),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(truncated_derivation_is_refused),
		cmocka_unit_test(newer_variants_are_refused_by_name),
		cmocka_unit_test(sizes_are_limited),
		cmocka_unit_test(substitutes_are_allowed_by_default),
		cmocka_unit_test(malformed_structured_attributes_are_refused),
		cmocka_unit_test_setup_teardown(nix_reads_the_same, temp_dir_setup,
						temp_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
