#include "http/retry.h"

#define BASE_MS		   250
#define BASE_OVERLOADED_MS 5000
#define CEILING_MS	   60000
#define RETRY_AFTER_MAX_S  300

enum retry_verdict retry_judge(long status)
{
	if (status >= 200 && status < 300)
		return RETRY_OK;
	switch (status) {
	case 403:
	case 404:
	case 410:
		return RETRY_ABSENT;
	case 0:
	case 408:
	case 429:
		return RETRY_LATER;
	case 501:
	case 505:
	case 511:
		return RETRY_NEVER;
	default:
		return status >= 500 ? RETRY_LATER : RETRY_NEVER;
	}
}

int64_t retry_pause_ms(const struct retry_failure *f, uint32_t random)
{
	int64_t ceiling =
		f->status == 429 || f->status == 503 ? BASE_OVERLOADED_MS : BASE_MS;
	int64_t delay, after_s = f->retry_after_s;

	for (unsigned i = 1; i < f->attempt && ceiling < CEILING_MS; i++)
		ceiling *= 2;
	if (ceiling > CEILING_MS)
		ceiling = CEILING_MS;
	delay = (int64_t)((double)random / UINT32_MAX * (double)ceiling);
	if (after_s > RETRY_AFTER_MAX_S)
		after_s = RETRY_AFTER_MAX_S;
	return after_s * 1000 > delay ? after_s * 1000 : delay;
}

int64_t retry_delay_ms(unsigned attempt, long status, int64_t retry_after_s,
		       uint32_t random)
{
	const struct retry_failure f = { attempt, status, retry_after_s };

	return attempt >= RETRY_ATTEMPTS ? -1 : retry_pause_ms(&f, random);
}
