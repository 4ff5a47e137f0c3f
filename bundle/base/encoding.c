#include "base/encoding.h"

#include <string.h>

static const char nix32_chars[] = "0123456789abcdfghijklmnpqrsvwxyz";
static const char base64_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a character plus one; 0 if it is not in the alphabet. */
static const uint8_t nix32_values[256] = {
	['0'] = 1,  2,	3,  4,	5,  6,	7,  8,	9,  10, /* 0 to 9 */
	['a'] = 11, 12, 13, 14,				/* a to d */
	['f'] = 15, 16, 17, 18, 19, 20, 21, 22, 23,	/* f to n */
	['p'] = 24, 25, 26, 27,				/* p to s */
	['v'] = 28, 29, 30, 31, 32,			/* v to z */
};

size_t nix32_len(size_t size)
{
	return size ? (size * 8 - 1) / 5 + 1 : 0;
}

size_t base64_len(size_t size)
{
	return (size + 2) / 3 * 4;
}

void nix32_encode(char *out, const uint8_t *in, size_t size)
{
	for (size_t k = nix32_len(size); k-- > 0;) {
		size_t i = 5 * k / 8, j = 5 * k % 8;
		unsigned c = in[i] >> j;

		if (i + 1 < size)
			c |= (unsigned)in[i + 1] << (8 - j);
		*out++ = nix32_chars[c & 31];
	}
	*out = '\0';
}

static int nix32_digit(char c)
{
	return nix32_values[(uint8_t)c] - 1;
}

bool nix32_is_alphabet(char c)
{
	return nix32_digit(c) >= 0;
}

bool nix32_decode(uint8_t *out, size_t size, struct nf_slice text)
{
	if (text.len != nix32_len(size))
		return false;
	memset(out, 0, size);
	for (size_t k = 0; k < text.len; k++) {
		int digit = nix32_digit(text.ptr[text.len - 1 - k]);
		size_t i = 5 * k / 8, j = 5 * k % 8;
		unsigned carry;

		if (digit < 0)
			return false;
		out[i] |= (uint8_t)((unsigned)digit << j);
		carry = (unsigned)digit >> (8 - j);
		if (i + 1 < size)
			out[i + 1] |= (uint8_t)carry;
		else if (carry)
			return false;
	}
	return true;
}

void base16_encode(char *out, const uint8_t *in, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	*out = '\0';
}

static int base16_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool base16_decode(uint8_t *out, size_t size, struct nf_slice text)
{
	if (text.len != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = base16_digit(text.ptr[2 * i]),
		    low = base16_digit(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void base64_encode(char *out, const uint8_t *in, size_t size)
{
	for (size_t i = 0; i < size; i += 3) {
		uint32_t group = (uint32_t)in[i] << 16;

		if (i + 1 < size)
			group |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < size)
			group |= in[i + 2];
		*out++ = base64_chars[group >> 18];
		*out++ = base64_chars[group >> 12 & 63];
		*out++ = i + 1 < size ? base64_chars[group >> 6 & 63] : '=';
		*out++ = i + 2 < size ? base64_chars[group & 63] : '=';
	}
	*out = '\0';
}

static int base64_digit(char c)
{
	const char *at = c ? strchr(base64_chars, c) : NULL;

	return at ? (int)(at - base64_chars) : -1;
}

/* Decodes COUNT bytes (1 to 3) from four characters; the rest must be padding, with zero
 * bits. */
static bool base64_group(uint8_t *out, size_t count, const char *in)
{
	uint32_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = i <= count ? base64_digit(in[i]) : in[i] == '=' ? 0 : -1;

		if (digit < 0)
			return false;
		group = group << 6 | (uint32_t)digit;
	}
	for (size_t i = 0; i < 3; i++) {
		uint8_t byte = (uint8_t)(group >> (16 - 8 * i));

		if (i < count)
			out[i] = byte;
		else if (byte)
			return false;
	}
	return true;
}

bool base64_decode(uint8_t *out, size_t size, struct nf_slice text)
{
	if (text.len != base64_len(size))
		return false;
	for (size_t i = 0; i < size; i += 3)
		if (!base64_group(out + i, size - i < 3 ? size - i : 3,
				  text.ptr + i / 3 * 4))
			return false;
	return true;
}

bool base64_decode_loose(uint8_t *out, size_t *ret_size, struct nf_slice text)
{
	uint32_t group = 0;
	unsigned bits = 0;
	size_t size = 0;

	for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
		int digit = base64_digit(text.ptr[i]);

		if (text.ptr[i] == '\n')
			continue;
		if (digit < 0)
			return false;
		group = group << 6 | (uint32_t)digit;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		out[size++] = (uint8_t)(group >> bits);
	}
	*ret_size = size;
	return true;
}
