/* Messages quote what comes from a network or a bundle, which may be long. */
#ifndef SHORTEN_H
#define SHORTEN_H

#include <stdarg.h>
#include <stddef.h>

/* Longer runs without white space lose their middle. A store path and the name of a file
 * are shorter. */
#define SHORTEN_WORD_MAX 320

/* Shortens, in place, every such run of TEXT: "aaa...zzz". */
void shorten_words(char *text);

/* As vsnprintf, of the text that is shortened so. */
void shorten_format(char *out, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
