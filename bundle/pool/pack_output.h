/* The destination of a bundle: a file, which becomes visible when it is complete (a
 * symbolic link is replaced, as by mv), or a stream: standard output, another open
 * descriptor (/dev/fd/N), a FIFO, a device like /dev/null. */
#ifndef PACK_OUTPUT_H
#define PACK_OUTPUT_H

#include <stdbool.h>

#include "base/err.h"

/* "-", or another name for it */
bool pack_output_is_stdout(const char *output);

/* True if the bundle will be a file that takes up space. */
bool pack_output_is_file(const char *output);

/* Checks whether OUTPUT can be written, long before it is; NF_E_USAGE for a wrong name.
 * For a file, creates a temporary file next to it, unless READ_ONLY. */
int pack_output_check(const char *output, bool read_only, struct nf_err *err) MUST_CHECK;

/* Calls WRITE with a descriptor and a name for errors. */
int pack_output_write(const char *output,
		      int (*write)(void *ctx, int fd, const char *name,
				   struct nf_err *err),
		      void *ctx, struct nf_err *err) MUST_CHECK;

#endif
