/* Writing: the same bytes in every way, and faults of inputs. */
#include <fcntl.h>
#include <ftw.h>
#include <nixferry/bundle.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/progress.h"
#include "bundle_fixture.h"
#include "format/bundle_write.h"

static void files_and_pipes_and_any_number_of_threads_give_the_same_bytes(void **state)
{
	static const size_t jobs[] = { 1, 2, 5, 0 };
	struct fixture f;
	uint8_t *bytes;
	size_t len;

	(void)state;
	fixture_large(&f);
	f.version = 2;
	bytes = fixture_bytes(&f, &len);
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		struct fixture_drain *drain = fixture_drain_open();
		int fd = fixture_file("", 0);
		uint8_t *other;
		size_t other_len;

		assert_int_equal(
			fixture_write(&f, fixture_drain_fd(drain), jobs[i], NULL), 0);
		other = fixture_drain_take(drain, &other_len);
		assert_int_equal(other_len, len);
		assert_memory_equal(other, bytes, len);

		assert_int_equal(fixture_write(&f, fd, jobs[i], NULL), 0);
		assert_int_equal(lseek(fd, 0, SEEK_END), len);
		assert_int_equal(pread(fd, other, len, 0), (ssize_t)len);
		assert_memory_equal(other, bytes, len);
		free(other);
		close(fd);
	}
	free(bytes);
	fixture_release(&f);
}

/* The worked example of docs/bundle-format.md. */
static void the_bytes_do_not_change_between_versions(void **state)
{
	static const char *const sums[] = {
		"sha256:acee8fc264238965aa5f1c187cbcf2befeb1d3474805db1f28c68f2a47baa6dc",
		"sha256:01d72f0bbe1e83fe89509a712def42be441793039ee6ca6351b69d1525977431",
	};

	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		char text[NF_HASH_TEXT_MAX];
		struct nf_hash hash;
		struct fixture f;
		uint8_t *bytes;
		size_t len;

		fixture_small_version(&f, version);
		bytes = fixture_bytes(&f, &len);
		hash_bytes(&hash, NF_SHA256, bytes, len);
		assert_string_equal(nf_hash_format(text, &hash, NF_HEX),
				    sums[version - 1]);
		free(bytes);
		fixture_release(&f);
	}
}

static void old_content_is_replaced(void **state)
{
	struct fixture f;
	uint8_t *bytes;
	size_t len;
	char *old;
	int fd;

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	old = calloc(1, 2 * len);
	fd = fixture_file(old, 2 * len);
	assert_int_equal(fixture_write(&f, fd, 2, NULL), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), len);
	assert_int_equal(lseek(fd, 0, SEEK_END), len);
	close(fd);
	free(old);
	free(bytes);
	fixture_release(&f);
}

static void a_file_that_is_appended_to_keeps_what_it_has(void **state)
{
	char head[4];
	struct fixture f;
	uint8_t *bytes, *other;
	size_t len;
	int fd;

	(void)state;
	fixture_large(&f);
	bytes = fixture_bytes(&f, &len);
	other = malloc(len);
	assert_non_null(other);
	for (int append = 0; append < 2; append++) {
		fd = fixture_file("old", 3);
		if (append)
			assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
		else
			assert_int_equal(lseek(fd, 0, SEEK_END), 3);
		assert_int_equal(fixture_write(&f, fd, 2, NULL), 0);
		assert_int_equal(pread(fd, head, 3, 0), 3);
		assert_memory_equal(head, "old", 3);
		assert_int_equal(pread(fd, other, len, 3), (ssize_t)len);
		assert_memory_equal(other, bytes, len);
		close(fd);
	}
	free(other);
	free(bytes);
	fixture_release(&f);
}

/* ---- inputs from files ---- */

struct files {
	struct fixture *f;
	atomic_size_t opened;
	size_t lie;	 /* from this open on, another byte at the end */
	size_t short_by; /* number of missing bytes */
};

static int open_input(void *ctx, size_t index, int *ret_fd, struct nf_err *err)
{
	struct files *files = ctx;
	const struct nf_bundle_input *input = &files->f->inputs[index];

	(void)err;
	*ret_fd = fixture_file(files->f->bytes[index],
			       (size_t)input->size - files->short_by);
	if (++files->opened > files->lie)
		assert_int_equal(pwrite(*ret_fd, "!", 1, (off_t)input->size - 1), 1);
	return 0;
}

