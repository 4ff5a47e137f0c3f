/* Parses amounts as users write them. */
#ifndef UNITS_H
#define UNITS_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes: "4096", "500K", "20G"; K, M, G and T, in either case, are powers of 1024. False
 * for anything else and on overflow. */
bool units_parse_size(struct nf_slice text, uint64_t *ret);

/* Seconds: "90s", "10m", "2h", "30d"; a number alone counts UNIT seconds. False for
 * anything else and on overflow. */
bool units_parse_duration(struct nf_slice text, uint64_t unit, uint64_t *ret);

#endif
