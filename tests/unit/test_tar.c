#include "format/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define NAR	  "nar/1bd8m1zj2ksfn3y4sdkf.nar.zst"
#define BIG	  (9ULL << 30)
#define FILE_MODE 0444

static void a_header_has_exactly_these_bytes(void **state)
{
	static const struct {
		size_t at;
		const char *text;
		const char *why;
	} rows[] = {
		{ 0, "nix-cache-info", "name" },
		{ 100, "0000444", "mode" },
		{ 108, "0000000", "uid" },
		{ 116, "0000000", "gid" },
		{ 124, "00000000025", "size: 21 in octal" },
		{ 136, "00000000001", "mtime" },
		{ 148, "011714", "checksum" },
		{ 155, " 0", "space behind the checksum, type" },
		{ 257, "ustar", "magic" },
		{ 263, "00", "version" },
		{ 329, "0000000", "devmajor" },
		{ 337, "0000000", "devminor" },
	};
	uint8_t expected[TAR_UNIT] = { 0 };
	uint8_t header[TAR_HEADER_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		memcpy(expected + rows[i].at, rows[i].text, strlen(rows[i].text));
	assert_int_equal(tar_header(header, "nix-cache-info", 21), TAR_UNIT);
	assert_memory_equal(header, expected, TAR_UNIT);
}

static void a_size_of_8_gib_needs_a_pax_header(void **state)
{
	uint8_t header[TAR_HEADER_MAX];

	(void)state;
	assert_int_equal(tar_header_len(0), 512);
	assert_int_equal(tar_header_len(TAR_SIZE_MAX), 512);
	assert_int_equal(tar_header_len(TAR_SIZE_MAX + 1), 1536);
	assert_int_equal(tar_header(header, NAR, TAR_SIZE_MAX), 512);
	assert_memory_equal(header + 124, "77777777777", 12);
	assert_int_equal(tar_header(header, NAR, TAR_SIZE_MAX + 1), 1536);
	assert_string_equal((char *)header, "PaxHeaders/size");
	assert_int_equal(header[156], 'x');
	assert_memory_equal(header + 124, "00000000023", 12);
	assert_string_equal((char *)header + 512, "19 size=8589934592\n");
	assert_string_equal((char *)header + 1024, NAR);
	assert_memory_equal(header + 1024 + 124, "00000000000", 12);
}

static void the_length_of_a_pax_record_is_right_for_all_sizes(void **state)
{
	uint8_t header[TAR_HEADER_MAX];

	(void)state;
	for (uint64_t size = TAR_SIZE_MAX + 1; size <= 1ULL << 60; size *= 2) {
		const char *record = (const char *)header + TAR_UNIT;
		unsigned len;

		tar_header(header, NAR, size);
		assert_int_equal(sscanf(record, "%u ", &len), 1);
		assert_int_equal(len, strlen(record));
		assert_int_equal(record[len - 1], '\n');
	}
}

static void a_header_matches_itself_and_no_other(void **state)
{
	uint8_t header[TAR_HEADER_MAX];
	uint64_t size = 0;

	(void)state;
	tar_header(header, NAR, 123456);
	assert_true(tar_header_match(header, NAR, &size));
	assert_int_equal(size, 123456);
	assert_false(tar_header_match(header, "nar/x", &size));
	for (size_t bit = 0; bit < 8 * (size_t)TAR_UNIT; bit++) {
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(tar_header_match(header, NAR, &size));
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void contents_are_padded_to_units(void **state)
{
	(void)state;
	assert_int_equal(tar_padded(0), 0);
	assert_int_equal(tar_padded(1), 512);
	assert_int_equal(tar_padded(512), 512);
	assert_int_equal(tar_padded(513), 1024);
	assert_true(tar_padded(BIG - 1) == BIG);
}

static void put_member(int fd, uint64_t *at, const char *name, uint64_t size)
{
	uint8_t header[TAR_HEADER_MAX];
	size_t len = tar_header(header, name, size);

	assert_int_equal(pwrite(fd, header, len, (off_t)*at), (ssize_t)len);
	*at += len + tar_padded(size);
}

static void expect_member(struct archive *a, const char *name, uint64_t size)
{
	struct archive_entry *entry;

	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
	assert_string_equal(archive_entry_pathname(entry), name);
	assert_true((uint64_t)archive_entry_size(entry) == size);
	assert_int_equal(archive_entry_mode(entry), 0100000 | FILE_MODE);
	assert_int_equal(archive_entry_mtime(entry), 1);
	assert_int_equal(archive_entry_uid(entry), 0);
}

static void libarchive_reads_small_and_huge_members(void **state)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	uint64_t at = 0;

	(void)state;
	put_member(fd, &at, "nix-cache-info", 21);
	put_member(fd, &at, NAR, BIG);
	put_member(fd, &at, "nar/last.nar", 0);
	assert_int_equal(ftruncate(fd, (off_t)at + TAR_TRAILER_LEN), 0);

	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_fd(a, fd, 10240), ARCHIVE_OK);
	expect_member(a, "nix-cache-info", 21);
	expect_member(a, NAR, BIG);
	expect_member(a, "nar/last.nar", 0);
	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
	archive_read_free(a);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_has_exactly_these_bytes),
		cmocka_unit_test(a_size_of_8_gib_needs_a_pax_header),
		cmocka_unit_test(the_length_of_a_pax_record_is_right_for_all_sizes),
		cmocka_unit_test(a_header_matches_itself_and_no_other),
		cmocka_unit_test(contents_are_padded_to_units),
		cmocka_unit_test(libarchive_reads_small_and_huge_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
