#include "base/progress_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/stream.h"

static const char text[] = "twelve bytes";

static void passing_bytes_are_counted(void **state)
{
	struct progress *p = progress_new();
	struct nf_source *s =
		progress_source(source_of_memory(text, 12, 5), p, PROGRESS_WORK_DONE);
	struct nf_slice run;
	struct nf_err err;

	(void)state;
	assert_int_equal(source_next(s, &run, &err), 0);
	assert_int_equal(run.len, 5);
	assert_memory_equal(run.ptr, text, 5);
	assert_int_equal(progress_get(p, PROGRESS_WORK_DONE), 5);
	assert_int_equal(source_drain(s, &err), 0);
	source_close(s);
	assert_int_equal(progress_get(p, PROGRESS_WORK_DONE), 12);
	assert_int_equal(progress_get(p, PROGRESS_BYTES_DONE), 0);
	progress_free(p);
}

static void progress_of_a_failed_source_is_subtracted(void **state)
{
	struct progress *p = progress_new();
	struct nf_source *s =
		progress_source(source_sized(source_of_memory(text, 12, 5), 9, "it"), p,
				PROGRESS_WORK_DONE);
	struct nf_slice run;
	struct nf_err err;

	(void)state;
	progress_add(p, PROGRESS_WORK_DONE, 100);
	assert_int_equal(source_next(s, &run, &err), 0);
	assert_int_equal(source_next(s, &run, &err), -NF_E_HASH);
	assert_int_equal(progress_get(p, PROGRESS_WORK_DONE), 105);
	source_close(s);
	assert_int_equal(progress_get(p, PROGRESS_WORK_DONE), 100);
	progress_free(p);
}

static void without_a_progress_it_only_passes_on(void **state)
{
	struct nf_source *s =
		progress_source(nf_source_of_memory(text, 12), NULL, PROGRESS_WORK_DONE);
	struct nf_err err;

	(void)state;
	assert_int_equal(source_drain(s, &err), 0);
	source_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passing_bytes_are_counted),
		cmocka_unit_test(progress_of_a_failed_source_is_subtracted),
		cmocka_unit_test(without_a_progress_it_only_passes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
