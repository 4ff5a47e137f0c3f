/* Which paths of a resolved closure can be had with all that they refer to. Pure. */
#ifndef WHOLE_H
#define WHOLE_H

#include "plan/resolver.h"

struct whole {
	bool *lacks;	  /* by node: it, or what it needs, cannot be had */
	uint32_t count;	  /* paths that are whole */
	uint32_t unknown; /* paths that cannot be had */
	uint32_t others;  /* paths that need one of these */
	int why;	  /* the gravest NF_E_... of those that cannot be had; 0: none */
};

/* Once the resolver has no open nodes. */
void whole_find(struct whole *ret, const struct resolver *r);
void whole_release(struct whole *w);

#endif
