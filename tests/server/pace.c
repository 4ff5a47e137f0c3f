#include "pace.h"

#include <time.h>

#define SLICES_A_SECOND 20
#define US		1000000

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * US + t.tv_nsec / 1000;
}

int pace_take(struct pace *p, uint64_t n)
{
	int64_t now = now_us(), wait;

	if (!p->rate)
		return 0;
	pthread_mutex_lock(&p->lock);
	if (p->free_at_us < now)
		p->free_at_us = now;
	p->free_at_us += (int64_t)(n * US / p->rate);
	wait = p->free_at_us - now;
	pthread_mutex_unlock(&p->lock);
	return (int)(wait / 1000);
}

uint64_t pace_slice(const struct pace *p, uint64_t n)
{
	uint64_t most = p->rate / SLICES_A_SECOND + 1;

	return p->rate && n > most ? most : n;
}
