#include "base/shell_word.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain_word(const char *text)
{
	const char *plain =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";

	return text[0] && text[strspn(text, plain)] == '\0';
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool has_control(const char *text)
{
	while (*text && !is_control(*text))
		text++;
	return *text != '\0';
}

/* $'...', which can be shown and pasted. */
static void add_escaped(struct buf *out, const char *text)
{
	buf_add_str(out, "$'");
	for (; *text; text++) {
		if (is_control(*text) || (unsigned char)*text >= 0x80)
			buf_addf(out, "\\%03o", (unsigned char)*text);
		else if (*text == '\'' || *text == '\\')
			buf_addf(out, "\\%c", *text);
		else
			buf_add_char(out, *text);
	}
	buf_add_char(out, '\'');
}

void shell_word_add(struct buf *out, const char *text)
{
	if (is_plain_word(text)) {
		buf_add_str(out, text);
		return;
	}
	if (has_control(text)) {
		add_escaped(out, text);
		return;
	}
	buf_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_char(out, *text);
	}
	buf_add_char(out, '\'');
}
