#include "caches/health.h"

#include "http/retry.h"

/* A cache that never answered is given up at its second failure to connect; one that has
 * answered gets longer and longer pauses first. */
#define FAILURES_NEVER_SEEN 2
#define FAILURES_SEEN	    8
/* A cache that can be reached but has not had a good answer yet gets as many attempts as
 * each request. Its first requests run together: if they fail together, that counts as
 * one failure. */
#define FAILURES_NEVER_OK RETRY_ATTEMPTS
#define MOMENT_MS	  500
#define PAUSE_MS	  500
#define PAUSE_MAX_MS	  30000
#define LIES_MAX	  3

static void count_failure(struct health *h, unsigned least, int64_t now)
{
	int64_t ms = PAUSE_MS;

	/* A request that fails while the breaker is open was started before: it is no
	 * news. */
	if (now < h->open_until)
		return;
	if (!h->ever_ok && h->failures && h->failures >= least &&
	    now < h->failed_at + MOMENT_MS)
		return;
	h->failed_at = now;
	h->failures++;
	if (h->failures < least)
		h->failures = least;
	for (unsigned i = 1; i < h->failures && ms < PAUSE_MAX_MS; i++)
		ms *= 2;
	if (h->failures > 1)
		h->open_until = now + (ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
}

void health_event(struct health *h, enum health_event event, int64_t now)
{
	switch (event) {
	case HEALTH_OK:
		h->failures = 0;
		h->ever_ok = true;
		h->open_until = 0;
		break;
	case HEALTH_UNREACHABLE:
		/* For a cache that never answered, one refused connection is enough. */
		h->never_seen |= !h->ever_ok;
		count_failure(h, h->ever_ok ? 0 : FAILURES_NEVER_SEEN, now);
		break;
	case HEALTH_BROKEN:
		count_failure(h, 0, now);
		break;
	case HEALTH_LIED:
		if (++h->lies >= LIES_MAX)
			h->quarantined = true;
		break;
	}
}

bool health_usable(const struct health *h, int64_t now)
{
	return !health_is_gone(h) && now >= h->open_until;
}

static unsigned failures_max(const struct health *h)
{
	if (h->ever_ok)
		return FAILURES_SEEN;
	return h->never_seen ? FAILURES_NEVER_SEEN : FAILURES_NEVER_OK;
}

bool health_is_gone(const struct health *h)
{
	if (h->quarantined || h->is_given_up)
		return true;
	return !h->is_patient && h->failures >= failures_max(h);
}

void health_set_patient(struct health *h, bool is_patient)
{
	h->is_given_up |= health_is_waited_for(h) && !is_patient;
	h->is_patient = is_patient;
}

bool health_is_waited_for(const struct health *h)
{
	return h->is_patient && h->failures > 1 && !health_is_gone(h);
}
