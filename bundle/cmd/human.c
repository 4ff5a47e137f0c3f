#include "cmd/human.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A power of 1024 with its name, in which a size has at most four digits. */
struct size_unit {
	double bytes;
	const char *name;
};

static struct size_unit unit_of(uint64_t bytes)
{
	static const char *const names[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	struct size_unit u = { 1024, names[0] };

	/* 1023.95 would be printed as 1024.0. */
	for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((double)bytes / u.bytes < 1023.95)
			break;
		u = (struct size_unit){ u.bytes * 1024, names[i] };
	}
	return u;
}

/* Three digits or so. */
static int decimals(double value)
{
	return value < 9.995 ? 2 : 1;
}

char *human_size(char out[HUMAN_MAX], uint64_t bytes)
{
	const struct size_unit u = unit_of(bytes);
	double value = (double)bytes / u.bytes;

	if (bytes < 1024)
		snprintf(out, HUMAN_MAX, "%u B", (unsigned)bytes);
	else
		snprintf(out, HUMAN_MAX, "%.*f %s", decimals(value), value, u.name);
	return out;
}

char *human_part(char out[HUMAN_MAX], uint64_t part, uint64_t whole)
{
	const struct size_unit u = unit_of(whole);
	double value = (double)part / u.bytes, all = (double)whole / u.bytes;

	if (whole < 1024)
		snprintf(out, HUMAN_MAX, "%u/%u B", (unsigned)part, (unsigned)whole);
	else
		snprintf(out, HUMAN_MAX, "%.*f/%.*f %s", decimals(value), value,
			 decimals(all), all, u.name);
	return out;
}

char *human_duration(char out[HUMAN_MAX], uint64_t seconds)
{
	unsigned long long s = seconds;

	if (s < 60)
		snprintf(out, HUMAN_MAX, "%llu s", s);
	else if (s < 3600)
		snprintf(out, HUMAN_MAX, "%llu:%02llu min", s / 60, s % 60);
	else if (s < 48 * 3600)
		snprintf(out, HUMAN_MAX, "%llu:%02llu h", s / 3600, s / 60 % 60);
	else if (s < 1000ULL * 24 * 3600)
		snprintf(out, HUMAN_MAX, "%llu d %llu h", s / 86400, s / 3600 % 24);
	else
		snprintf(out, HUMAN_MAX, "over 1000 d");
	return out;
}

char *human_latency(char out[HUMAN_MAX], uint32_t microseconds)
{
	double us = microseconds;

	if (us < 1000)
		snprintf(out, HUMAN_MAX, "%.2f ms", us / 1e3);
	else if (us < 10000)
		snprintf(out, HUMAN_MAX, "%.1f ms", us / 1e3);
	else if (us < 1000000)
		snprintf(out, HUMAN_MAX, "%.0f ms", us / 1e3);
	else
		snprintf(out, HUMAN_MAX, "%.1f s", us / 1e6);
	return out;
}

/* Length and code point of the well-formed UTF-8 character at S; 0 if there is none. */
static size_t decode_utf8(const unsigned char *s, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c = s[0];

	if (n == 1) {
		*ret = c;
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4 || left < n)
		return 0;
	c &= 0x7fU >> n;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

static bool is_harmless(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	/* Characters that change the direction of the text around them, and line
	 * separators. */
	return c != 0x200e && c != 0x200f && c != 0x61c &&
	       !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

void human_clean(struct buf *out, struct nf_slice text)
{
	const unsigned char *s = (const unsigned char *)text.ptr;
	size_t i = 0;

	while (i < text.len) {
		uint32_t c = 0;
		size_t n = decode_utf8(s + i, text.len - i, &c);

		if (n && is_harmless(c))
			buf_add(out, s + i, n);
		else
			buf_add_char(out, '?');
		i += n ? n : 1;
	}
}
