#include "http/histogram.h"

#include <stddef.h>

/* Powers of two, and the steps between them, for HISTOGRAM_EXACT and HISTOGRAM_STEPS. */
#define EXACT_BITS 4
#define STEP_BITS  3

static size_t cell_of(uint32_t value)
{
	unsigned exponent;
	uint32_t step;

	if (value < HISTOGRAM_EXACT)
		return value;
	exponent = 31 - (unsigned)__builtin_clz(value);
	step = (value >> (exponent - STEP_BITS)) & (HISTOGRAM_STEPS - 1);
	return HISTOGRAM_EXACT + (exponent - EXACT_BITS) * HISTOGRAM_STEPS + step;
}

/* The largest value that is counted there. */
static uint32_t top_of(size_t cell)
{
	unsigned exponent;
	uint64_t step;

	if (cell < HISTOGRAM_EXACT)
		return (uint32_t)cell;
	cell -= HISTOGRAM_EXACT;
	exponent = (unsigned)(cell / HISTOGRAM_STEPS) + EXACT_BITS;
	step = cell % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
	return (uint32_t)(((step + 1) << (exponent - STEP_BITS)) - 1);
}

void histogram_add(struct histogram *h, uint32_t value)
{
	h->count++;
	h->cells[cell_of(value)]++;
	if (value > h->max)
		h->max = value;
}

uint32_t histogram_percentile(const struct histogram *h, unsigned percent)
{
	uint64_t rank = (h->count * percent + 99) / 100, seen = 0;

	for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
		seen += h->cells[i];
		if (seen >= rank && seen)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}
