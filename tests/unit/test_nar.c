#include <nixferry/nar.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/stream.h"
#include "nar_script.h"

static const size_t chunks[] = { 0, 1, 7, 8, 9, 100 };

static int check_nar(struct nf_slice nar, size_t chunk, uint64_t *nodes,
		     struct nf_err *err)
{
	struct nf_source *src = source_of_memory(nar.ptr, nar.len, chunk);
	int rc = nf_nar_check(src, nodes, err);

	source_close(src);
	return rc;
}

static void the_vectors_have_the_hashes_that_nix_gives(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAR_VECTORS; i++) {
		AUTO_BUF struct buf nar = { 0 };
		char text[NF_HASH_TEXT_MAX];
		struct nf_hash hash;

		buf_init(&nar, MIB);
		nar_script(&nar, nar_vectors[i].script);
		assert_int_equal(nar.len, nar_vectors[i].size);
		hash_bytes(&hash, NF_SHA256, nar.ptr, nar.len);
		assert_string_equal(nf_hash_format(text, &hash, NF_NIX32),
				    nar_vectors[i].hash);
	}
}

static void parsed_texts_format_to_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAR_VECTORS; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
			AUTO_BUF struct buf nar = { 0 };
			AUTO_BUF struct buf again = { 0 };
			struct nf_err err;

			buf_init(&nar, MIB);
			buf_init(&again, MIB);
			nar_script(&nar, nar_vectors[i].script);
			assert_int_equal(
				nar_rewrite(&again, buf_slice(&nar), chunks[k], &err), 0);
			assert_true(nf_slice_eq(buf_slice(&nar), buf_slice(&again)));
		}
	}
}

static void minimal_nar_has_these_bytes(void **state)
{
	static const char bytes[] = "\15\0\0\0\0\0\0\0nix-archive-1\0\0\0"
				    "\1\0\0\0\0\0\0\0(\0\0\0\0\0\0\0"
				    "\4\0\0\0\0\0\0\0type\0\0\0\0"
				    "\7\0\0\0\0\0\0\0regular\0"
				    "\10\0\0\0\0\0\0\0contents"
				    "\6\0\0\0\0\0\0\0hello\n\0\0"
				    "\1\0\0\0\0\0\0\0)\0\0\0\0\0\0";
	AUTO_BUF struct buf nar = { 0 };
	uint64_t nodes;

	(void)state;
	buf_init(&nar, MIB);
	nar_script(&nar, nar_vectors[3].script);
	assert_int_equal(nar.len, sizeof(bytes));
	assert_memory_equal(nar.ptr, bytes, sizeof(bytes));
	assert_int_equal(check_nar(nf_slice(bytes, sizeof(bytes)), 0, &nodes, NULL), 0);
	assert_int_equal(nodes, 1);
}

/* One line an event; the bytes of a file as they are. */
static void describe_event(struct buf *out, const struct nf_nar_event *ev)
{
	switch (ev->kind) {
	case NF_NAR_END:
		buf_add_str(out, "end\n");
		break;
	case NF_NAR_DIRECTORY:
		buf_addf(out, "directory '%.*s'\n", NF_SLICE_ARG(ev->name));
		break;
	case NF_NAR_LEAVE:
		buf_add_str(out, "leave\n");
		break;
	case NF_NAR_FILE:
		buf_addf(out, "%s '%.*s' of %llu: ", ev->executable ? "program" : "file",
			 NF_SLICE_ARG(ev->name), (unsigned long long)ev->size);
		break;
	case NF_NAR_DATA:
		assert_true(ev->data.len > 0);
		buf_add_slice(out, ev->data);
		break;
	case NF_NAR_FILE_END:
		buf_add_str(out, ".\n");
		break;
	case NF_NAR_SYMLINK:
		buf_addf(out, "link '%.*s' to '%.*s'\n", NF_SLICE_ARG(ev->name),
			 NF_SLICE_ARG(ev->data));
		break;
	}
}

