#include "cmd/progress_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define MB (1ULL << 20)

/* A download in full swing: one cache of each kind, a large NAR, and a stalled one. */
static const struct progress_sample busy = {
	.now = {
		.phase = "fetching",
		.paths_done = 12, .paths_total = 430,
		.bytes_done = 300 * MB, .bytes_total = 1200 * MB,
		.resolved = 430, .resolving = 430,
		.items = {
			{ "0c0chgh2ckigyv5crknwvlx2zmyh2dc2-firefox-128.0", "fetch", 62 * MB,
			  138 * MB, 0, 0 },
			{ "glibc-2.36", "fetch", 1 * MB, 2 * MB, 0, 0 },
			{ "linux-6.1.55", "fetch", 1 * MB, 100 * MB, 12000, 1 },
			{ "bash-5.2", "fetch", 0, 1 * MB, 6000, 2 },
			{ "zlib-1.3", "fetch", 0, 0, 0, 0 },
			{ "openssl-3.0.12", "verify", 0, 0, 60000, -1 },
		},
		.item_count = 6,
		.caches = {
			{ "https://cache.nixos.org", NF_CACHE_USED, 250 * MB, 20, 0 },
			{ "http://magnolia:5000", NF_CACHE_USED, 50 * MB, 4, 100 },
			{ "https://seed.cachix.org", NF_CACHE_USED, 3 * MB, 2, 72000 },
			{ "http://10.0.0.9", NF_CACHE_GONE, 0, 0, 0 },
			{ "http://lan", NF_CACHE_NEW, 0, 1, 3000 },
		},
		.cache_count = 5,
	},
	.bytes_per_second = 35.0 * MB,
	.cache_speeds = { 30.0 * MB, 5.0 * MB, 200 },
};

static void expect_frame(const struct progress_sample *s, const struct screen *screen,
			 const char *want)
{
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, 65536);
	progress_frame(&out, s, screen);
	assert_string_equal(out.ptr, want);
}

static void busy_frame_at_20_columns(void **state)
{
	(void)state;
	expect_frame(&busy, &(struct screen){ .width = 20, .height = 24 },
		     "fetching  25%\n"
		     "cache.nixo fast\n"
		     "magnolia:5 slow\n"
		     "seed.cachi stalled\n"
		     "10.0.0.9   gone\n"
		     "lan        waiting\n"
		     "firefox-12 [==>   ]\n"
		     "linux-6.1. stalled\n"
		     "fetch 2\n"
		     "stalled 1\n"
		     "verify 1\n");
}

static void busy_frame_at_40_columns(void **state)
{
	(void)state;
	expect_frame(&busy, &(struct screen){ .width = 40, .height = 24 },
		     "fetching  25%  35.0 MiB/s  26 s left\n"
		     "  cache.nixos.org  fast      30.0 MiB/s\n"
		     "  magnolia:5000    slow      5.00 MiB/s\n"
		     "  seed.cachix.org  stalled\n"
		     "  10.0.0.9         gone\n"
		     "  lan              waiting\n"
		     "  firefox-128.0    [==>   ]  44%\n"
		     "  linux-6.1.55     stalled    1%\n"
		     "  fetch glibc-2.36, zlib-1.3\n"
		     "  stalled bash-5.2\n"
		     "  verify openssl-3.0.12\n");
}

static void busy_frame_at_80_columns(void **state)
{
	(void)state;
	expect_frame(
		&busy, &(struct screen){ .width = 80, .height = 24 },
		"fetching  [==>       ]  25%  12/430 paths  0.29/1.17 GiB  35.0 MiB/s  26 s left\n"
		"  cache.nixos.org        fast            30.0 MiB/s   250.0 MiB\n"
		"  magnolia:5000          slow            5.00 MiB/s    50.0 MiB\n"
		"  seed.cachix.org        stalled                       3.00 MiB\n"
		"  10.0.0.9               gone\n"
		"  lan                    waiting 3 s\n"
		"  firefox-128.0          [=====>      ]  44%   62.0/138.0 MiB  cache.nixos.org\n"
		"  linux-6.1.55           stalled 12 s     1%   1.00/100.0 MiB  magnolia:5000\n"
		"  fetch glibc-2.36, zlib-1.3\n"
		"  stalled bash-5.2\n"
		"  verify openssl-3.0.12\n");
}

