/* Messages quote text from a network or a bundle, which may be long. */
#ifndef SHORTEN_H
#define SHORTEN_H

#include <stdarg.h>
#include <stddef.h>

/* Longer runs without white space are cut in the middle. Store paths and file names are
 * shorter. */
#define SHORTEN_WORD_MAX 320

/* Shortens each such run of TEXT in place: "aaa...zzz". */
void shorten_words(char *text);

/* As vsnprintf, with the resulting text shortened. */
void shorten_format(char *out, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

#endif