static void describe_nar(struct buf *out, struct nf_slice nar, size_t chunk)
{
	struct nf_source *src = source_of_memory(nar.ptr, nar.len, chunk);
	struct nf_nar_reader *r = nf_nar_reader_new(src);
	struct nf_nar_event ev;

	do {
		assert_int_equal(nf_nar_next(r, &ev, NULL), 0);
		describe_event(out, &ev);
	} while (ev.kind != NF_NAR_END);
	assert_int_equal(nf_nar_next(r, &ev, NULL), 0);
	assert_int_equal(ev.kind, NF_NAR_END);
	nf_nar_reader_free(r);
	source_close(src);
}

static void tree_gives_the_same_events_for_any_runs(void **state)
{
	AUTO_BUF struct buf nar = { 0 };
	uint64_t nodes;

	(void)state;
	buf_init(&nar, MIB);
	nar_script(&nar, nar_vectors[NAR_VECTOR_TREE].script);
	for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
		AUTO_BUF struct buf text = { 0 };

		buf_init(&text, MIB);
		describe_nar(&text, buf_slice(&nar), chunks[k]);
		assert_string_equal(text.ptr,
				    "directory ''\n"
				    "file 'a' of 6: hello\n.\n"
				    "link 'link' to 'a'\n"
				    "program 'run' of 18: #!/bin/sh\necho hi\n.\n"
				    "directory 'sub'\n"
				    "file 'empty' of 0: .\n"
				    "leave\n"
				    "leave\n"
				    "end\n");
		assert_int_equal(check_nar(buf_slice(&nar), chunks[k], &nodes, NULL), 0);
		assert_int_equal(nodes, 6);
	}
}

#define E(name) NAR_ENTRY(name, NAR_FILE("''"))

