/* A source that counts the bytes that pass through it. */
#ifndef PROGRESS_SOURCE_H
#define PROGRESS_SOURCE_H

#include <nixferry/stream.h>

#include "base/progress.h"

/* Passes IN (taken over) through and adds its bytes to WHICH of P (may be NULL). If it is
 * closed before its end, it subtracts them again, because they will be read again. */
struct nf_source *progress_source(struct nf_source *in, struct progress *p,
				  enum progress_count which);

#endif
