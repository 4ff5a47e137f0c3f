/* The metadata of everything in a store.
 * Source: Nix, src/libstore/posix-fs-canonicalise.cc. */
#ifndef CANONICAL_H
#define CANONICAL_H

#include <sys/stat.h>
#include <time.h>

/* For futimens and utimensat: modification time 1, access time unchanged. */
static const struct timespec canonical_times[2] = { { 0, UTIME_OMIT }, { 1, 0 } };

#endif
