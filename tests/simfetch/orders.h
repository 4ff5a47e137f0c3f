/* Watches what the engine and its dispatcher say to each other: every promise of
 * dispatch.h that can be seen from outside, in every world. The functions of dispatch.h
 * are wrapped for that when simfetch is linked. */
#ifndef ORDERS_H
#define ORDERS_H

#include <stdbool.h>

/* What was broken since the last call, or NULL. ENDED: the run was not killed, nor ended
 * by its first failure. */
const char *orders_broken(bool ended);

#endif
