/* The scenarios of bulk worlds: what is there, and how near a good client comes to what
 * none can beat. */
#ifndef BULK_SCENARIOS_H
#define BULK_SCENARIOS_H

#include "bulk_plan.h"

struct bulk_scenario {
	const char *name;
	double limit;	 /* of its time, by the bound; 0: none */
	double most_s;	 /* likewise, in itself */
	double twice;	 /* of the bytes, in percent, that may come in vain */
	size_t given_up; /* paths */
	size_t requests; /* for NARs, at most; 0: as many as there are */
	int code;	 /* NF_E_..., or 0 */
	struct bulk_plan plan;
};

extern const struct bulk_scenario bulk_scenarios[];
extern const size_t bulk_scenario_count;

#endif
