/* What is looked at before anything is fetched: a night is too long to learn in the
 * morning that the output could never be written. */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H

#include <stdbool.h>

#include "base/err.h"

/* Where a bundle is to go. With READ_ONLY nothing is made to try it. */
int preflight_output(const char *output, bool json, bool read_only,
		     struct nf_err *err) MUST_CHECK;

#endif