/* Member 2 of the small bundle comes from a file. */
static void from_file(struct fixture *f)
{
	struct nf_bundle_input *input = &f->inputs[2];
	struct xxh3 *x = xxh3_new();

	xxh3_update(x, f->bytes[2], (size_t)input->size);
	xxh3_final(x, input->xxh3);
	xxh3_free(x);
	input->has_xxh3 = true;
	input->bytes = NULL;
	input->open = open_input;
}

static int write_with(struct files *files, int fd, struct nf_err *err)
{
	const struct nf_bundle_write_options opts = {
		.inputs = files->f->inputs,
		.input_count = files->f->count,
		.roots = &files->f->root,
		.root_count = 1,
		.key = files->f->key,
		.version = files->f->version,
		.open_ctx = files,
		.jobs = 3,
	};

	return nf_bundle_write(fd, "test.tar", &opts, err);
}

static void content_from_files_is_the_same_as_from_memory(void **state)
{
	struct fixture f;
	struct files files = { .f = &f, .lie = SIZE_MAX };
	uint8_t *bytes, *other;
	size_t len;
	int fd = fixture_file("", 0);

	(void)state;
	fixture_small(&f);
	bytes = fixture_bytes(&f, &len);
	other = malloc(len);
	from_file(&f);
	assert_int_equal(write_with(&files, fd, NULL), 0);
	assert_int_equal(pread(fd, other, len, 0), (ssize_t)len);
	assert_memory_equal(other, bytes, len);
	close(fd);
	free(other);
	free(bytes);
	fixture_release(&f);
}

static void bit_rot_is_found(void **state)
{
	struct fixture f;
	struct files files = { .f = &f, .lie = 0 };
	struct nf_err err;
	int fd = fixture_file("", 0);

	(void)state;
	fixture_small(&f);
	from_file(&f);
	assert_int_equal(write_with(&files, fd, &err), -NF_E_HASH);
	assert_string_equal(
		err.text,
		"bundle 'test.tar': member 'nar/x.nar': the file has changed since it was verified");
	close(fd);
	fixture_release(&f);
}

static void bit_rot_is_found_in_members_of_many_blocks(void **state)
{
	struct fixture f;
	struct nf_err err;
	size_t i = 0;
	int fd = fixture_file("", 0);

	(void)state;
	fixture_large(&f);
	while (f.inputs[i].size != 3000000)
		i++;
	f.inputs[i].has_xxh3 = true;
	for (int right = 0; right < 2; right++) {
		struct xxh3 *x = xxh3_new();

		xxh3_update(x, f.bytes[i], (size_t)f.inputs[i].size - 1 + (size_t)right);
		xxh3_final(x, f.inputs[i].xxh3);
		xxh3_free(x);
		assert_int_equal(fixture_write(&f, fd, 3, &err), right ? 0 : -NF_E_HASH);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	}
	close(fd);
	fixture_release(&f);
}

static void file_changed_between_passes_is_detected(void **state)
{
	struct fixture_drain *drain = fixture_drain_open();
	struct fixture f;
	struct files files = { .f = &f, .lie = 1 };
	struct nf_err err;
	size_t len;

	(void)state;
	fixture_small(&f);
	from_file(&f);
	assert_int_equal(write_with(&files, fixture_drain_fd(drain), &err), -NF_E_HASH);
	assert_string_equal(
		err.text,
		"bundle 'test.tar': a file changed while the bundle was written");
	free(fixture_drain_take(drain, &len));
	fixture_release(&f);
}

static void a_short_file_is_named(void **state)
{
	struct fixture f;
	struct files files = { .f = &f, .lie = SIZE_MAX, .short_by = 1 };
	struct nf_err err;
	int fd = fixture_file("", 0);

	(void)state;
	fixture_small(&f);
	from_file(&f);
	assert_int_equal(write_with(&files, fd, &err), -NF_E_FORMAT);
	assert_string_equal(err.text, "bundle 'test.tar': 'nar/x.nar' is truncated");
	close(fd);
	fixture_release(&f);
}

