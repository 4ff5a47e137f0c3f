/* Bulk worlds: one of the scenarios, run and judged. */
#ifndef BULK_RUN_H
#define BULK_RUN_H

#include "bulk_scenarios.h"

/* Prints what it gave; false if that is not good enough. */
bool bulk_run(const struct bulk_scenario *s, const struct goods_keys *k, bool trace);

#endif
