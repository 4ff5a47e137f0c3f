/* Asking another program. */
#ifndef SUBPROCESS_H
#define SUBPROCESS_H

#include "base/buf.h"
#include "base/err.h"

/* Runs ARGV (NULL at the end; argv[0] is looked for on PATH, there is no shell) with
 * nothing on its standard input. Its output is appended to OUT, whose maximum bounds it
 * (NF_E_LIMIT). A program that is not there is NF_E_MISSING. One that fails is NF_E_SYS,
 * and the text is what it said last: the last line of its standard error that begins with
 * "error:", or else the last one. An interruption ends it too. */
int subprocess_run(const char *const *argv, struct buf *out,
		   struct nf_err *err) MUST_CHECK;

#endif
