#include "base/shorten.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOTS	 "..."
#define TAIL_LEN 60
#define HEAD_LEN (SHORTEN_WORD_MAX - TAIL_LEN - sizeof(DOTS) + 1)

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* The head and the tail lose the character of UTF-8 that is cut: neither may grow, as the
 * word becomes shorter in its place. */
static bool is_within_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t copy_short(char *to, const char *word, size_t len)
{
	size_t head = HEAD_LEN;
	size_t tail = len - TAIL_LEN;

	while (head && is_within_character(word[head]))
		head--;
	while (tail < len && is_within_character(word[tail]))
		tail++;
	memmove(to, word, head);
	memcpy(to + head, DOTS, strlen(DOTS));
	memmove(to + head + strlen(DOTS), word + tail, len - tail);
	return head + strlen(DOTS) + len - tail;
}

void shorten_words(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from) {
		size_t len = 0;

		while (from[len] && !is_space(from[len]))
			len++;
		if (len > SHORTEN_WORD_MAX) {
			to += copy_short(to, from, len);
		} else {
			memmove(to, from, len);
			to += len;
		}
		from += len;
		if (*from)
			*to++ = *from++;
	}
	*to = '\0';
}

void shorten_format(char *out, size_t size, const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		snprintf(out, size, "out of memory");
		return;
	}
	shorten_words(text);
	snprintf(out, size, "%s", text);
	free(text);
}
