#include "plan/estimate.h"

bool estimate_seconds(const struct estimate_share *shares, size_t count, double *ret)
{
	bool any = false;

	*ret = 0;
	for (size_t i = 0; i < count; i++) {
		const struct estimate_share *s = &shares[i];
		double seconds;

		if (!s->bytes)
			continue;
		if (!s->throughput)
			return false;
		seconds = (double)s->bytes / (double)s->throughput + s->latency_us / 1e6;
		*ret = seconds > *ret ? seconds : *ret;
		any = true;
	}
	return any;
}
