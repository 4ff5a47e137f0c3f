/* Writes a bundle as part of a longer operation. */
#ifndef BUNDLE_WRITE_H
#define BUNDLE_WRITE_H

#include <nixferry/bundle.h>

#include "base/err.h"
#include "base/progress.h"

/* As nf_bundle_write, but reports to PROGRESS instead of opts->watch. */
int bundle_write(int fd, const char *name, const struct nf_bundle_write_options *opts,
		 struct progress *progress, struct nf_err *err) MUST_CHECK;

#endif
