#include "net/stall.h"

void stall_begin(struct stall *s, int64_t now)
{
	*s = (struct stall){ .is_watched = true, .since = now };
}

void stall_took(struct stall *s, uint64_t bytes)
{
	s->bytes += bytes;
}

void stall_excuse(struct stall *s, int64_t ms)
{
	s->since += ms;
}

bool stall_is_too_slow(struct stall *s, int64_t now, int64_t timeout_ms)
{
	int64_t least = STALL_FLOOR * timeout_ms / 1000;

	if (!s->is_watched || now - s->since < timeout_ms / 2)
		return false;
	if (s->has_before && s->before + s->bytes < (uint64_t)least)
		return true;
	s->has_before = true;
	s->before = s->bytes;
	s->bytes = 0;
	s->since = now;
	return false;
}
