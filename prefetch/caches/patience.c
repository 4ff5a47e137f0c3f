#include "caches/patience.h"

void patience_begin(struct patience *p, int64_t limit_ms, int64_t now)
{
	*p = (struct patience){ limit_ms, now };
}

void patience_progress(struct patience *p, int64_t now)
{
	p->progress_at = now;
}

int64_t patience_left_ms(const struct patience *p, int64_t now)
{
	int64_t left = p->limit_ms - (now - p->progress_at);

	return p->limit_ms && left > 0 ? left : 0;
}

int64_t patience_delay_ms(const struct patience *p, int64_t now,
			  const struct retry_failure *f, uint32_t random)
{
	int64_t left = patience_left_ms(p, now), delay;

	if (!left)
		return retry_delay_ms(f->attempt, f->status, f->retry_after_s, random);
	delay = retry_pause_ms(f, random);
	return delay < left ? delay : left;
}
