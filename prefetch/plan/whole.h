/* Which paths of a resolved closure are available with their whole closures. Pure. */
#ifndef WHOLE_H
#define WHOLE_H

#include "plan/resolver.h"

struct whole {
	bool *lacks;	  /* by node: it, or something that it needs, is unavailable */
	uint32_t count;	  /* paths whose closures are complete */
	uint32_t unknown; /* unavailable paths */
	uint32_t others;  /* paths that need one of these */
	int why; /* the most severe NF_E_... of the unavailable ones; 0 if there are none
		  */
};

/* Call it once the resolver has no open nodes. */
void whole_find(struct whole *ret, const struct resolver *r);
void whole_release(struct whole *w);

#endif
