/* Watches the engine and its dispatcher: checks in every world the rules of dispatch.h
 * that are visible from outside. For that, the functions of dispatch.h are wrapped when
 * simfetch is linked. */
#ifndef ORDERS_H
#define ORDERS_H

#include <stdbool.h>

/* The rule broken since the last call, or NULL. ENDED: the run was neither killed nor
 * ended by its first failure. */
const char *orders_broken(bool ended);

#endif
