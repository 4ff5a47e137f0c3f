/* The scenarios of bulk worlds, and how close a good client comes to the bound. */
#ifndef BULK_SCENARIOS_H
#define BULK_SCENARIOS_H

#include "bulk_plan.h"

struct bulk_scenario {
	const char *name;
	double limit;	 /* of its time, by the bound; 0: none */
	double most_s;	 /* likewise, in itself */
	double twice;	 /* percent of the bytes that may be wasted */
	size_t given_up; /* number of paths */
	size_t requests; /* maximum for NARs; 0: as many as there are */
	int code;	 /* NF_E_..., or 0 */
	struct bulk_plan plan;
};

extern const struct bulk_scenario bulk_scenarios[];
extern const size_t bulk_scenario_count;

#endif
