#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_release(struct buf *b)
{
	free(b->ptr);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->ptr)
		b->ptr[0] = '\0';
}

/* Makes room for MORE bytes and a NUL. */
static bool reserve(struct buf *b, size_t more)
{
	size_t cap;

	if (b->failed || more > b->max - b->len) {
		b->failed = true;
		return false;
	}
	if (b->len + more < b->cap)
		return true;
	cap = b->cap ? b->cap : 128;
	while (cap <= b->len + more)
		cap *= 2;
	b->ptr = mem_realloc(b->ptr, cap, 1);
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t len)
{
	if (!reserve(b, len))
		return;
	if (len)
		memcpy(b->ptr + b->len, p, len);
	b->len += len;
	b->ptr[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_slice(struct buf *b, struct nf_slice s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

bool buf_failed(const struct buf *b)
{
	return b->failed;
}

struct nf_slice buf_slice(const struct buf *b)
{
	return nf_slice(b->ptr, b->len);
}

char *buf_take(struct buf *b)
{
	char *p = b->ptr ? b->ptr : mem_strdup("");

	buf_init(b, b->max);
	return p;
}
