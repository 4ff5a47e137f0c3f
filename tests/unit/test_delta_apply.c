#include "delta/delta_apply.h"

#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "delta_fixture.h"
#include "expect.h"

#define BASE	"a path: /nix/store/" DELTA_FIXTURE_OLD "-x, and more"
#define KEEP	DELTA_MAGIC "\0"
#define REWRITE DELTA_MAGIC "\1"

static struct nf_slice bytes_of(const char *p, size_t len)
{
	return nf_slice(p, len);
}
#define BYTES(literal) bytes_of(literal, sizeof(literal) - 1)

static void expect_made(struct nf_slice patch, const char *text)
{
	for (size_t chunk = 0; chunk < 4; chunk++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, KIB);
		assert_int_equal(delta_fixture_apply(&out, NF_SLICE_LIT(BASE), patch, KIB,
						     chunk, NULL),
				 0);
		assert_int_equal(out.len, strlen(text));
		assert_memory_equal(out.ptr, text, out.len);
	}
}

static void ranges_are_copied(void **state)
{
	(void)state;
	/* The number of the base, the distance from the end of the last range, the
	 * length. */
	expect_made(BYTES(KEEP "\1\2\0\4\4\0\13\6"), "patha path");
	expect_made(BYTES(KEEP "\1\1\0\0\1\1\1\0\0\1"), "a ");
}

static void hash_parts_are_rewritten_in_each_range_by_itself(void **state)
{
	(void)state;
	expect_made(BYTES(REWRITE "\1\1\0\46\40"), DELTA_FIXTURE_NEW);
	expect_made(BYTES(KEEP "\1\1\0\46\40"), DELTA_FIXTURE_OLD);
	expect_made(BYTES(REWRITE "\1\1\0\44\43"), "/" DELTA_FIXTURE_NEW "-x");
	expect_made(BYTES(REWRITE "\1\2\0\46\20\0\0\20"), DELTA_FIXTURE_OLD);
}

/* One frame without compression: its header, and a last block with the bytes. */
#define FRAME(len, text) "\x28\xb5\x2f\xfd\x20" len "\x29\0\0" text

static void a_frame_is_decoded(void **state)
{
	(void)state;
	expect_made(BYTES(KEEP "\2\5\0\16" FRAME("\5", "bytes")), "bytes");
}

static void a_patch_that_breaks_the_format_is_refused(void **state)
{
	static const struct {
		const char *patch;
		size_t len;
		const char *text;
	} rows[] = {
#define ROW(patch, text) { patch, sizeof(patch) - 1, "patch: " text }
		ROW("", "truncated"),
		ROW(DELTA_MAGIC, "truncated"),
		ROW("nixferry-patch 2\n\1", "not in this format"),
		ROW(DELTA_MAGIC "\2", "unknown flags: a newer nixferry is needed"),
		ROW(KEEP "\3", "an unknown step"),
		ROW(KEEP "\1", "truncated"),
		ROW(KEEP "\1\0", "an empty step"),
		ROW(KEEP "\1\1\0\0\0", "a range beyond the end of its base"),
		ROW(KEEP "\1\1\0\1\1", "a range beyond the end of its base"),
		ROW(KEEP "\1\1\0\0\100", "a range beyond the end of its base"),
		ROW(KEEP "\1\1\0\0\377\377\377\377\377\377\377\377\377\1",
		    "a range beyond the end of its base"),
		ROW(KEEP "\1\1\1\0\1", "an unknown base"),
		ROW(KEEP "\1\1\0\0\200\0", "not a number"),
		ROW(KEEP "\1\1\0\0\377\377\377\377\377\377\377\377\377\2",
		    "not a number"),
		ROW(KEEP "\1\201\10", "too many ranges"),
		ROW(KEEP "\1\2\0\0\43\0\105\43", "its ranges are too long"),
		ROW(KEEP "\2\0\0\0", "a step that makes too much or nothing"),
		ROW(KEEP "\2\101\0\0", "a step that makes too much or nothing"),
		ROW(KEEP "\2\1\0\200\200\300\2", "its frame is too long"),
		ROW(KEEP "\2\5\0\16\x28\xb5\x2f\xfd", "truncated"),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_BUF struct buf out = { 0 };
		struct nf_err err = { 0 };
		int rc;

		buf_init(&out, KIB);
		rc = delta_fixture_apply(&out, NF_SLICE_LIT(BASE),
					 bytes_of(rows[i].patch, rows[i].len), 64, 0,
					 &err);
		assert_string_equal(err.text, rows[i].text);
		assert_int_equal(rc, -(int)err.code);
		assert_int_equal(out.len, 0);
	}
}

static void a_frame_must_make_exactly_what_its_step_says(void **state)
{
	static const struct nf_slice patches[] = {
		NF_SLICE_LIT(KEEP "\2\4\0\16" FRAME("\5", "bytes")),
		NF_SLICE_LIT(KEEP "\2\6\0\16" FRAME("\5", "bytes")),
		NF_SLICE_LIT(KEEP "\2\5\0\17" FRAME("\5", "bytes") "x"),
		NF_SLICE_LIT(KEEP "\2\5\0\15" FRAME("\5", "byte")),
		NF_SLICE_LIT(KEEP "\2\5\0\10\x50\x2a\x4d\x18\0\0\0\0"),
		NF_SLICE_LIT(KEEP "\2\5\0\0"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(patches) / sizeof(*patches); i++) {
		AUTO_BUF struct buf out = { 0 };
		struct nf_err err = { 0 };

		buf_init(&out, KIB);
		assert_int_equal(delta_fixture_apply(&out, NF_SLICE_LIT(BASE), patches[i],
						     KIB, 0, &err),
				 -NF_E_FORMAT);
		assert_memory_equal(err.text, "zstd data: ", 11);
	}
}

static void tiny_steps_are_limited(void **state)
{
	AUTO_BUF struct buf patch = { 0 };
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err = { 0 };

	(void)state;
	buf_init(&patch, MIB);
	buf_init(&out, MIB);
	buf_add(&patch, KEEP, sizeof(KEEP) - 1);
	for (size_t i = 0; i < 65; i++)
		buf_add(&patch, i ? "\1\1\0\1\1" : "\1\1\0\0\1", 5);
	expect_error(err,
		     delta_fixture_apply(&out, NF_SLICE_LIT(BASE), buf_slice(&patch), KIB,
					 0, &err),
		     NF_E_FORMAT, "patch: too many steps");
	assert_int_equal(out.len, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_copied),
		cmocka_unit_test(hash_parts_are_rewritten_in_each_range_by_itself),
		cmocka_unit_test(a_frame_is_decoded),
		cmocka_unit_test(a_patch_that_breaks_the_format_is_refused),
		cmocka_unit_test(a_frame_must_make_exactly_what_its_step_says),
		cmocka_unit_test(tiny_steps_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
