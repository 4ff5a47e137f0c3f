#include "base/shell_word.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain_word(const char *text)
{
	const char *plain =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"_-+=:,./@%";

	return text[0] && text[strspn(text, plain)] == '\0';
}

void shell_word_add(struct buf *out, const char *text)
{
	if (is_plain_word(text)) {
		buf_add_str(out, text);
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
