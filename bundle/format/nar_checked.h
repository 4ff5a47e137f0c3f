/* The one place that says whether a NAR's bytes are the ones that were promised. */
#ifndef NAR_CHECKED_H
#define NAR_CHECKED_H

#include <nixferry/trust.h>

#include "base/stream.h"

/* Passes the decoded NAR of T (borrowed, must outlive the source) from IN (taken over):
 * never more than NarSize bytes, and it only ends (with an empty run) if the size, the
 * SHA-256 and, where the path has a content address, that too are as promised. NF_E_HASH
 * otherwise, naming the expected and the actual. So: whoever read this source to its end
 * has verified bytes. */
struct nf_source *nar_checked_source(struct nf_source *in, const struct nf_trusted *t);

#endif
