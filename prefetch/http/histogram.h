/* Counts values in little memory: exact up to 15, then eight steps per doubling, so a
 * percentile is at most an eighth too large. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_EXACT 16
#define HISTOGRAM_STEPS 8
#define HISTOGRAM_CELLS (HISTOGRAM_EXACT + 28 * HISTOGRAM_STEPS)

/* All zero: empty. */
struct histogram {
	uint64_t count;
	uint32_t max;
	uint32_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *h, uint32_t value);

/* The smallest value that PERCENT (1 to 100) of all values do not exceed; 0 if empty. */
uint32_t histogram_percentile(const struct histogram *h, unsigned percent);

#endif
