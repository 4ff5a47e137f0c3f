/* The only place that decides whether a NAR's bytes are the promised ones. */
#ifndef NAR_CHECKED_H
#define NAR_CHECKED_H

#include <nixferry/trust.h>

#include "base/stream.h"

/* Passes through the decoded NAR of T (borrowed; must outlive the source) from IN (taken
 * over), never more than NarSize bytes. It ends (with an empty run) only if the size, the
 * SHA-256 and the content address, if the path has one, are as promised; otherwise
 * NF_E_HASH names the expected and the actual value. So a caller that has read this
 * source to its end has verified bytes. */
struct nf_source *nar_checked_source(struct nf_source *in, const struct nf_trusted *t);

#endif
