#include "cmd/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/slice.h"
#include "cmd/human.h"

static void print_line(struct nf_slice line)
{
	AUTO_BUF struct buf clean = { 0 };

	buf_init(&clean, line.len + 1);
	human_clean(&clean, line);
	buf_add_char(&clean, '\n');
	fwrite(clean.ptr, 1, clean.len, stdout);
}

void say_line(const char *fmt, ...)
{
	AUTO_FREE char *line = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (len < 0)
		abort();
	print_line(nf_slice(line, (size_t)len));
}

void say_text(struct nf_slice lines)
{
	while (lines.len)
		print_line(slice_cut(&lines, '\n'));
}

void say_value(const char *value)
{
	if (isatty(STDOUT_FILENO))
		print_line(nf_slice_str(value));
	else
		printf("%s\n", value);
}
