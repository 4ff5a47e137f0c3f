/* How long to wait for caches that have gone away. Pure: times are milliseconds of a
 * monotonic clock. */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdint.h>

#include "http/retry.h"

/* At most a month. */
#define PATIENCE_MAX_S (31 * 24 * 3600)

struct patience {
	int64_t limit_ms;    /* 0: no waiting */
	int64_t progress_at; /* when something last arrived */
};

void patience_begin(struct patience *p, int64_t limit_ms, int64_t now);

/* Something arrived: the time starts again. */
void patience_progress(struct patience *p, int64_t now);

/* Milliseconds that are left for waiting; 0: none. */
int64_t patience_left_ms(const struct patience *p, int64_t now);

/* As retry_delay_ms, but attempts continue as long as the patience lasts. */
int64_t patience_delay_ms(const struct patience *p, int64_t now,
			  const struct retry_failure *f, uint32_t random);

#endif
