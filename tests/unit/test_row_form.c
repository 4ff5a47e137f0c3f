#include "store/row_form.h"

#include <string.h>

#include "expect.h"
#include "fake_sig.h"

#define GOOD_HASH                                                                        \
	"sha256:"                                                                        \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DRV "/nix/store/00000000000000000000000000000000-x.drv"

static struct nf_slice text(const char *s)
{
	return s ? nf_slice_str(s) : (struct nf_slice){ 0 };
}

static void each_text_is_judged_by_itself(void **state)
{
	static const struct {
		const char *hash, *deriver, *sigs, *ca;
		int64_t size;
		unsigned faults;
	} rows[] = {
		{ GOOD_HASH, NULL, NULL, NULL, 0, 0 },
		{ GOOD_HASH, DRV, "a-1:" FAKE_SIG("s") " b-1:" FAKE_SIG("t"),
		  "fixed:r:" GOOD_HASH, 120, 0 },
		{ "md5:d41d8cd98f00b204e9800998ecf8427e", NULL, NULL, NULL, 1, 0 },
		/* Of algorithms that come later nothing is known. */
		{ GOOD_HASH, NULL, NULL, "fixed:git:sha1:x", 1, 0 },
		{ GOOD_HASH, NULL, NULL, "fixed:r:blake9:x", 1, 0 },
		{ GOOD_HASH, NULL, "", "", 1, 0 },
		{ "sha256:12", NULL, NULL, NULL, 1, ROW_HASH },
		{ NULL, NULL, NULL, NULL, 1, ROW_HASH },
		{ GOOD_HASH, NULL, NULL, NULL, -1, ROW_SIZE },
		{ GOOD_HASH, "", NULL, NULL, 1, ROW_DERIVER },
		{ GOOD_HASH, "unknown-deriver", NULL, NULL, 1, ROW_DERIVER },
		{ GOOD_HASH, DRV "/below", NULL, NULL, 1, ROW_DERIVER },
		{ GOOD_HASH, NULL, "x:%%%", NULL, 1, ROW_SIGS },
		{ GOOD_HASH, NULL, "a-1:" FAKE_SIG("s") " x", NULL, 1, ROW_SIGS },
		{ GOOD_HASH, NULL, NULL, "nonsense", 1, ROW_CA },
		{ GOOD_HASH, NULL, NULL, "fixed:sha256", 1, ROW_CA },
		{ GOOD_HASH, NULL, NULL, "text:sha256:0", 1, ROW_CA },
		{ "", "", ":", ":", -5,
		  ROW_HASH | ROW_SIZE | ROW_DERIVER | ROW_SIGS | ROW_CA },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct store_db_row row = {
			.hash = text(rows[i].hash),
			.deriver = text(rows[i].deriver),
			.sigs = text(rows[i].sigs),
			.ca = text(rows[i].ca),
			.nar_size = rows[i].size,
		};
		struct nf_hash hash;
		unsigned faults = row_form_judge(&row, &hash);

		if (faults != rows[i].faults)
			fail_msg("row %zu: %u instead of %u", i, faults, rows[i].faults);
	}
}

static void faults_are_named_as_a_list(void **state)
{
	static const struct {
		unsigned faults;
		const char *names;
	} lists[] = {
		{ ROW_HASH, "hash" },
		{ ROW_CA, "content address" },
		{ ROW_SIGS | ROW_CA, "signatures and content address" },
		{ ROW_HASH | ROW_SIZE | ROW_DERIVER, "hash, size and deriver" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, 256);
		row_form_name(&out, lists[i].faults);
		assert_string_equal(out.ptr, lists[i].names);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_text_is_judged_by_itself),
		cmocka_unit_test(faults_are_named_as_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
