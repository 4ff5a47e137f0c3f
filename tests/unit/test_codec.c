#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

#define PLAIN_SIZE 300000

static const struct {
	enum codec codec;
	const char *tool;
	bool concatenates; /* concatenated members are one stream */
	bool has_checksum; /* a flipped bit is always detected (libarchive skips gzip's)
			    */
} rows[] = {
	{ CODEC_XZ, "xz -1 -c", true, true },
	{ CODEC_ZSTD, "zstd -q -c --check", true, true },
	{ CODEC_BZIP2, "bzip2 -c", true, true },
	{ CODEC_GZIP, "gzip -c", true, false },
	{ CODEC_LZ4, "lz4 -q -c", true, true },
	{ CODEC_LZIP, "lzip -1 -c", true, true },
	{ CODEC_LZMA, "xz --format=lzma -1 -c", false, false },
	{ CODEC_BR, "brotli -5 -c -", false, false },
};

static char plain[PLAIN_SIZE];

/* Some of it compresses, some does not. */
static void make_plain(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < PLAIN_SIZE; i++) {
		x = x * 1664525 + 1013904223;
		plain[i] = (char)(i % 4096 < 2048 ? i / 64 : x >> 24);
	}
}

static void run_tool(struct buf *out, const char *tool, const void *p, size_t len)
{
	char in_name[] = "/tmp/codec-XXXXXX", part[4096];
	AUTO_FREE char *command = NULL;
	int fd = mkstemp(in_name);
	size_t n;
	FILE *f;

	assert_int_equal(write(fd, p, len), len);
	close(fd);
	command = mem_printf("%s <%s", tool, in_name);
	f = popen(command, "r");
	assert_non_null(f);
	buf_init(out, 1 << 22);
	while ((n = fread(part, 1, sizeof(part), f)))
		buf_add(out, part, n);
	assert_int_equal(pclose(f), 0);
	unlink(in_name);
}

static int decode_all(enum codec codec, const void *p, size_t len, size_t chunk,
		      struct buf *out, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *s = decoder_new(codec, source_of_memory(p, len, chunk));
	struct buf_sink sink;

	buf_init(out, 4 * PLAIN_SIZE);
	buf_sink_init(&sink, out);
	return source_copy(s, &sink.sink, err);
}

static void each_codec_decodes_what_its_tool_wrote(void **state)
{
	static const size_t chunks[] = { 0, 1, 4096, 65536 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf packed = { 0 };

		run_tool(&packed, rows[i].tool, plain, PLAIN_SIZE);
		for (size_t c = 0; c < ARRAY_SIZE(chunks); c++) {
			AUTO_BUF struct buf out = { 0 };
			struct nf_err err;
			int rc = decode_all(rows[i].codec, packed.ptr, packed.len,
					    chunks[c], &out, &err);

			if (rc)
				fail_msg("%s in runs of %zu: %s", rows[i].tool, chunks[c],
					 err.text);
			assert_int_equal(out.len, PLAIN_SIZE);
			assert_memory_equal(out.ptr, plain, PLAIN_SIZE);
		}
	}
}

static void concatenated_members_are_one_stream(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf packed = { 0 }, out = { 0 }, second = { 0 };
		struct nf_err err;

		buf_init(&out, 0);
		run_tool(&packed, rows[i].tool, plain, PLAIN_SIZE / 2);
		run_tool(&second, rows[i].tool, plain + PLAIN_SIZE / 2, PLAIN_SIZE / 2);
		buf_add_slice(&packed, buf_slice(&second));
		if (!rows[i].concatenates) {
			assert_int_equal(decode_all(rows[i].codec, packed.ptr, packed.len,
						    1000, &out, &err),
					 -NF_E_FORMAT);
			continue;
		}
		if (decode_all(rows[i].codec, packed.ptr, packed.len, 1000, &out, &err))
			fail_msg("%s: %s", rows[i].tool, err.text);
		assert_int_equal(out.len, PLAIN_SIZE);
		assert_memory_equal(out.ptr, plain, PLAIN_SIZE);
	}
}

