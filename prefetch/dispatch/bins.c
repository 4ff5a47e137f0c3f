/* What each cache could start now, by size. */
#include "dispatch/state.h"

bool bins_have_any(const struct supplier *c)
{
	return c->filled[0][0] | c->filled[0][1] | c->filled[1][0] | c->filled[1][1];
}

unsigned bins_of(uint64_t size)
{
	unsigned log, bin;

	if (size < 4096)
		return 0;
	log = 63 - (unsigned)__builtin_clzll(size);
	bin = (log - 12) * 4 + (unsigned)(size >> (log - 2) & 3);
	return bin < BIN_COUNT ? bin : BIN_COUNT - 1;
}

void bins_put(struct dispatch *d, uint32_t offer, unsigned bin)
{
	struct offer *s = &d->offers[offer];
	struct supplier *c = &d->caches[s->cache];

	s->bin = (uint8_t)bin;
	s->bin_before = NONE;
	s->bin_next = c->bins[bin];
	if (s->bin_next != NONE)
		d->offers[s->bin_next].bin_before = offer;
	c->bins[bin] = offer;
	if (bin != BIN_LATER)
		c->filled[bin / BIN_COUNT][bin % BIN_COUNT / 64] |=
			1ULL << bin % BIN_COUNT % 64;
}

void bins_take(struct dispatch *d, uint32_t offer)
{
	struct offer *s = &d->offers[offer];
	struct supplier *c = &d->caches[s->cache];
	unsigned bin = s->bin;

	if (s->bin_next != NONE)
		d->offers[s->bin_next].bin_before = s->bin_before;
	if (s->bin_before != NONE)
		d->offers[s->bin_before].bin_next = s->bin_next;
	else
		c->bins[bin] = s->bin_next;
	if (bin != BIN_LATER && c->bins[bin] == NONE)
		c->filled[bin / BIN_COUNT][bin % BIN_COUNT / 64] &=
			~(1ULL << bin % BIN_COUNT % 64);
	s->bin = BIN_NOWHERE;
}

/* The largest nonempty bin up to MOST, of those with shared offers (0) or with others
 * (1); or -1. */
static int largest_bin(const struct supplier *c, unsigned kind, unsigned most)
{
	for (int word = (int)most / 64; word >= 0; word--) {
		uint64_t filled = c->filled[kind][word];

		if (word == (int)most / 64 && most % 64 < 63)
			filled &= (2ULL << most % 64) - 1;
		if (filled)
			return word * 64 + 63 - __builtin_clzll(filled);
	}
	return -1;
}

uint32_t bins_largest(const struct supplier *c, uint64_t most)
{
	int alone = largest_bin(c, 1, BIN_COUNT - 1);
	int shared;

	if (alone >= 0)
		return c->bins[alone + BIN_COUNT];
	shared = largest_bin(c, 0, bins_of(most));
	return shared >= 0 ? c->bins[shared] : NONE;
}
