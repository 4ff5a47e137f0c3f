/* The metadata that everything in a store has.
 * Source: Nix, src/libstore/posix-fs-canonicalise.cc. */
#ifndef CANONICAL_H
#define CANONICAL_H

#include <sys/stat.h>
#include <time.h>

/* For futimens and utimensat: modified at 1, the access time as it is. */
static const struct timespec canonical_times[2] = { { 0, UTIME_OMIT }, { 1, 0 } };

#endif
