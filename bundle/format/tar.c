#include "format/tar.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ustar, POSIX.1-1988: name[100] mode[8] uid[8] gid[8] size[12] mtime[12] chksum[8]
 * typeflag linkname[100] magic[6] version[2] uname[32] gname[32] devmajor[8] devminor[8]
 * prefix[155], zeros to 512. Numbers are octal digits and a NUL. */
enum {
	MODE = 100,
	UID = 108,
	GID = 116,
	SIZE = 124,
	SIZE_DIGITS = 11,
	MTIME = 136,
	CHKSUM = 148,
	CHKSUM_LEN = 8,
	TYPEFLAG = 156,
	MAGIC = 257,
	DEVMAJOR = 329,
	DEVMINOR = 337,
};

#define PAX_NAME "PaxHeaders/size"

static void put_field(uint8_t *h, size_t at, const char *text)
{
	memcpy(h + at, text, strlen(text));
}

static void put_octal(uint8_t *h, size_t at, size_t digits, uint64_t value)
{
	while (digits--) {
		h[at + digits] = (uint8_t)('0' + (value & 7));
		value >>= 3;
	}
}

static void make_ustar(uint8_t h[TAR_UNIT], const char *name, char type, uint64_t size)
{
	uint64_t sum = 0;

	memset(h, 0, TAR_UNIT);
	assert(name[0] && strlen(name) <= TAR_NAME_MAX);
	put_field(h, 0, name);
	put_field(h, MODE, "0000444");
	put_field(h, UID, "0000000");
	put_field(h, GID, "0000000");
	put_octal(h, SIZE, SIZE_DIGITS, size);
	put_field(h, MTIME, "00000000001");
	h[TYPEFLAG] = (uint8_t)type;
	put_field(h, MAGIC, "ustar");
	put_field(h, MAGIC + 6, "00");
	put_field(h, DEVMAJOR, "0000000");
	put_field(h, DEVMINOR, "0000000");

	/* The checksum is computed with spaces in its own field; it is six digits, NUL,
	 * space. */
	memset(h + CHKSUM, ' ', CHKSUM_LEN);
	for (size_t i = 0; i < TAR_UNIT; i++)
		sum += h[i];
	put_octal(h, CHKSUM, 6, sum);
	h[CHKSUM + 6] = '\0';
}

size_t tar_header_len(uint64_t size)
{
	return size > TAR_SIZE_MAX ? 3 * TAR_UNIT : TAR_UNIT;
}

size_t tar_header(uint8_t out[TAR_HEADER_MAX], const char *name, uint64_t size)
{
	char record[TAR_UNIT] = { 0 };
	int len;

	if (size <= TAR_SIZE_MAX) {
		make_ustar(out, name, '0', size);
		return TAR_UNIT;
	}
	/* The length of the record includes its own two digits, for sizes of 10 to 20
	 * digits. */
	len = snprintf(record, sizeof(record), " size=%" PRIu64 "\n", size) + 2;
	snprintf(record, sizeof(record), "%d size=%" PRIu64 "\n", len, size);
	make_ustar(out, PAX_NAME, 'x', (uint64_t)len);
	memcpy(out + TAR_UNIT, record, TAR_UNIT);
	make_ustar(out + 2 * (size_t)TAR_UNIT, name, '0', 0);
	return TAR_HEADER_MAX;
}

uint64_t tar_padded(uint64_t size)
{
	return (size + TAR_UNIT - 1) & ~(uint64_t)(TAR_UNIT - 1);
}

void tar_add_member(struct buf *out, const char *name, const void *p, size_t len)
{
	static const uint8_t zeros[TAR_UNIT];
	uint8_t header[TAR_HEADER_MAX];

	buf_add(out, header, tar_header(header, name, len));
	buf_add(out, p, len);
	buf_add(out, zeros, (size_t)(tar_padded(len) - len));
}

bool tar_header_match(const uint8_t header[TAR_UNIT], const char *name,
		      uint64_t *ret_size)
{
	uint8_t canonical[TAR_HEADER_MAX];
	uint64_t size = 0;

	for (size_t i = SIZE; i < SIZE + SIZE_DIGITS; i++) {
		if (header[i] < '0' || header[i] > '7')
			return false;
		size = size << 3 | (uint64_t)(header[i] - '0');
	}
	tar_header(canonical, name, size);
	if (memcmp(header, canonical, TAR_UNIT) != 0)
		return false;
	*ret_size = size;
	return true;
}