static const struct {
	const char *why;
	const char *script;
	const char *text; /* NULL: it is fine */
} rows[] = {
	{ "sorted by bytes, not by locale", NAR_DIR E("B") E("a") E("\303\244") " )",
	  NULL },
	{ "a name before one that it begins", NAR_DIR E("a") E("a.") E("a0") " )", NULL },
	{ "unsorted", NAR_DIR E("b") E("a") " )",
	  "NAR offset 312: names are not sorted: 'a' comes after 'b'" },
	{ "a prefix after the longer name", NAR_DIR E("aa") E("a") " )",
	  "NAR offset 312: names are not sorted: 'a' comes after 'aa'" },
	{ "twice", NAR_DIR E("a") E("a") " )", "NAR offset 312: name 'a' appears twice" },
	{ "order starts anew in a directory, and goes on after it",
	  NAR_DIR NAR_ENTRY("b", "directory" E("a")) E("c") " )", NULL },
	{ "order goes on after a directory",
	  NAR_DIR NAR_ENTRY("b", "directory" E("z")) E("a") " )",
	  "NAR offset 480: names are not sorted: 'a' comes after 'b'" },
	{ "this directory", NAR_DIR E(".") " )", "NAR offset 128: name '.'" },
	{ "the parent", NAR_DIR E("..") " )", "NAR offset 128: name '..'" },
	{ "dots that are a name", NAR_DIR E("...") E(".a") " )", NULL },
	{ "slash", NAR_DIR E("a/b") " )", "NAR offset 128: name 'a/b' contains a slash" },
	{ "slash alone", NAR_DIR E("/") " )",
	  "NAR offset 128: name '/' contains a slash" },
	{ "NUL", NAR_DIR E("a@b") " )", "NAR offset 128: name 'a?b' contains a NUL" },
	{ "NUL behind a dot", NAR_DIR E(".@") " )",
	  "NAR offset 128: name '.?' contains a NUL" },
	{ "empty name", NAR_DIR E("''") " )", "NAR offset 128: empty name" },
	{ "the longest name", NAR_DIR E("x*255") " )", NULL },
	{ "name too long", NAR_DIR E("x*256") " )",
	  "NAR offset 128: name of 256 bytes, over the limit of 255" },
	{ "name longer than memory", NAR_DIR " entry ( name #18446744073709551615",
	  "NAR offset 128: name of 18446744073709551615 bytes, over the limit of 255" },
	{ "a terminal's escapes are not repeated", NAR_DIR E("\033[1m/") " )",
	  "NAR offset 128: name '?[1m/' contains a slash" },
	{ "empty target", NAR_ROOT(NAR_LINK("''")), "NAR offset 88: empty link target" },
	{ "the longest target", NAR_ROOT(NAR_LINK("x*4095")), NULL },
	{ "target too long", NAR_ROOT(NAR_LINK("x*4096")),
	  "NAR offset 88: link target of 4096 bytes, over the limit of 4095" },
	{ "NUL in a target", NAR_ROOT(NAR_LINK("a@b")),
	  "NAR offset 88: link target contains a NUL" },
	{ "no target", "nix-archive-1 ( type symlink )",
	  "NAR offset 72: expected 'target', got ')'" },
	{ "padding of a tag", "nix-archive-1 !( type " NAR_FILE("''") " )",
	  "NAR offset 24: padding that is not zero" },
	{ "padding of a name", NAR_DIR E("!a") " )",
	  "NAR offset 128: padding that is not zero" },
	{ "padding of a target", NAR_ROOT(NAR_LINK("!a")),
	  "NAR offset 88: padding that is not zero" },
	{ "padding of a file", NAR_ROOT(NAR_FILE("!abc")),
	  "NAR offset 99: padding that is not zero" },
	{ "contents missing", "nix-archive-1 ( type regular )",
	  "NAR offset 72: expected 'contents', got ')'" },
	{ "contents missing of a program", "nix-archive-1 ( type regular executable '' )",
	  "NAR offset 104: expected 'contents', got ')'" },
	{ "contents twice", NAR_ROOT(NAR_FILE("a") " contents b"),
	  "NAR offset 104: expected ')', got 'contents'" },
	{ "executable twice", NAR_ROOT("regular executable '' executable '' contents a"),
	  "NAR offset 104: expected 'contents', got 'executable'" },
	{ "executable with a value", NAR_ROOT("regular executable yes contents a"),
	  "NAR offset 96: value of 'executable' of 3 bytes, over the limit of 0" },
	{ "a file larger than any", NAR_ROOT("regular contents #1125899906842625"),
	  "NAR offset 88: file of 1125899906842625 bytes, over the limit of 1125899906842624" },
	{ "unknown tag in a directory", NAR_DIR " exit )",
	  "NAR offset 80: expected 'entry' or ')', got 'exit'" },
	{ "unknown tag in an entry", NAR_DIR " entry ( nom a",
	  "NAR offset 112: expected 'name', got 'nom'" },
	{ "unknown type", NAR_ROOT("fifo"),
	  "NAR offset 56: expected a node type, got 'fifo'" },
	{ "tag too long", "nix-archive-1 x*33",
	  "NAR offset 24: tag of 33 bytes, over the limit of 32" },
	{ "a long tag that is none", "nix-archive-1 x*32",
	  "NAR offset 24: expected '(', got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'" },
	{ "another version", "nix-archive-2 ( type directory )",
	  "NAR offset 0: expected 'nix-archive-1', got 'nix-archive-2'" },
	{ "no NAR at all", "#7308604758976295265",
	  "NAR offset 0: tag of 7308604758976295265 bytes, over the limit of 32" },
	{ "an entry that is not closed",
	  NAR_DIR " entry ( name a node ( type " NAR_FILE("''") " ) entry",
	  "NAR offset 248: expected ')', got 'entry'" },
	{ "bytes behind", NAR_ROOT(NAR_FILE("''")) " )",
	  "NAR offset 112: unexpected bytes after the archive" },
	{ "a second archive behind", NAR_DIR " ) " NAR_DIR " )",
	  "NAR offset 96: unexpected bytes after the archive" },
};