static void data_after_the_end_is_refused(void **state)
{
	static const struct nf_slice tails[] = {
		{ "x", 1 },
		{ "four", 4 }, /* what libarchive's lz4 would take for a magic number */
		{ "garbage that is longer than a header", 36 },
		{ "\0\0\0\0\0\0\0", 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t t = 0; t < ARRAY_SIZE(tails); t++) {
			AUTO_BUF struct buf packed = { 0 }, out = { 0 };
			struct nf_err err;
			size_t len = tails[t].len;

			if (rows[i].codec == CODEC_GZIP && !tails[t].ptr[0])
				continue; /* padding, which gzip takes */
			run_tool(&packed, rows[i].tool, plain, 5000);
			buf_add_slice(&packed, tails[t]);
			if (decode_all(rows[i].codec, packed.ptr, packed.len, 0, &out,
				       &err) != -NF_E_FORMAT)
				fail_msg("%s: tail %zu was not noticed", rows[i].tool, t);
			buf_release(&out);
			if (decode_all(rows[i].codec, packed.ptr, packed.len,
				       packed.len - len, &out, &err) != -NF_E_FORMAT)
				fail_msg(
					"%s: tail %zu in a run of its own was not noticed",
					rows[i].tool, t);
		}
	}
}

static void truncation_is_detected_at_every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf packed = { 0 };

		run_tool(&packed, rows[i].tool, plain, 5000);
		for (size_t len = 0; len < packed.len; len += len < 40 ? 1 : 37) {
			AUTO_BUF struct buf out = { 0 };
			struct nf_err err;
			int rc = decode_all(rows[i].codec, packed.ptr, len, 100, &out,
					    &err);

			if (rc != -NF_E_FORMAT)
				fail_msg("%s: %zu of %zu bytes gave %d", rows[i].tool,
					 len, packed.len, rc);
		}
	}
}

static void truncated_second_member_is_detected(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf packed = { 0 };
		size_t first;

		run_tool(&packed, rows[i].tool, "hello", 5);
		first = packed.len;
		for (size_t len = 1; len < first; len++) {
			AUTO_BUF struct buf out = { 0 };
			struct nf_err err;
			int rc;

			packed.len = first;
			buf_add(&packed, packed.ptr, len);
			rc = decode_all(rows[i].codec, packed.ptr, packed.len, 0, &out,
					&err);
			if (rc != -NF_E_FORMAT)
				fail_msg("%s: %zu of %zu bytes gave %d", rows[i].tool,
					 len, first, rc);
		}
	}
}

static void only_uncompressed_input_may_be_empty(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err;

	(void)state;
	assert_int_equal(decode_all(CODEC_NONE, NULL, 0, 0, &out, &err), 0);
	assert_int_equal(out.len, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(decode_all(rows[i].codec, NULL, 0, 0, &out, &err),
				 -NF_E_FORMAT);
}

static void none_passes_bytes_through(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct nf_err err;

	(void)state;
	assert_int_equal(decode_all(CODEC_NONE, plain, 1000, 7, &out, &err), 0);
	assert_int_equal(out.len, 1000);
	assert_memory_equal(out.ptr, plain, 1000);
}

static void frames_of_zstd_before_0_8_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		const char *error;
	} legacy[] = {
		{ "\x1e\xb5\x2f\xfd....", "zstd data: not in this format" },
		{ "\x25\xb5\x2f\xfd....", "zstd data: not in this format" },
		{ "\x27\xb5\x2f\xfd....", "zstd data: not in this format" },
	};
	AUTO_BUF struct buf packed = { 0 }, out = { 0 };
	struct nf_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		assert_int_equal(
			decode_all(CODEC_ZSTD, legacy[i].bytes, 8, 1, &out, &err),
			-NF_E_FORMAT);
		assert_string_equal(err.text, legacy[i].error);
	}
	run_tool(&packed, "zstd -q -c", "hello", 5);
	buf_add(&packed, legacy[0].bytes, 8);
	assert_int_equal(decode_all(CODEC_ZSTD, packed.ptr, packed.len, 0, &out, &err),
			 -NF_E_FORMAT);
	assert_string_equal(err.text, "zstd data: unexpected data after its end");
	buf_release(&out);
}

