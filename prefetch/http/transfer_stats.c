#include "http/transfer_stats.h"

#include "base/err.h"
#include "http/retry.h"
#include "http/transfer.h"

void transfer_stats_begin(struct transfer_stats *s, bool nar, int64_t now_ms)
{
	s->requests++;
	if (nar && s->nars_active++ == 0)
		s->busy_since = now_ms;
}

void transfer_stats_bytes(struct transfer_stats *s, bool nar, size_t n)
{
	s->bytes += n;
	if (nar)
		s->nar_bytes += n;
}

static enum transfer_failure failure_of(const struct transfer_done *d)
{
	switch (d->cause) {
	case TRANSFER_NO_HOST:
	case TRANSFER_REFUSED:
		return TRANSFER_FAILED_REACH;
	case TRANSFER_TIMEOUT:
		return d->stalled ? TRANSFER_FAILED_STALL : TRANSFER_FAILED_TIME;
	case TRANSFER_TLS:
		return TRANSFER_FAILED_TLS;
	case TRANSFER_ASTRAY:
		return TRANSFER_FAILED_STATUS;
	case TRANSFER_OTHER:
		break;
	}
	return TRANSFER_FAILED_BREAK;
}

/* TRANSFER_FAILURES if it did not fail, except by our own verdict on its content. */
static enum transfer_failure classify_failure(bool nar, const struct transfer_done *d)
{
	if (d->rc == -NF_E_NET)
		return failure_of(d);
	if (d->rc)
		return TRANSFER_FAILURES;
	switch (retry_judge(d->status)) {
	case RETRY_OK:
		break;
	case RETRY_ABSENT:
		return nar ? TRANSFER_FAILED_ABSENT : TRANSFER_FAILURES;
	case RETRY_LATER:
	case RETRY_NEVER:
		return TRANSFER_FAILED_STATUS;
	}
	return TRANSFER_FAILURES;
}

static void note_latency(struct transfer_stats *s, bool nar, double seconds)
{
	uint32_t us;

	if (seconds < 0)
		return;
	us = seconds < 4000 ? (uint32_t)(seconds * 1e6) : 4000000000U;
	histogram_add(nar ? &s->nar_us : &s->narinfo_us, us);
}

void transfer_stats_end(struct transfer_stats *s, bool nar,
			const struct transfer_done *done, int64_t now_ms)
{
	enum transfer_failure f = done ? classify_failure(nar, done) : TRANSFER_FAILURES;

	if (nar && --s->nars_active == 0)
		s->busy_ms += now_ms - s->busy_since;
	if (f != TRANSFER_FAILURES)
		s->failures[f]++;
	if (done && done->status)
		note_latency(s, nar, done->answer_s);
	if (done && !nar && done->status == 403)
		s->forbidden++;
	if (done)
		s->requests += done->redirects;
}

bool transfer_stats_all_forbidden(const struct transfer_stats *s)
{
	return s->forbidden && s->forbidden == s->narinfo_us.count;
}

size_t transfer_stats_failures(const struct transfer_stats *s)
{
	size_t sum = 0;

	for (size_t i = 0; i < TRANSFER_FAILURES; i++)
		sum += s->failures[i];
	return sum;
}

const char *transfer_failure_name(enum transfer_failure f)
{
	static const char *const names[] = {
		[TRANSFER_FAILED_REACH] = "unreachable",
		[TRANSFER_FAILED_TIME] = "timeout",
		[TRANSFER_FAILED_TLS] = "tls",
		[TRANSFER_FAILED_STALL] = "stalled",
		[TRANSFER_FAILED_BREAK] = "broken",
		[TRANSFER_FAILED_STATUS] = "status",
		[TRANSFER_FAILED_ABSENT] = "missing",
		[TRANSFER_FAILED_CONTENT] = "wrong",
	};

	return names[f];
}

uint64_t transfer_stats_throughput(const struct transfer_stats *s)
{
	return s->busy_ms > 0 ? s->nar_bytes * 1000 / (uint64_t)s->busy_ms : 0;
}
