/* What an answer means that somebody trusted vouches for. */
#ifndef ANSWER_H
#define ANSWER_H

#include "fetch/engine.h"

/* The resolver learns of it. Of a node's first answer: its NAR is wanted, unless the
 * answer shows that it is where it is to go. */
int answer_take(struct cache *c, uint32_t node, const struct nf_narinfo *ni,
		const struct nf_trusted *t, struct nf_err *err) MUST_CHECK;

/* The node is in the target store, without a signature by a trusted key. */
bool answer_lacks_sigs(const struct engine *e, uint32_t node);

#endif