static void hostile_nar_is_refused_with_offset_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf nar = { 0 };

		buf_init(&nar, MIB);
		nar_script(&nar, rows[i].script);
		for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
			struct nf_err err = { .text = "" };
			int rc = check_nar(buf_slice(&nar), chunks[k], NULL, &err);

			if (strcmp(err.text, rows[i].text ? rows[i].text : ""))
				print_error("%s, in runs of %zu:\n", rows[i].why,
					    chunks[k]);
			assert_string_equal(err.text, rows[i].text ? rows[i].text : "");
			assert_int_equal(rc, rows[i].text ? -NF_E_FORMAT : 0);
		}
	}
}

static void nested(struct buf *nar, size_t levels)
{
	nar_script(nar, NAR_DIR);
	for (size_t i = 1; i < levels; i++)
		nar_script(nar, "entry ( name d node ( type directory");
	for (size_t i = 1; i < levels; i++)
		nar_script(nar, ") )");
	nar_script(nar, ")");
}

static void depth_is_bounded(void **state)
{
	struct nf_err err;

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
		AUTO_BUF struct buf nar = { 0 };

		buf_init(&nar, MIB);
		nested(&nar, 64);
		assert_int_equal(check_nar(buf_slice(&nar), chunks[k], NULL, &err), 0);
		buf_clear(&nar);
		nested(&nar, 65);
		assert_int_equal(check_nar(buf_slice(&nar), chunks[k], NULL, &err),
				 -NF_E_FORMAT);
		assert_string_equal(err.text,
				    "NAR offset 8712: nested deeper than 64 levels");
	}
}

static void nar_cut_anywhere_is_truncated(void **state)
{
	AUTO_BUF struct buf nar = { 0 };

	(void)state;
	buf_init(&nar, MIB);
	nar_script(&nar, nar_vectors[NAR_VECTOR_TREE].script);
	for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
		for (size_t len = 0; len < nar.len; len++) {
			char text[64];
			struct nf_err err;

			snprintf(text, sizeof(text), "NAR offset %zu: truncated", len);
			assert_int_equal(
				check_nar(nf_slice(nar.ptr, len), chunks[k], NULL, &err),
				-NF_E_FORMAT);
			assert_string_equal(err.text, text);
		}
	}
}

static void every_accepted_nar_has_one_encoding(void **state)
{
	AUTO_BUF struct buf nar = { 0 };
	AUTO_BUF struct buf again = { 0 };

	(void)state;
	buf_init(&nar, MIB);
	buf_init(&again, MIB);
	nar_script(&nar, nar_vectors[NAR_VECTOR_TREE].script);
	for (size_t at = 0; at < nar.len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			nar.ptr[at] ^= (char)(1 << bit);
			buf_clear(&again);
			if (nar_rewrite(&again, buf_slice(&nar), 0, NULL) == 0)
				assert_true(
					nf_slice_eq(buf_slice(&nar), buf_slice(&again)));
			nar.ptr[at] ^= (char)(1 << bit);
		}
	}
}

static int fail_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	(void)s;
	(void)ret;
	return err_set(err, NF_E_NET, "the cable was pulled");
}

static void an_error_of_the_source_is_passed_on(void **state)
{
	struct nf_source src = { .next = fail_next };
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_nar_check(&src, NULL, &err), -NF_E_NET);
	assert_string_equal(err.text, "the cable was pulled");
}

/* The generator of random trees writes what it makes twice: as a NAR and as a text. */
struct maker {
	uint64_t seed;
	struct nf_nar_writer *writer;
	struct buf *text;
	char data[600];
};

static uint32_t draw(struct maker *m, uint32_t below)
{
	m->seed = m->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(m->seed >> 33) % below;
}

static void emit(struct maker *m, struct nf_nar_event ev)
{
	struct nf_err err;

	if (nf_nar_write(m->writer, &ev, &err))
		fail_msg("%s", err.text);
	describe_event(m->text, &ev);
}

