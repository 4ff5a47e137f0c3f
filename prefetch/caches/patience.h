/* How long caches that went away are waited for. Pure: times are milliseconds of a
 * monotonic clock. */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdint.h>

#include "http/retry.h"

/* Not more than a month. */
#define PATIENCE_MAX_S (31 * 24 * 3600)

struct patience {
	int64_t limit_ms;    /* 0: there is none */
	int64_t progress_at; /* when something came last */
};

void patience_begin(struct patience *p, int64_t limit_ms, int64_t now);

/* Something came: the time begins again. */
void patience_progress(struct patience *p, int64_t now);

/* Milliseconds for which it is still worth waiting; 0: it is over. */
int64_t patience_left_ms(const struct patience *p, int64_t now);

/* As retry_delay_ms, but attempts do not end before the patience does. */
int64_t patience_delay_ms(const struct patience *p, int64_t now,
			  const struct retry_failure *f, uint32_t random);

#endif
