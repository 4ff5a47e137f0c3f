/* Taking slices apart. */
#ifndef SLICE_H
#define SLICE_H

#include <nixferry/slice.h>
#include <stdint.h>

/* Cuts *rest at the first C: what is before it is returned, *rest goes on after it.
 * Without a C the whole is returned and *rest becomes empty with a NULL ptr. */
struct nf_slice slice_cut(struct nf_slice *rest, char c);

/* True if S starts with PREFIX, which is then removed from *s. */
bool slice_skip_prefix(struct nf_slice *s, const char *prefix);

bool slice_ends_with(struct nf_slice s, const char *suffix);

/* Removes white space (space, tab, CR, LF) at both ends. */
struct nf_slice slice_trim(struct nf_slice s);

/* A decimal number without sign, padding or anything else. False if S is not one or it
 * does not fit. */
bool slice_parse_u64(struct nf_slice s, uint64_t *ret);

#endif
