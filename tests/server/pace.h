/* A rate that several senders share. */
#ifndef PACE_H
#define PACE_H

#include <pthread.h>
#include <stdint.h>

struct pace {
	pthread_mutex_t lock;
	uint64_t rate;	    /* bytes per second; 0: no limit */
	int64_t free_at_us; /* when all bytes taken have been sent */
};

#define PACE_INIT                                                                        \
	{                                                                                \
		.lock = PTHREAD_MUTEX_INITIALIZER                                        \
	}

/* Takes N bytes; returns how many milliseconds to wait before sending them. Any
 * thread. */
int pace_take(struct pace *p, uint64_t n);

/* How many bytes to take at a time, so that other senders get their turn. */
uint64_t pace_slice(const struct pace *p, uint64_t n);

#endif
