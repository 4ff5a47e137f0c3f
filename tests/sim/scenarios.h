/* The scenarios of the simulator: what is there, and what a good dispatcher makes of it.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include "world.h"

struct scenario {
	const char *name;
	bool is_large;	 /* with --large only */
	double limit;	 /* makespan / bound, at most; 0: what others could have is given
			    up */
	double twice;	 /* of the bytes, in percent, that may come in vain */
	size_t given_up; /* nodes */
	size_t requests; /* at most; 0: as many as there are */
	struct world_plan plan;
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

#endif