static void zeros_after_gzip_are_padding(void **state)
{
	static const size_t counts[] = { 1, 100, 200000 };
	static const char zeros[200000];
	AUTO_BUF struct buf packed = { 0 }, padded = { 0 }, out = { 0 };
	struct nf_err err;

	(void)state;
	run_tool(&packed, "gzip -c", "hello", 5);
	buf_init(&padded, 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		for (size_t step = 1; step <= 4096; step *= 8) {
			buf_clear(&padded);
			buf_add_slice(&padded, buf_slice(&packed));
			buf_add(&padded, zeros, counts[i]);
			assert_int_equal(decode_all(CODEC_GZIP, padded.ptr, padded.len,
						    step, &out, &err),
					 0);
			assert_true(nf_slice_is(buf_slice(&out), "hello"));
			buf_release(&out);
		}
		buf_add_char(&padded, 'x');
		assert_int_equal(
			decode_all(CODEC_GZIP, padded.ptr, padded.len, 64, &out, &err),
			-NF_E_FORMAT);
		assert_string_equal(err.text, "gzip data: unexpected data after its end");
		buf_release(&out);
	}
}

static void skippable_frames_are_skipped(void **state)
{
	AUTO_BUF struct buf packed = { 0 }, out = { 0 };
	struct nf_err err;

	(void)state;
	run_tool(&packed, "printf '\\120\\052\\115\\030\\003\\0\\0\\0abc'; zstd -q -c",
		 "hello", 5);
	buf_add(&packed, "\x5f\x2a\x4d\x18\0\0\0\0", 8);
	if (decode_all(CODEC_ZSTD, packed.ptr, packed.len, 1, &out, &err))
		fail_msg("%s", err.text);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.ptr, "hello", 5);
}

static void flipped_bit_is_detected(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf packed = { 0 };

		if (!rows[i].has_checksum)
			continue;
		run_tool(&packed, rows[i].tool, plain, 5000);
		for (size_t at = packed.len / 2; at < packed.len / 2 + 8; at++) {
			AUTO_BUF struct buf out = { 0 };
			struct nf_err err;

			packed.ptr[at] ^= 4;
			if (decode_all(rows[i].codec, packed.ptr, packed.len, 0, &out,
				       &err) != -NF_E_FORMAT)
				fail_msg("%s: byte %zu", rows[i].tool, at);
			packed.ptr[at] ^= 4;
		}
	}
}

static void bytes_of_another_format_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };
		struct nf_err err;

		assert_int_equal(decode_all(rows[i].codec, plain, 1000, 0, &out, &err),
				 -NF_E_FORMAT);
		assert_non_null(strstr(err.text, codec_name(rows[i].codec)));
	}
}

static void nested_compression_is_not_decoded(void **state)
{
	AUTO_BUF struct buf once = { 0 }, twice = { 0 }, out = { 0 };
	struct nf_err err;

	(void)state;
	run_tool(&once, "gzip -c", plain, 5000);
	run_tool(&twice, "xz -1 -c", once.ptr, once.len);
	assert_int_equal(decode_all(CODEC_XZ, twice.ptr, twice.len, 0, &out, &err), 0);
	assert_int_equal(out.len, once.len);
	assert_memory_equal(out.ptr, once.ptr, once.len);
}

static void a_zstd_window_over_the_limit_is_refused(void **state)
{
	AUTO_BUF struct buf packed = { 0 }, out = { 0 };
	struct nf_err err;

	(void)state;
	run_tool(
		&packed,
		"cat - /dev/zero 2>/dev/null | head -c 300000000 | zstd -q -c --ultra --long=30",
		plain, 10);
	assert_int_equal(decode_all(CODEC_ZSTD, packed.ptr, packed.len, 0, &out, &err),
			 -NF_E_LIMIT);
	assert_string_equal(err.text, "zstd data: its window exceeds 128 MiB");
}

/* Returns its bytes, then fails, once. */
struct failing_source {
	struct nf_source source;
	struct nf_slice bytes;
	bool failed;
};

static int failing_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct failing_source *f = (struct failing_source *)s;

	*ret = f->bytes;
	if (f->bytes.len) {
		f->bytes.len = 0;
		return 0;
	}
	assert_false(f->failed);
	f->failed = true;
	return err_set(err, NF_E_HASH, "block 7 is damaged");
}

static void failing_close(struct nf_source *s)
{
	(void)s;
}

