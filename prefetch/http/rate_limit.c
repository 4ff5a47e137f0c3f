#include "http/rate_limit.h"

#include <string.h>

#include <nixferry/slice.h>

#include "base/slice.h"
#include "base/units.h"

#define DAY_MINUTES (24 * 60)
/* Unused bytes are kept for this long, so that no flood follows a pause. */
#define BURST_MS 100
/* A debt from a higher rate is not paid back at a lower one for longer than this. */
#define OLD_DEBT_MS 1000
/* The rate may change in between. */
#define LOOK_MS 1000

/* ---- by the clock ---- */

static bool parse_rate(struct nf_slice text, uint64_t *ret)
{
	if (nf_slice_is(text, "none")) {
		*ret = 0;
		return true;
	}
	if (!units_parse_size(text, ret) || *ret > RATE_MAX)
		return false;
	return *ret == 0 || *ret >= RATE_MIN;
}

static bool parse_two_digits(const char *p, unsigned *ret)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return false;
	*ret = (unsigned)((p[0] - '0') * 10 + p[1] - '0');
	return true;
}

/* "HH:MM" up to 24:00. */
static bool parse_minute(struct nf_slice text, unsigned *ret)
{
	unsigned hour, minute;

	if (text.len != 5 || text.ptr[2] != ':' || !parse_two_digits(text.ptr, &hour) ||
	    !parse_two_digits(text.ptr + 3, &minute))
		return false;
	*ret = hour * 60 + minute;
	return minute < 60 && *ret <= DAY_MINUTES;
}

static bool parse_window(struct nf_slice text, struct rate_window *w)
{
	struct nf_slice from = slice_cut(&text, '-');

	return parse_minute(from, &w->from) && parse_minute(text, &w->to) &&
	       w->from != w->to && w->from < DAY_MINUTES;
}

int rate_schedule_add(struct rate_schedule *s, const char *text, struct nf_err *err)
{
	struct nf_slice rest = nf_slice_str(text), rate;
	bool has_window = strchr(text, '@') != NULL;
	struct rate_window w = { 0 };

	rate = slice_cut(&rest, '@');
	if (!parse_rate(rate, &w.rate))
		return err_set(
			err, NF_E_USAGE,
			"'%s': the rate is not none, 0, or %dK to %dG bytes a second, as in 500K or 2M",
			text, RATE_MIN >> 10, (int)(RATE_MAX >> 30));
	if (!has_window) {
		s->rate = w.rate;
		return 0;
	}
	if (!parse_window(rest, &w))
		return err_set(
			err, NF_E_USAGE,
			"'%s': the time of day is not HH:MM-HH:MM, as in 08:00-20:00",
			text);
	if (s->count == RATE_WINDOWS_MAX)
		return err_set(err, NF_E_USAGE, "'%s': more than %d times of day", text,
			       RATE_WINDOWS_MAX);
	s->windows[s->count++] = w;
	return 0;
}

static bool covers(const struct rate_window *w, unsigned minute)
{
	if (w->from < w->to)
		return minute >= w->from && minute < w->to;
	return minute >= w->from || minute < w->to;
}

uint64_t rate_schedule_at(const struct rate_schedule *s, time_t wall)
{
	struct tm local;
	unsigned minute;

	if (s->count == 0 || !localtime_r(&wall, &local))
		return s->rate;
	minute = (unsigned)(local.tm_hour * 60 + local.tm_min);
	for (size_t i = s->count; i; i--)
		if (covers(&s->windows[i - 1], minute))
			return s->windows[i - 1].rate;
	return s->rate;
}

uint64_t rate_schedule_lowest(const struct rate_schedule *s)
{
	uint64_t lowest = s->rate;

	for (size_t i = 0; i < s->count; i++)
		if (s->windows[i].rate && (!lowest || s->windows[i].rate < lowest))
			lowest = s->windows[i].rate;
	return lowest;
}

/* ---- the bucket ---- */

void rate_limit_init(struct rate_limit *l, const struct rate_schedule *s)
{
	*l = (struct rate_limit){ .schedule = *s };
}

void rate_limit_took(struct rate_limit *l, uint64_t bytes)
{
	l->thousand -= (int64_t)bytes * 1000;
}

static void change_rate(struct rate_limit *l, uint64_t rate)
{
	int64_t debt_max = (int64_t)rate * OLD_DEBT_MS;

	l->rate = rate;
	if (l->thousand < -debt_max)
		l->thousand = -debt_max;
}

/* A long pause only fills the bucket: the product must not overflow. */
static void refill(struct rate_limit *l, int64_t elapsed_ms)
{
	int64_t full = (int64_t)l->rate * BURST_MS;

	if (elapsed_ms < 0)
		return;
	if (elapsed_ms > 1000 * LOOK_MS)
		elapsed_ms = 1000 * LOOK_MS;
	l->thousand += (int64_t)l->rate * elapsed_ms;
	if (l->thousand > full)
		l->thousand = full;
}

bool rate_limit_is_spent(const struct rate_limit *l)
{
	return l->rate && l->thousand < 0;
}

int64_t rate_limit_wait(struct rate_limit *l, int64_t now_ms, time_t wall)
{
	uint64_t rate = rate_schedule_at(&l->schedule, wall);
	int64_t elapsed = now_ms - l->last_ms, ms;

	l->last_ms = now_ms;
	if (rate != l->rate)
		change_rate(l, rate);
	else
		refill(l, elapsed);
	if (!rate) {
		l->thousand = 0;
		return 0;
	}
	if (l->thousand >= 0)
		return 0;
	ms = (-l->thousand + (int64_t)rate - 1) / (int64_t)rate;
	return ms < LOOK_MS ? ms : LOOK_MS;
}
