/* Which paths of a resolved closure can be fetched with everything that they need, before
 * anything is fetched; pool_complete says which were. Pure. */
#ifndef FORECAST_H
#define FORECAST_H

#include "plan/resolver.h"

struct forecast {
	bool *lacks;	  /* by node: it, or something that it needs, is unavailable */
	uint32_t count;	  /* paths whose closures are complete */
	uint32_t unknown; /* unavailable paths */
	uint32_t others;  /* paths that need one of these */
	int why; /* the most severe NF_E_... of the unavailable ones; 0 if there are none
		  */
};

/* Call it once the resolver has no open nodes. */
void forecast_make(struct forecast *ret, const struct resolver *r);
void forecast_release(struct forecast *w);

#endif