static void an_error_of_the_input_passes_through(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf packed = { 0 };

		run_tool(&packed, rows[i].tool, "hello", 5);
		/* At once, after some bytes, and where the member has ended. */
		for (size_t len = 0; len <= packed.len; len++) {
			struct failing_source f = {
				.source = { failing_next, failing_close },
				.bytes = nf_slice(packed.ptr, len),
			};
			AUTO(source_closep)
			struct nf_source *s = decoder_new(rows[i].codec, &f.source);
			struct nf_err err;

			if (source_drain(s, &err) != -NF_E_HASH)
				fail_msg("%s, %zu bytes: %s", rows[i].tool, len,
					 err.text);
			assert_string_equal(err.text, "block 7 is damaged");
		}
	}
}

static void encode_plain(struct buf *out, struct zstd_encoder *e, size_t len,
			 size_t chunk)
{
	struct buf_sink sink;
	struct nf_err err;

	buf_init(out, 1 << 22);
	buf_sink_init(&sink, out);
	assert_int_equal(zstd_encoder_start(e, &sink.sink, len, &err), 0);
	for (size_t at = 0; at < len; at += chunk) {
		size_t n = len - at < chunk ? len - at : chunk;

		assert_int_equal(sink_write(zstd_encoder_sink(e), plain + at, n, &err),
				 0);
	}
	assert_int_equal(zstd_encoder_finish(e, &err), 0);
}

static void encoding_does_not_depend_on_the_sizes_of_writes(void **state)
{
	static const size_t lens[] = { 0, 1, 1000, 131072, PLAIN_SIZE };
	static const size_t chunks[] = { PLAIN_SIZE, 1000, 131072, 131073, 77 };
	static const int levels[] = { 1, 3, 9 };

	(void)state;
	for (size_t l = 0; l < ARRAY_SIZE(levels); l++) {
		AUTO(zstd_encoder_freep)
		struct zstd_encoder *e = zstd_encoder_new(levels[l]);

		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			AUTO_BUF struct buf first = { 0 }, back = { 0 };
			struct nf_err err;

			encode_plain(&first, e, lens[i], chunks[0]);
			for (size_t c = 1; c < ARRAY_SIZE(chunks); c++) {
				AUTO_BUF struct buf other = { 0 };

				encode_plain(&other, e, lens[i], chunks[c]);
				assert_int_equal(other.len, first.len);
				assert_memory_equal(other.ptr, first.ptr, first.len);
			}
			assert_int_equal(decode_all(CODEC_ZSTD, first.ptr, first.len, 0,
						    &back, &err),
					 0);
			assert_int_equal(back.len, lens[i]);
			if (lens[i])
				assert_memory_equal(back.ptr, plain, lens[i]);
		}
	}
}

static void zstd_tool_decodes_our_output(void **state)
{
	AUTO(zstd_encoder_freep) struct zstd_encoder *e = zstd_encoder_new(3);
	AUTO_BUF struct buf packed = { 0 }, back = { 0 }, list = { 0 };

	(void)state;
	encode_plain(&packed, e, PLAIN_SIZE, 777);
	run_tool(&back, "zstd -q -dc", packed.ptr, packed.len);
	assert_int_equal(back.len, PLAIN_SIZE);
	assert_memory_equal(back.ptr, plain, PLAIN_SIZE);
	run_tool(&list, "{ f=$(mktemp) && cat >$f && zstd -lv $f; rm $f; }", packed.ptr,
		 packed.len);
	assert_non_null(strstr(list.ptr, "(300000 B)")); /* the content's size */
	assert_non_null(strstr(list.ptr, "Check: XXH64"));
}

static void frame_with_excess_bytes_is_an_error(void **state)
{
	AUTO(zstd_encoder_freep) struct zstd_encoder *e = zstd_encoder_new(3);
	AUTO_BUF struct buf out = { 0 };
	struct buf_sink sink;
	struct nf_err err;
	int rc;

	(void)state;
	buf_init(&out, 1 << 20);
	buf_sink_init(&sink, &out);
	assert_int_equal(zstd_encoder_start(e, &sink.sink, 10, &err), 0);
	rc = sink_write(zstd_encoder_sink(e), plain, 11, &err);
	if (!rc)
		rc = zstd_encoder_finish(e, &err);
	assert_int_equal(rc, -NF_E_SYS);
	/* The encoder is good for another frame. */
	buf_release(&out);
	encode_plain(&out, e, 1000, 100);
}

