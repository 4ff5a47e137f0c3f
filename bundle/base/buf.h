/* A byte buffer that grows up to a maximum. The error is sticky: after an addition that
 * did not fit, buf_failed() is true and further additions do nothing, so one check after
 * a chain of additions is enough. */
#ifndef BUF_H
#define BUF_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

struct buf {
	char *ptr; /* NUL-terminated at len after the first addition */
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);

/* Empties the buffer; keeps the memory and the maximum. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *p, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_slice(struct buf *b, struct nf_slice s);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

bool buf_failed(const struct buf *b);
struct nf_slice buf_slice(const struct buf *b);

/* Returns the NUL-terminated bytes, which then belong to the caller (free()), and empties
 * the buffer. */
char *buf_take(struct buf *b);

#define AUTO_BUF AUTO(buf_release)

#endif