static void busy_frame_at_200_columns(void **state)
{
	(void)state;
	expect_frame(
		&busy, &(struct screen){ .width = 200, .height = 24 },
		"fetching  [==============>                                           ]  25%  12/430 paths  0.29/1.17 GiB  35.0 MiB/s  26 s left\n"
		"  cache.nixos.org                              fast                                      30.0 MiB/s   250.0 MiB\n"
		"  magnolia:5000                                slow                                      5.00 MiB/s    50.0 MiB\n"
		"  seed.cachix.org                              stalled 1:12 min                                        3.00 MiB\n"
		"  10.0.0.9                                     gone\n"
		"  lan                                          waiting 3 s\n"
		"  firefox-128.0                                [=================>                    ]  44%   62.0/138.0 MiB  cache.nixos.org\n"
		"  linux-6.1.55                                 stalled 12 s                               1%   1.00/100.0 MiB  magnolia:5000\n"
		"  fetch glibc-2.36, zlib-1.3\n"
		"  stalled bash-5.2\n"
		"  verify openssl-3.0.12\n");
}

/* The columns of a row; each character of UTF-8 takes one. */
static size_t columns_in(const char *row, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (row[i] == '\033')
			i += strcspn(row + i, "m");
		else
			n += ((unsigned char)row[i] & 0xc0) != 0x80;
	}
	return n;
}

static void no_row_is_wider_and_no_frame_higher_than_the_screen(void **state)
{
	for (size_t width = 1; width < 230; width++) {
		for (size_t height = 1; height < 16; height += 2) {
			const struct screen screen = { width, height, width % 2,
						       height % 4 == 1 };
			AUTO_BUF struct buf out = { 0 };
			const char *row;
			size_t rows;

			(void)state;
			buf_init(&out, 65536);
			buf_add_str(&out, "");
			rows = progress_frame(&out, &busy, &screen);
			assert_true(rows < height);
			for (row = out.ptr; *row; row = strchr(row, '\n') + 1, rows--)
				assert_true(columns_in(row, strcspn(row, "\n")) < width);
			assert_int_equal(rows, 0);
		}
	}
}

static void names_of_others_carry_no_control_characters(void **state)
{
	static const struct progress_sample evil = {
		.now = {
			.phase = "fetching",
			.items = {
				{ "x\033[2J\a\xc2\x9b", "fetch", 0, 50 * MB, 0, 0 },
				{ "y\033]0;t\a\n", "fetch", 0, 0, 0, 0 },
			},
			.item_count = 2,
			.caches = {
				{ "http://\033[31m\n", NF_CACHE_USED, 1, 1, 0 },
				{ "http://\xe2\x80\xae", NF_CACHE_USED, 1, 1, 0 },
			},
			.cache_count = 2,
		},
	};
	static const struct progress_sample waiting = {
		.now = { .phase = "fetching", .waiting_for = "w\033[2J\n" },
	};
	AUTO_BUF struct buf out = { 0 };

	(void)state;
	buf_init(&out, 65536);
	progress_frame(&out, &evil, &(struct screen){ .width = 200, .height = 24 });
	progress_frame(&out, &waiting, &(struct screen){ .width = 200, .height = 24 });
	for (size_t i = 0; i < out.len; i++)
		assert_true(out.ptr[i] == '\n' ||
			    (out.ptr[i] >= ' ' && out.ptr[i] <= '~'));
	assert_non_null(strstr(out.ptr, "w?[2J?\n"));
}

static void small_frames(void **state)
{
	static const struct {
		struct progress_sample sample;
		const char *want;
	} rows[] = {
		{ { .now = { 0 } }, "starting\n" },
		{ { .now = { .phase = "resolving", .resolved = 3, .resolving = 9 } },
		  "resolving  3/9 path infos\n" },
		{ { .now = { .phase = "checking", .paths_done = 1 } },
		  "checking  1 path\n" },
		{ { .now = { .phase = "checking", .paths_done = 1, .paths_total = 2 } },
		  "checking  [====================>                    ]  50%  1/2 paths\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_frame(&rows[i].sample,
			     &(struct screen){ .width = 70, .height = 24 }, rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_frame_at_20_columns),
		cmocka_unit_test(busy_frame_at_40_columns),
		cmocka_unit_test(busy_frame_at_80_columns),
		cmocka_unit_test(busy_frame_at_200_columns),
		cmocka_unit_test(no_row_is_wider_and_no_frame_higher_than_the_screen),
		cmocka_unit_test(names_of_others_carry_no_control_characters),
		cmocka_unit_test(small_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
