/* Runs one bulk scenario and judges it. */
#ifndef BULK_RUN_H
#define BULK_RUN_H

#include "bulk_scenarios.h"

/* Prints the result; false if it is not good enough. */
bool bulk_run(const struct bulk_scenario *s, const struct goods_keys *k, bool trace);

#endif
