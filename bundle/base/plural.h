/* The form of a word that agrees with a number. */
#ifndef PLURAL_H
#define PLURAL_H

#include <stdint.h>

/* ONE for a count of one, MANY for all others: plural(n, "path was", "paths were"). */
const char *plural(uint64_t count, const char *one, const char *many);

#endif