static void frame_with_missing_bytes_is_an_error(void **state)
{
	AUTO(zstd_encoder_freep) struct zstd_encoder *e = zstd_encoder_new(3);
	AUTO_BUF struct buf out = { 0 };
	struct buf_sink sink;
	struct nf_err err;

	(void)state;
	buf_init(&out, 1 << 20);
	buf_sink_init(&sink, &out);
	assert_int_equal(zstd_encoder_start(e, &sink.sink, 10, &err), 0);
	assert_int_equal(sink_write(zstd_encoder_sink(e), plain, 9, &err), 0);
	assert_int_equal(zstd_encoder_finish(e, &err), -NF_E_SYS);
}

static void names_are_those_of_a_narinfo(void **state)
{
	enum codec codec;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(codec_parse(&codec, nf_slice_str(codec_name(rows[i].codec))));
		assert_int_equal(codec, rows[i].codec);
	}
	assert_true(codec_parse(&codec, NF_SLICE_LIT("none")));
	assert_false(codec_parse(&codec, NF_SLICE_LIT("lrzip")));
	assert_false(codec_parse(&codec, NF_SLICE_LIT("")));
}

static void magic_bytes_take_precedence_over_the_name(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum codec named, found;
	} begins[] = {
		{ "\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0", 24, CODEC_XZ, CODEC_NONE },
		{ "\xfd\x37zXZ\0\0\4", 8, CODEC_NONE, CODEC_XZ },
		{ "\x28\xb5\x2f\xfd", 4, CODEC_BR, CODEC_ZSTD },
		{ "\x28\xb5\x2f\xfd", 3, CODEC_BR, CODEC_BR },
		{ "BZh9", 4, CODEC_NONE, CODEC_BZIP2 },
		{ "\x1f\x8b\x08", 3, CODEC_XZ, CODEC_GZIP },
		/* As likely as others there. */
		{ "\x1f\x8b\x08", 3, CODEC_BR, CODEC_BR },
		{ "BZh9", 4, CODEC_LZMA, CODEC_LZMA },
		{ "\x04\x22\x4d\x18", 4, CODEC_NONE, CODEC_LZ4 },
		{ "LZIP\1", 5, CODEC_NONE, CODEC_LZIP },
		{ "hello", 5, CODEC_ZSTD, CODEC_ZSTD },
		{ "", 0, CODEC_ZSTD, CODEC_ZSTD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		assert_int_equal(codec_detect(begins[i].named,
					      nf_slice(begins[i].bytes, begins[i].len)),
				 begins[i].found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(magic_bytes_take_precedence_over_the_name),
		cmocka_unit_test(each_codec_decodes_what_its_tool_wrote),
		cmocka_unit_test(concatenated_members_are_one_stream),
		cmocka_unit_test(data_after_the_end_is_refused),
		cmocka_unit_test(truncation_is_detected_at_every_length),
		cmocka_unit_test(truncated_second_member_is_detected),
		cmocka_unit_test(only_uncompressed_input_may_be_empty),
		cmocka_unit_test(none_passes_bytes_through),
		cmocka_unit_test(frames_of_zstd_before_0_8_are_refused),
		cmocka_unit_test(zeros_after_gzip_are_padding),
		cmocka_unit_test(skippable_frames_are_skipped),
		cmocka_unit_test(flipped_bit_is_detected),
		cmocka_unit_test(bytes_of_another_format_are_refused),
		cmocka_unit_test(nested_compression_is_not_decoded),
		cmocka_unit_test(a_zstd_window_over_the_limit_is_refused),
		cmocka_unit_test(an_error_of_the_input_passes_through),
		cmocka_unit_test(encoding_does_not_depend_on_the_sizes_of_writes),
		cmocka_unit_test(zstd_tool_decodes_our_output),
		cmocka_unit_test(frame_with_excess_bytes_is_an_error),
		cmocka_unit_test(frame_with_missing_bytes_is_an_error),
		cmocka_unit_test(names_are_those_of_a_narinfo),
	};

	make_plain();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
