#include "format/path_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/hash.h"

static void names_are_split(void **state)
{
	static const struct {
		const char *path_name, *name, *version;
	} rows[] = {
		{ "glibc-2.35-224", "glibc", "2.35-224" },
		{ "glibc-2.35-224-bin", "glibc", "2.35-224" },
		{ "glibc-multi-2.35-lib32", "glibc-multi", "2.35" },
		{ "perl5.36.0-Foo-Bar-1.2", "perl5.36.0-Foo-Bar", "1.2" },
		{ "x-unstable-2022-01-01", "x-unstable", "2022-01-01" },
		{ "x-2-Bin", "x", "2-Bin" },
		{ "x-2-lib16", "x", "2-lib16" },
		{ "system-path", "system", "" },
		{ "etc", "etc", "" },
		{ "unit-a.service", "unit-a.service", "" },
		{ "a-_1", "a", "_1" },
		{ "a-", "a-", "" },
		{ "a--1", "a", "-1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nf_slice name, version;

		path_diff_split(nf_slice_str(rows[i].path_name), &name, &version);
		if (!nf_slice_is(name, rows[i].name) ||
		    !nf_slice_is(version, rows[i].version))
			fail_msg("%s: '%.*s' '%.*s'", rows[i].path_name,
				 NF_SLICE_ARG(name), NF_SLICE_ARG(version));
	}
}

/* "A NAME SIZE" for each path: A is the first letter of its hash part, and "A!" has other
 * contents. */
static struct path_diff_side make_side(const char *text)
{
	struct path_diff_side side = { 0 };
	char letter, mark, name[64];
	unsigned size;
	int len;

	while (sscanf(text, " %c%c%63s %u%n", &letter, &mark, name, &size, &len) == 4) {
		struct path_diff_item item = { .nar_size = size };
		char base[128];

		snprintf(base, sizeof(base), "%c0000000000000000000000000000000-%s",
			 letter, name);
		assert_int_equal(
			nf_storepath_parse_base(&item.path, nf_slice_str(base), NULL), 0);
		hash_bytes(&item.nar_hash, NF_SHA256, &mark, 1);
		path_diff_add(&side, &item);
		text += len;
	}
	return side;
}

static void add_version(void *ctx, struct nf_slice version)
{
	buf_addf(ctx, " %.*s", NF_SLICE_ARG(version));
}

static void add_size(struct buf *out, const struct path_diff_paths *paths)
{
	if (paths->has_size)
		buf_addf(out, " %u", (unsigned)paths->size);
	else
		buf_add_str(out, " ?");
}

/* "NAME KIND VERSIONS GONE -> VERSIONS NEW, SIZES;" of each package that differs. */
static void assert_diff(const char *before, const char *after, const char *want)
{
	static const char kinds[] = "=CAXR";
	struct path_diff_side a = make_side(before), b = make_side(after);
	AUTO(path_diff_freep) struct path_diff *d = path_diff_new(&a, &b);
	AUTO_BUF struct buf out = { 0 };

	buf_init(&out, 4096);
	for (size_t i = 0; i < d->count; i++) {
		const struct path_diff_package *p = &d->packages[i];

		if (p->kind == PATH_DIFF_SAME)
			continue;
		buf_addf(&out, "%.*s %c", NF_SLICE_ARG(p->name), kinds[p->kind]);
		path_diff_versions(&p->before, &p->after, add_version, &out);
		buf_add_str(&out, " ->");
		path_diff_versions(&p->after, &p->before, add_version, &out);
		buf_add_char(&out, ',');
		add_size(&out, &p->before);
		add_size(&out, &p->after);
		buf_add_str(&out, "; ");
	}
	if (d->same_names)
		buf_addf(&out, "same names %zu", d->same_names);
	assert_string_equal(out.len ? out.ptr : "", want);
	path_diff_side_release(&a);
	path_diff_side_release(&b);
}

static void packages_are_compared(void **state)
{
	(void)state;
	assert_diff("", "", "");
	assert_diff("a x-1 10", "a x-1 10", "");
	assert_diff("a x-1 10", "", "x X 1 ->, 10 0; ");
	assert_diff("", "a x-1 10", "x A -> 1, 0 10; ");
	assert_diff("a x-1 10", "b x-2 12", "x C 1 -> 2, 10 12; ");
	assert_diff("a x-1 10", "b x-1 12", "x R ->, 10 12; ");
	assert_diff("a x-1 10 b x-1-bin 5", "a x-1 10", "x R ->, 15 10; ");
	assert_diff("a x-1 10 b x-1-bin 5", "c x-2 10 d x-2-bin 6",
		    "x C 1 -> 2, 15 16; ");
	assert_diff("b x-2 1 a x-1 1", "b x-2 1 c x-3 1", "x C 1 -> 3, 2 2; ");
	assert_diff("a y-1 1 b w-1 1", "c z-1 1 b w-1 1",
		    "y X 1 ->, 1 0; z A -> 1, 0 1; ");
	assert_diff("a etc 1", "b etc 1 c etc-2 1", "etc C -> 2, 1 2; ");
}

static void the_same_path_with_other_contents_differs(void **state)
{
	(void)state;
	assert_diff("a x-1 10", "a!x-1 10", "x R ->, 10 10; same names 1");
}

static void sizes_come_from_the_side_that_knows_them(void **state)
{
	(void)state;
	assert_diff("a x-1 0 b x-2 7", "a x-1 10", "x C 2 ->, 17 10; ");
	assert_diff("a x-1 10 b x-2 7", "a x-1 0", "x C 2 ->, 17 10; ");
	assert_diff("a x-1 0", "b x-1 3", "x R ->, ? 3; ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_split),
		cmocka_unit_test(packages_are_compared),
		cmocka_unit_test(the_same_path_with_other_contents_differs),
		cmocka_unit_test(sizes_come_from_the_side_that_knows_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
