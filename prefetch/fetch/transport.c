#include "fetch/transport.h"

#include <time.h>

static struct transfer *http_start(void *ctx, const struct transfer_request *req)
{
	return transfers_start(ctx, req);
}

static void http_cancel(void *ctx, struct transfer *x)
{
	(void)ctx;
	transfers_cancel(x);
}

static int http_run(void *ctx, int timeout_ms, struct nf_err *err)
{
	return transfers_run(ctx, timeout_ms, err);
}

static int64_t clock_ms(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct transport transport_http(struct transfers *t)
{
	return (struct transport){
		t, http_start, http_cancel, http_run, clock_ms, false
	};
}