static void emit_file(struct maker *m, struct nf_slice name)
{
	size_t size = draw(m, sizeof(m->data));

	emit(m, (struct nf_nar_event){ .kind = NF_NAR_FILE,
				       .name = name,
				       .executable = draw(m, 2),
				       .size = size });
	for (size_t at = 0; at < size;) {
		size_t part = 1 + draw(m, (uint32_t)(size - at));

		memset(m->data + at, 'a' + (int)draw(m, 26), part);
		emit(m, (struct nf_nar_event){ .kind = NF_NAR_DATA,
					       .data = nf_slice(m->data + at, part) });
		at += part;
	}
	emit(m, (struct nf_nar_event){ .kind = NF_NAR_FILE_END });
}

static void emit_node(struct maker *m, struct nf_slice name, size_t depth)
{
	char child[280];
	uint32_t kind = draw(m, 4);

	if (kind == 0) {
		emit(m, (struct nf_nar_event){
				.kind = NF_NAR_SYMLINK,
				.name = name,
				.data = nf_slice("../target-of-link", 1 + draw(m, 17)) });
	} else if (kind == 1 || depth == 6) {
		emit_file(m, name);
	} else {
		emit(m, (struct nf_nar_event){ .kind = NF_NAR_DIRECTORY, .name = name });
		for (uint32_t i = 0, n = draw(m, 5); i < n; i++) {
			int len = snprintf(child, sizeof(child), "%03u%0*u", i,
					   1 + (int)draw(m, 252), i);

			emit_node(m, nf_slice(child, (size_t)len), depth + 1);
		}
		emit(m, (struct nf_nar_event){ .kind = NF_NAR_LEAVE });
	}
}

static void random_trees_survive_writing_and_reading(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		AUTO_BUF struct buf nar = { 0 };
		AUTO_BUF struct buf text = { 0 };
		AUTO_BUF struct buf read = { 0 };
		AUTO_BUF struct buf again = { 0 };
		struct buf_sink sink;
		struct maker m = { .seed = seed, .text = &text };
		size_t chunk = seed % 5 ? seed : 0;

		buf_init(&nar, 4 * MIB);
		buf_init(&text, 4 * MIB);
		buf_init(&read, 4 * MIB);
		buf_init(&again, 4 * MIB);
		buf_sink_init(&sink, &nar);
		m.writer = nf_nar_writer_new(&sink.sink);
		emit_node(&m, nf_slice(NULL, 0), 0);
		emit(&m, (struct nf_nar_event){ .kind = NF_NAR_END });
		nf_nar_writer_free(m.writer);
		describe_nar(&read, buf_slice(&nar), chunk);
		assert_string_equal(read.ptr, text.ptr);
		assert_int_equal(nar_rewrite(&again, buf_slice(&nar), chunk, NULL), 0);
		assert_true(nf_slice_eq(buf_slice(&nar), buf_slice(&again)));
	}
}

#define NAME(s)	 .name = { s, sizeof(s) - 1 }
#define BYTES(s) .data = { s, sizeof(s) - 1 }

