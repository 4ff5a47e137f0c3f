/* An interruption takes effect within one NAR, wherever the time is spent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/nar_checked.h"

/* Returns the same bytes forever, and interrupts at the third call. */
struct endless {
	struct nf_source source;
	struct nf_slice bytes;
	int given;
};

static int endless_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct endless *e = (struct endless *)s;

	(void)err;
	assert_true(e->given < 5);
	if (++e->given == 3)
		interrupt_set(true);
	*ret = e->bytes;
	return 0;
}

static void endless_close(struct nf_source *s)
{
	(void)s;
}

static struct endless endless_of(const void *p, size_t len)
{
	return (struct endless){ .source = { endless_next, endless_close },
				 .bytes = nf_slice(p, len) };
}

static void decoding_ends_without_output(void **state)
{
	/* A frame that decoders skip. */
	static const char skipped[] = { 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0 };
	struct endless in = endless_of(skipped, sizeof(skipped));
	AUTO(source_closep)
	struct nf_source *s = decoder_new(CODEC_ZSTD, &in.source);
	struct nf_slice run;
	struct nf_err err;

	(void)state;
	assert_int_equal(source_next(s, &run, &err), -NF_E_INTR);
	interrupt_set(false);
}

static void reading_an_uncompressed_nar_ends(void **state)
{
	static char zeros[4096];
	struct endless in = endless_of(zeros, sizeof(zeros));
	struct nf_pathinfo info = { .nar_size = GIB };
	struct nf_trusted t = { .info = &info };
	AUTO(source_closep) struct nf_source *s = nar_checked_source(&in.source, &t);
	struct nf_err err;

	(void)state;
	assert_int_equal(source_drain(s, &err), -NF_E_INTR);
	assert_int_equal(in.given, 3);
	interrupt_set(false);
}

/* Interrupts at the first output. */
struct interrupting_sink {
	struct nf_sink sink;
	size_t len;
};

static int interrupting_write(struct nf_sink *s, const void *p, size_t len,
			      struct nf_err *err)
{
	(void)p;
	(void)err;
	((struct interrupting_sink *)s)->len += len;
	interrupt_set(true);
	return 0;
}

static void encoding_ends_within_one_long_write(void **state)
{
	AUTO(zstd_encoder_freep) struct zstd_encoder *e = zstd_encoder_new(1);
	struct interrupting_sink out = { .sink = { .write = interrupting_write } };
	AUTO_FREE char *noise = mem_alloc(8 * MIB);
	struct nf_err err;
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < 8 * MIB; i++) {
		x = x * 1664525 + 1013904223;
		noise[i] = (char)(x >> 24);
	}
	assert_int_equal(zstd_encoder_start(e, &out.sink, 8 * MIB, &err), 0);
	assert_int_equal(sink_write(zstd_encoder_sink(e), noise, 8 * MIB, &err),
			 -NF_E_INTR);
	assert_true(out.len < MIB);
	interrupt_set(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding_ends_without_output),
		cmocka_unit_test(reading_an_uncompressed_nar_ends),
		cmocka_unit_test(encoding_ends_within_one_long_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
