#include "base/prefix_codec.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "expect.h"

static char *make_noise(size_t len)
{
	char *p = mem_alloc(len);
	unsigned seed = 1;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = (char)(seed >> 16);
	}
	return p;
}

static void what_is_in_the_prefix_costs_little(void **state)
{
	enum {
		PREFIX = 8 * 1024 * 1024,
		LEN = 4 * 1024 * 1024
	};
	AUTO(prefix_encoder_freep) struct prefix_encoder *e = prefix_encoder_new(3);
	AUTO_FREE char *prefix = make_noise(PREFIX);
	AUTO_FREE char *in = mem_dup(prefix + 12345, LEN);
	AUTO_FREE char *out = mem_alloc(LEN);
	struct prefix_decoder *d = prefix_decoder_new();
	AUTO_BUF struct buf frame = { 0 };

	(void)state;
	memset(in + LEN / 2, 'x', 10);
	buf_init(&frame, MIB);
	assert_int_equal(prefix_encode(e, nf_slice(prefix, PREFIX), nf_slice(in, LEN),
				       &frame, NULL),
			 0);
	assert_true(frame.len < 1000);
	assert_int_equal(prefix_decode(d, nf_slice(prefix, PREFIX), buf_slice(&frame),
				       out, LEN, NULL),
			 0);
	assert_memory_equal(in, out, LEN);
	prefix_decoder_free(d);
}

static void frames_follow_each_other_with_and_without_a_prefix(void **state)
{
	static const char *const prefixes[] = { "", "a prefix", "" };
	AUTO(prefix_encoder_freep) struct prefix_encoder *e = prefix_encoder_new(19);
	struct prefix_decoder *d = prefix_decoder_new();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct nf_slice prefix = nf_slice_str(prefixes[i]);
		AUTO_BUF struct buf frame = { 0 };
		char out[8];

		buf_init(&frame, KIB);
		assert_int_equal(
			prefix_encode(e, prefix, NF_SLICE_LIT("a prefix"), &frame, NULL),
			0);
		assert_int_equal(
			prefix_decode(d, prefix, buf_slice(&frame), out, 8, NULL), 0);
		assert_memory_equal(out, "a prefix", 8);
		assert_int_equal(
			prefix_decode(d, prefix, buf_slice(&frame), out, 7, NULL),
			-NF_E_FORMAT);
	}
	prefix_decoder_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_the_prefix_costs_little),
		cmocka_unit_test(frames_follow_each_other_with_and_without_a_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