static const struct {
	struct nf_nar_event events[4]; /* the last that is not END is refused */
	const char *text;
} misuses[] = {
	{ { { .kind = NF_NAR_END } }, "NAR: it ends before its root" },
	{ { { .kind = NF_NAR_DIRECTORY }, { .kind = NF_NAR_END } },
	  "NAR: it ends before its root" },
	{ { { .kind = NF_NAR_LEAVE } }, "NAR: no directory to leave" },
	{ { { .kind = NF_NAR_DATA, BYTES("a") } }, "NAR: data outside a file" },
	{ { { .kind = NF_NAR_FILE_END } }, "NAR: no file to end" },
	{ { { .kind = NF_NAR_SYMLINK, NAME("a"), BYTES("b") } },
	  "NAR: the root has a name" },
	{ { { .kind = NF_NAR_SYMLINK } }, "empty link target" },
	{ { { .kind = NF_NAR_SYMLINK, BYTES("a\0") } }, "link target contains a NUL" },
	{ { { .kind = NF_NAR_SYMLINK, .data = { "", 4096 } } },
	  "link target of 4096 bytes, over the limit of 4095" },
	{ { { .kind = NF_NAR_SYMLINK, BYTES("a") },
	    { .kind = NF_NAR_SYMLINK, BYTES("a") } },
	  "NAR: a second root" },
	{ { { .kind = NF_NAR_FILE, .size = 1 }, { .kind = NF_NAR_DATA, BYTES("ab") } },
	  "NAR: more data than the file's size" },
	{ { { .kind = NF_NAR_FILE, .size = 1 }, { .kind = NF_NAR_FILE_END } },
	  "NAR: less data than the file's size" },
	{ { { .kind = NF_NAR_FILE, .size = 1 }, { .kind = NF_NAR_DIRECTORY } },
	  "NAR: a node inside a file" },
	{ { { .kind = NF_NAR_FILE, .size = 1 }, { .kind = NF_NAR_LEAVE } },
	  "NAR: no directory to leave" },
	{ { { .kind = NF_NAR_FILE, .size = NAR_SIZE_MAX + 1 } },
	  "file of 1125899906842625 bytes, over the limit of 1125899906842624" },
	{ { { .kind = NF_NAR_DIRECTORY }, { .kind = NF_NAR_DIRECTORY } }, "empty name" },
	{ { { .kind = NF_NAR_DIRECTORY }, { .kind = NF_NAR_DIRECTORY, NAME("a/b") } },
	  "name 'a/b' contains a slash" },
	{ { { .kind = NF_NAR_DIRECTORY },
	    { .kind = NF_NAR_SYMLINK, NAME("b"), BYTES("x") },
	    { .kind = NF_NAR_SYMLINK, NAME("a"), BYTES("x") } },
	  "names are not sorted: 'a' comes after 'b'" },
	{ { { .kind = NF_NAR_DIRECTORY },
	    { .kind = NF_NAR_DIRECTORY, .name = { "", 256 } } },
	  "name of 256 bytes, over the limit of 255" },
};

static int write_all(const struct nf_nar_event *events, struct nf_err *err)
{
	AUTO_BUF struct buf nar = { 0 };
	struct buf_sink sink;
	struct nf_nar_writer *w;
	int rc = 0;

	buf_init(&nar, MIB);
	buf_sink_init(&sink, &nar);
	w = nf_nar_writer_new(&sink.sink);
	for (size_t i = 0; !rc && i < 4; i++)
		rc = nf_nar_write(w, &events[i], err);
	nf_nar_writer_free(w);
	return rc;
}

static void writer_refuses_what_the_reader_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(misuses); i++) {
		struct nf_err err = { .text = "" };
		int rc = write_all(misuses[i].events, &err);

		assert_string_equal(err.text, misuses[i].text);
		assert_int_equal(rc, -NF_E_FORMAT);
	}
}

static int full_write(struct nf_sink *s, const void *p, size_t len, struct nf_err *err)
{
	(void)s;
	(void)p;
	(void)len;
	return err_set(err, NF_E_NOSPACE, "full");
}

static void an_error_of_the_sink_is_passed_on(void **state)
{
	struct nf_sink sink = { full_write };
	struct nf_nar_writer *w = nf_nar_writer_new(&sink);
	struct nf_nar_event ev = { .kind = NF_NAR_DIRECTORY };
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_nar_write(w, &ev, &err), -NF_E_NOSPACE);
	assert_string_equal(err.text, "full");
	nf_nar_writer_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_have_the_hashes_that_nix_gives),
		cmocka_unit_test(parsed_texts_format_to_the_same_bytes),
		cmocka_unit_test(minimal_nar_has_these_bytes),
		cmocka_unit_test(tree_gives_the_same_events_for_any_runs),
		cmocka_unit_test(hostile_nar_is_refused_with_offset_and_reason),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(nar_cut_anywhere_is_truncated),
		cmocka_unit_test(every_accepted_nar_has_one_encoding),
		cmocka_unit_test(an_error_of_the_source_is_passed_on),
		cmocka_unit_test(random_trees_survive_writing_and_reading),
		cmocka_unit_test(writer_refuses_what_the_reader_refuses),
		cmocka_unit_test(an_error_of_the_sink_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
