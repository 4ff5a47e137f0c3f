/* Parsing slices. */
#ifndef SLICE_H
#define SLICE_H

#include <nixferry/slice.h>
#include <stdint.h>

/* Cuts *rest at the first C: returns what is before it and leaves what is after it.
 * Without a C, returns everything and leaves an empty *rest with a NULL ptr. */
struct nf_slice slice_cut(struct nf_slice *rest, char c);

/* True if S starts with PREFIX, which is then removed from *s. */
bool slice_skip_prefix(struct nf_slice *s, const char *prefix);

bool slice_ends_with(struct nf_slice s, const char *suffix);

/* Removes white space (space, tab, CR, LF) at both ends. */
struct nf_slice slice_trim(struct nf_slice s);

/* A decimal number without sign, padding or anything else. False if S is not one or does
 * not fit. */
bool slice_parse_u64(struct nf_slice s, uint64_t *ret);

#endif
