/* What the engine needs from the network, as three functions, and the clock by which they
 * wait. The simulator replaces HTTP with its own network. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "http/transfer.h"

struct transport {
	void *ctx;
	/* As transfers_start, transfers_cancel and transfers_run. */
	struct transfer *(*start)(void *ctx, const struct transfer_request *req);
	void (*cancel)(void *ctx, struct transfer *x);
	int (*run)(void *ctx, int timeout_ms, struct nf_err *err);
	int64_t (*now_ms)(void *ctx); /* of a monotonic clock */
	/* Work takes no time: RUN does not return before the workers are done. */
	bool in_step;
};

/* T is borrowed. */
struct transport transport_http(struct transfers *t);

#endif