static int open_missing(void *ctx, size_t index, int *ret_fd, struct nf_err *err)
{
	(void)ctx;
	(void)index;
	(void)ret_fd;
	err->code = NF_E_MISSING;
	snprintf(err->text, sizeof(err->text), "gone");
	return -NF_E_MISSING;
}

static void unopenable_file_ends_the_write(void **state)
{
	struct fixture f;
	struct files files = { .f = &f };
	struct nf_err err;
	int fd = fixture_file("", 0);

	(void)state;
	fixture_small(&f);
	f.inputs[2].open = open_missing;
	assert_int_equal(write_with(&files, fd, &err), -NF_E_MISSING);
	assert_string_equal(err.text, "bundle 'test.tar': member 'nar/x.nar': gone");
	close(fd);
	fixture_release(&f);
}

static void members_out_of_order_are_refused(void **state)
{
	struct nf_bundle_input swap;
	struct fixture f;
	struct nf_err err;
	int fd = fixture_file("", 0);

	(void)state;
	fixture_small(&f);
	swap = f.inputs[1];
	f.inputs[1] = f.inputs[2];
	f.inputs[2] = swap;
	assert_int_equal(fixture_write(&f, fd, 1, &err), -NF_E_FORMAT);
	assert_string_equal(
		err.text,
		"bundle 'test.tar': member '0123456789abcdfghijklmnpqrsvwxyz.narinfo' is out of order");
	close(fd);
	fixture_release(&f);
}

static void progress_counts_the_payload(void **state)
{
	struct progress *progress = progress_new();
	struct fixture f;
	struct nf_bundle_write_options opts;
	int fd = fixture_file("", 0);

	(void)state;
	fixture_small(&f);
	opts = (struct nf_bundle_write_options){ .inputs = f.inputs,
						 .input_count = f.count,
						 .key = f.key };
	assert_int_equal(bundle_write(fd, "x", &opts, progress, NULL), 0);
	assert_int_equal(progress_get(progress, PROGRESS_BYTES_TOTAL), 4608);
	assert_int_equal(progress_get(progress, PROGRESS_BYTES_DONE), 4608);
	progress_free(progress);
	close(fd);
	fixture_release(&f);
}

/* ---- tar agrees ---- */

static int remove_entry(const char *path, const struct stat *st, int flag,
			struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void tar_unpacks_a_bundle(void **state)
{
	char dir[] = "/tmp/nixferry-test-XXXXXX";
	char command[256], path[256];
	struct fixture f;
	int fd;

	(void)state;
	fixture_large(&f);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/bundle", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fixture_write(&f, fd, 2, NULL), 0);
	close(fd);
	snprintf(command, sizeof(command), "cd %s && tar xf bundle && tar df bundle",
		 dir);
	assert_int_equal(system(command), 0);
	for (size_t i = 0; i < f.count; i++) {
		size_t size = (size_t)f.inputs[i].size;
		char *bytes = malloc(size + 1);

		snprintf(path, sizeof(path), "%s/%s", dir, f.inputs[i].name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(read(fd, bytes, size + 1), (ssize_t)size);
		assert_memory_equal(bytes, f.bytes[i], size);
		close(fd);
		free(bytes);
	}
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			files_and_pipes_and_any_number_of_threads_give_the_same_bytes),
		cmocka_unit_test(the_bytes_do_not_change_between_versions),
		cmocka_unit_test(old_content_is_replaced),
		cmocka_unit_test(a_file_that_is_appended_to_keeps_what_it_has),
		cmocka_unit_test(content_from_files_is_the_same_as_from_memory),
		cmocka_unit_test(bit_rot_is_found),
		cmocka_unit_test(bit_rot_is_found_in_members_of_many_blocks),
		cmocka_unit_test(file_changed_between_passes_is_detected),
		cmocka_unit_test(a_short_file_is_named),
		cmocka_unit_test(unopenable_file_ends_the_write),
		cmocka_unit_test(members_out_of_order_are_refused),
		cmocka_unit_test(progress_counts_the_payload),
		cmocka_unit_test(tar_unpacks_a_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
