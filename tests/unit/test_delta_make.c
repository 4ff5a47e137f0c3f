#include "delta/delta_make.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "delta_fixture.h"
#include "expect.h"
#include "nar_script.h"

#define BIG (9 * MIB + 5)

/* Bytes that do not compress. */
static char *make_noise(size_t len, unsigned seed)
{
	char *p = mem_alloc(len);

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		p[i] = (char)(seed >> 16);
	}
	return p;
}

struct tree_entry {
	const char *name;
	struct nf_slice content;
};

static void write_nar(struct buf *out, const struct tree_entry *entries, size_t count)
{
	struct buf_sink sink;
	struct nf_nar_writer *w;
	struct nf_nar_event ev = { .kind = NF_NAR_DIRECTORY };

	buf_init(out, 64 * MIB);
	buf_sink_init(&sink, out);
	w = nf_nar_writer_new(&sink.sink);
	assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		ev = (struct nf_nar_event){ .kind = NF_NAR_FILE,
					    .name = nf_slice_str(entries[i].name),
					    .size = entries[i].content.len };
		assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
		ev = (struct nf_nar_event){ .kind = NF_NAR_DATA,
					    .data = entries[i].content };
		assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
		ev = (struct nf_nar_event){ .kind = NF_NAR_FILE_END };
		assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
	}
	ev = (struct nf_nar_event){ .kind = NF_NAR_LEAVE };
	assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
	nf_nar_writer_free(w);
}

static void read_files(struct nar_files *f, struct nf_slice nar)
{
	struct nf_source *in = nf_source_of_memory(nar.ptr, nar.len);
	uint64_t size;

	assert_int_equal(nar_files_read(f, in, &size, NULL), 0);
	assert_int_equal(size, nar.len);
	source_close(in);
}

static int make_patch(struct buf *patch, struct nf_slice base, struct nf_slice new,
		      uint64_t max_size, struct nf_err *err)
{
	AUTO(hash_rewrite_freep) struct hash_rewrite *rewrite = delta_fixture_rewrite();
	AUTO(prefix_encoder_freep) struct prefix_encoder *encoder = prefix_encoder_new(3);
	AUTO(delta_base_closep) struct delta_base *b = delta_fixture_base(base);
	AUTO(delta_base_closep) struct delta_base *n = delta_fixture_base(new);
	struct nar_files base_files = { 0 }, files = { 0 };
	struct buf_sink sink;
	const struct delta_make_options opts = {
		.nar = n,
		.files = &files,
		.bases = &b,
		.base_files = &base_files,
		.base_count = 1,
		.rewrite = rewrite,
		.encoder = encoder,
		.max_size = max_size,
	};
	int rc;

	read_files(&base_files, base);
	read_files(&files, new);
	nar_files_sort(&base_files);
	buf_init(patch, 64 * MIB);
	buf_sink_init(&sink, patch);
	rc = delta_make(&opts, &sink.sink, err);
	nar_files_release(&base_files);
	nar_files_release(&files);
	return rc;
}

/* Makes a patch of at most MAX bytes, twice, and applies it. */
static void check_patch(const struct buf *base, const struct buf *new, size_t max)
{
	AUTO_BUF struct buf patch = { 0 };
	AUTO_BUF struct buf again = { 0 };
	AUTO_BUF struct buf made = { 0 };

	assert_int_equal(make_patch(&patch, buf_slice(base), buf_slice(new), max, NULL),
			 0);
	assert_int_equal(make_patch(&again, buf_slice(base), buf_slice(new), max, NULL),
			 0);
	assert_int_equal(patch.len, again.len);
	assert_memory_equal(patch.ptr, again.ptr, patch.len);
	buf_init(&made, 64 * MIB);
	assert_int_equal(delta_fixture_apply(&made, buf_slice(base), buf_slice(&patch),
					     new->len, 0, NULL),
			 0);
	assert_int_equal(made.len, new->len);
	assert_memory_equal(made.ptr, new->ptr, made.len);
}

