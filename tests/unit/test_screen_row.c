#include "cmd/screen_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const struct screen plain = { .width = 21, .height = 24 };
static const struct screen rich = {
	.width = 21, .height = 24, .color = true, .utf8 = true
};

static void add_text(struct screen_row *r, enum screen_style style, const char *text)
{
	screen_row_add(r, style, nf_slice_str(text));
}

static void add_cell(struct screen_row *r, const char *text, size_t width,
		     enum screen_side side)
{
	screen_row_cell(
		r, &(struct screen_cell){ nf_slice_str(text), width, side, SCREEN_WARN });
}

static void text_is_cut_at_the_last_but_one_column(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct screen_row r;

	(void)state;
	buf_init(&out, 512);
	screen_row_begin(&r, &out, &plain);
	add_text(&r, SCREEN_BOLD, "0123456789");
	add_text(&r, SCREEN_BAD, "abcdefghijklmno");
	add_text(&r, SCREEN_BAD, "more");
	assert_string_equal(out.ptr, "0123456789abcdefghij");
	assert_int_equal(r.left, 0);
}

static void what_a_terminal_would_obey_is_replaced(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct screen_row r;

	(void)state;
	buf_init(&out, 512);
	screen_row_begin(&r, &out, &rich);
	add_text(&r, SCREEN_PLAIN, "a\033[2J\n\x7f\xc2\x9b\xe2\x80\xae\x9bz");
	assert_string_equal(out.ptr, "a?[2J????????z");
	buf_clear(&out);
	screen_row_begin(&r, &out, &rich);
	add_cell(&r, "\033c\r", 5, SCREEN_LEFT);
	assert_string_equal(out.ptr, "\033[33m?c?\033[0m");
}

static void cells_are_padded_cut_or_dropped(void **state)
{
	AUTO_BUF struct buf out = { 0 };
	struct screen_row r;

	(void)state;
	buf_init(&out, 512);
	screen_row_begin(&r, &out, &plain);
	add_cell(&r, "ab", 4, SCREEN_LEFT);
	add_cell(&r, "cd", 4, SCREEN_RIGHT);
	add_cell(&r, "efghij", 4, SCREEN_RIGHT);
	add_cell(&r, "x", 6, SCREEN_RIGHT); /* one column too wide */
	add_cell(&r, "x", 4, SCREEN_RIGHT);
	assert_string_equal(out.ptr, "ab     cd efgh    x");
	buf_clear(&out);
	screen_row_begin(&r, &out, &plain);
	add_cell(&r, "a long name that goes on", 14, SCREEN_LEFT);
	assert_string_equal(out.ptr, "a long name...");
}

static void bar_shows_the_part_that_is_done(void **state)
{
	static const struct {
		uint64_t done, total;
		const char *plain, *rich;
	} rows[] = {
		{ 0, 100, "[>       ]", "\033[32m\033[0m\033[2m──────────\033[0m" },
		{ 50, 100, "[====>   ]", "\033[32m━━━━━\033[0m\033[2m─────\033[0m" },
		{ 99, 100, "[=======>]", "\033[32m━━━━━━━━━\033[0m\033[2m─\033[0m" },
		{ 100, 100, "[========]", "\033[32m━━━━━━━━━━\033[0m\033[2m\033[0m" },
		{ 200, 100, "[========]", "\033[32m━━━━━━━━━━\033[0m\033[2m\033[0m" },
		{ UINT64_MAX - 1, UINT64_MAX, "[========]",
		  "\033[32m━━━━━━━━━━\033[0m\033[2m\033[0m" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_BUF struct buf out = { 0 };
		struct screen_row r;

		buf_init(&out, 512);
		screen_row_begin(&r, &out, &plain);
		screen_row_bar(&r, 10, rows[i].done, rows[i].total);
		assert_string_equal(out.ptr, rows[i].plain);
		buf_clear(&out);
		screen_row_begin(&r, &out, &rich);
		screen_row_bar(&r, 10, rows[i].done, rows[i].total);
		assert_string_equal(out.ptr, rows[i].rich);
		assert_int_equal(r.left, 10);
	}
}

static void nothing_fits_on_no_columns(void **state)
{
	for (size_t width = 0; width < 4; width++) {
		const struct screen narrow = { .width = width, .height = 24 };
		AUTO_BUF struct buf out = { 0 };
		struct screen_row r;

		(void)state;
		buf_init(&out, 512);
		screen_row_begin(&r, &out, &narrow);
		screen_row_bar(&r, 8, 1, 2);
		add_cell(&r, "abcd", 4, SCREEN_LEFT);
		assert_int_equal(out.len, 0);
		add_text(&r, SCREEN_PLAIN, "abcdef");
		assert_int_equal(out.len, width ? width - 1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cut_at_the_last_but_one_column),
		cmocka_unit_test(what_a_terminal_would_obey_is_replaced),
		cmocka_unit_test(cells_are_padded_cut_or_dropped),
		cmocka_unit_test(bar_shows_the_part_that_is_done),
		cmocka_unit_test(nothing_fits_on_no_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
