/* A source that counts what passes. */
#ifndef PROGRESS_SOURCE_H
#define PROGRESS_SOURCE_H

#include <nixferry/stream.h>

#include "base/progress.h"

/* Passes IN (taken over) on and adds each run to WHICH of P (may be NULL). Closed before
 * its end, it takes back what it added: the bytes will pass again. */
struct nf_source *progress_source(struct nf_source *in, struct progress *p,
				  enum progress_count which);

#endif
