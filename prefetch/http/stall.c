#include "http/stall.h"

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

static void end_window(struct stall *s, int64_t length)
{
	s->before[s->over++ % STALL_WINDOWS] = s->bytes;
	s->bytes = 0;
	s->since += length;
}

static bool is_below(const struct stall *s, uint64_t least)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < STALL_WINDOWS; i++)
		sum += s->before[i];
	return s->over >= STALL_WINDOWS && sum < least;
}

bool stall_is_too_slow(struct stall *s, int64_t now, int64_t timeout_ms)
{
	int64_t window = (timeout_ms + STALL_WINDOWS - 1) / STALL_WINDOWS;
	uint64_t least = (uint64_t)timeout_ms * STALL_FLOOR / 1000;

	while (s->is_watched && window && now - s->since >= window) {
		end_window(s, window);
		if (is_below(s, least))
			return true;
	}
	return false;
}
