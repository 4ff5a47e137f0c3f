/* A bound that no client can beat. */
#ifndef BOUND_H
#define BOUND_H

#include "fetch_world.h"

/* The largest of what the links, the caches that alone have some files, and the slots
 * with their latencies take, in milliseconds. Nothing of this machine takes time. */
double bound_ms(const struct fetch_world *w);

#endif