static void a_rebuild_costs_some_bytes(void **state)
{
	AUTO_FREE char *noise = make_noise(BIG, 1);
	AUTO_FREE char *rebuilt = mem_dup(noise, BIG);
	AUTO_BUF struct buf base = { 0 };
	AUTO_BUF struct buf new = { 0 };

	(void)state;
	/* One of them is at the end of what a reader takes at once. */
	for (size_t at = 1000; at < BIG - 100; at += 262144 - 16) {
		memcpy(noise + at, DELTA_FIXTURE_OLD, 32);
		memcpy(rebuilt + at, DELTA_FIXTURE_NEW, 32);
	}
	write_nar(&base,
		  (struct tree_entry[]){ { "a", nf_slice(noise, BIG) },
					 { "b", NF_SLICE_LIT(DELTA_FIXTURE_OLD) } },
		  2);
	write_nar(&new,
		  (struct tree_entry[]){ { "a", nf_slice(rebuilt, BIG) },
					 { "b", NF_SLICE_LIT(DELTA_FIXTURE_NEW) } },
		  2);
	check_patch(&base, &new, 64);
}

static void changed_moved_and_new_files_are_found(void **state)
{
	AUTO_FREE char *noise = make_noise(BIG, 1);
	AUTO_FREE char *other = make_noise(100000, 2);
	AUTO_FREE char *changed = mem_alloc(BIG + 100);
	AUTO_BUF struct buf base = { 0 };
	AUTO_BUF struct buf new = { 0 };

	(void)state;
	memcpy(changed, noise, 5 * MIB);
	memcpy(changed + 5 * MIB, other, 100);
	memcpy(changed + 5 * MIB + 100, noise + 5 * MIB, BIG - 5 * MIB);
	write_nar(&base,
		  (struct tree_entry[]){ { "big", nf_slice(noise, BIG) },
					 { "moved-1.0", nf_slice(other, 100000) } },
		  2);
	write_nar(&new,
		  (struct tree_entry[]){ { "aside", NF_SLICE_LIT("new") },
					 { "big", nf_slice(changed, BIG + 100) },
					 { "empty", { 0 } },
					 { "moved-1.1", nf_slice(other, 100000) } },
		  4);
	check_patch(&base, &new, 2000);
}

static void nars_without_files_and_with_other_ones_are_made(void **state)
{
	AUTO_FREE char *noise = make_noise(5000, 1);
	AUTO_BUF struct buf base = { 0 };
	AUTO_BUF struct buf new = { 0 };
	AUTO_BUF struct buf empty = { 0 };

	(void)state;
	write_nar(&base, (struct tree_entry[]){ { "a", nf_slice(noise, 100) } }, 1);
	write_nar(&new, (struct tree_entry[]){ { "b", nf_slice(noise, 5000) } }, 1);
	write_nar(&empty, NULL, 0);
	check_patch(&base, &new, 6000);
	check_patch(&base, &empty, 1000);
	check_patch(&empty, &new, 6000);
	check_patch(&empty, &empty, 100);
}

static void a_patch_that_would_be_too_long_is_given_up(void **state)
{
	AUTO_FREE char *noise = make_noise(5000, 1);
	AUTO_BUF struct buf base = { 0 };
	AUTO_BUF struct buf new = { 0 };
	AUTO_BUF struct buf patch = { 0 };
	struct nf_err err = { 0 };

	(void)state;
	write_nar(&base, NULL, 0);
	write_nar(&new, (struct tree_entry[]){ { "b", nf_slice(noise, 5000) } }, 1);
	expect_error(err,
		     make_patch(&patch, buf_slice(&base), buf_slice(&new), 4000, &err),
		     NF_E_LIMIT, "the patch would be too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rebuild_costs_some_bytes),
		cmocka_unit_test(changed_moved_and_new_files_are_found),
		cmocka_unit_test(nars_without_files_and_with_other_ones_are_made),
		cmocka_unit_test(a_patch_that_would_be_too_long_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
