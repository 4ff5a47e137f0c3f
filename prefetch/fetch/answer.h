/* Handles a trusted answer. */
#ifndef ANSWER_H
#define ANSWER_H

#include "fetch/engine.h"

/* Adds it to the resolver. After a node's first answer, its NAR is wanted, unless the
 * answer shows that the path is already in its destination. */
int answer_take(struct cache *c, uint32_t node, const struct nf_narinfo *ni,
		const struct nf_trusted *t, struct nf_err *err) MUST_CHECK;

/* The node is in the target store, without a signature by a trusted key. */
bool answer_lacks_sigs(const struct engine *e, uint32_t node);

#endif
