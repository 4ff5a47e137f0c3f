/* Runs another program and returns its output. */
#ifndef SUBPROCESS_H
#define SUBPROCESS_H

#include "base/buf.h"
#include "base/err.h"

/* Runs ARGV (NULL-terminated; argv[0] is looked up in PATH; no shell) with empty standard
 * input. Appends its output to OUT, whose maximum bounds it (NF_E_LIMIT). A missing
 * program is NF_E_MISSING. A failing one is NF_E_SYS with its last message: the last line
 * of its standard error that begins with "error:", or else the last line. An interruption
 * also ends the program. */
int subprocess_run(const char *const *argv, struct buf *out,
		   struct nf_err *err) MUST_CHECK;

/* Runs ARGV with the standard input and outputs of this process. NF_E_MISSING as above;
 * NF_E_SYS if it fails. */
int subprocess_run_here(const char *const *argv, struct nf_err *err) MUST_CHECK;

/* Runs ARGV with the standard input of this process and OUT_FD as its standard output.
 * SAW gets its standard error as it arrives. Failures as above. An interruption also ends
 * the program, and is NF_E_INTR. */
int subprocess_run_watched(const char *const *argv, int out_fd,
			   void (*saw)(void *ctx, struct nf_slice bytes), void *ctx,
			   struct nf_err *err) MUST_CHECK;

#endif
