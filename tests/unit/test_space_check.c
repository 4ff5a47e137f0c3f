#include "cmd/space_check.h"

#include <string.h>

#include "expect.h"

#define GIB (1ULL << 30)

static struct space_use use(const char *kind, dev_t dev, uint64_t free, uint64_t needed)
{
	return (struct space_use){
		.kind = kind,
		.name = kind,
		.space = { .dev = dev, .bytes = free, .inodes = 10 },
		.bytes = needed,
		.inodes = 4,
	};
}

static void expect_refusal(const struct space_use *uses, size_t count, const char *has,
			   const char *lacks)
{
	struct nf_err err = { 0 };

	assert_int_equal(space_check(uses, count, &err), -NF_E_NOSPACE);
	if (!strstr(err.text, has) || (lacks && strstr(err.text, lacks)))
		fail_msg("%s", err.text);
}

static void data_that_fits_is_accepted(void **state)
{
	const struct space_use uses[] = { use("pool", 1, GIB, GIB),
					  use("store", 2, GIB, GIB) };

	(void)state;
	assert_int_equal(space_check(uses, 2, NULL), 0);
	assert_int_equal(space_check(uses, 0, NULL), 0);
}

static void each_file_system_must_have_room(void **state)
{
	const struct space_use uses[] = { use("pool", 1, GIB, GIB),
					  use("store", 2, GIB, GIB + 1) };

	(void)state;
	expect_refusal(uses, 2, "store 'store'", "pool");
	expect_refusal(uses, 2, "1.00 GiB", NULL);
}

/* Each alone would fit. */
static void uses_of_one_file_system_are_added_up(void **state)
{
	struct space_use uses[] = { use("pool", 1, GIB, GIB / 2),
				    use("output", 2, GIB, GIB),
				    use("store", 1, GIB, GIB / 2) };

	(void)state;
	assert_int_equal(space_check(uses, 3, NULL), 0);
	uses[2].bytes++;
	expect_refusal(uses, 3, "the file system of pool 'pool' and store 'store'",
		       "output");
}

static void inodes_count_too(void **state)
{
	struct space_use uses[] = { use("pool", 1, GIB, 1), use("store", 1, GIB, 1) };

	(void)state;
	uses[1].inodes = 6;
	assert_int_equal(space_check(uses, 2, NULL), 0);
	uses[1].inodes = 7;
	expect_refusal(uses, 2, "10 free inodes", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_that_fits_is_accepted),
		cmocka_unit_test(each_file_system_must_have_room),
		cmocka_unit_test(uses_of_one_file_system_are_added_up),
		cmocka_unit_test(inodes_count_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
