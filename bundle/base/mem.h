/* Allocation. Failure ends the process with a message; therefore a size that comes from
 * input must be checked against a limit of limits.h before it reaches these functions. */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

#include "base/err.h"

#define MEM_RESULT __attribute__((warn_unused_result, returns_nonnull))

void *mem_alloc(size_t size) MEM_RESULT;
void *mem_calloc(size_t count, size_t size) MEM_RESULT;
void *mem_realloc(void *p, size_t count, size_t size) MEM_RESULT;
/* SIZE is a multiple of ALIGN, a power of two. */
void *mem_aligned(size_t align, size_t size) MEM_RESULT;
void *mem_dup(const void *p, size_t size) MEM_RESULT;

/* Copies LEN bytes and adds a NUL. */
char *mem_strndup(const char *s, size_t len) MEM_RESULT;
char *mem_strdup(const char *s) MEM_RESULT;
char *mem_printf(const char *fmt, ...) MEM_RESULT PRINTF_LIKE(1, 2);

/* Makes room for one more element in the array *P of *CAP elements, LEN used, by
 * doubling: MEM_GROW(list, len, cap); list[len++] = x; */
#define MEM_GROW(p, len, cap)                                                            \
	do {                                                                             \
		if ((len) == (cap)) {                                                    \
			(cap) = (cap) ? 2 * (cap) : 16;                                  \
			(p) = mem_realloc((p), (cap), sizeof(*(p)));                     \
		}                                                                        \
	} while (0)

#endif
