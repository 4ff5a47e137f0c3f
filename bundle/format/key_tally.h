/* Counts the different keys of a ring that signed something. */
#ifndef KEY_TALLY_H
#define KEY_TALLY_H

#include <nixferry/key.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct key_tally {
	const struct nf_keyring *ring;	       /* borrowed */
	size_t keys[NF_SIGNATURES_NEEDED_MAX]; /* indexes in the ring */
	size_t count;
};

/* Counts the key with this index, whose signature is good. Returns false if it counted
 * before, under whatever name, or if there is no more room. */
bool key_tally_add(struct key_tally *t, size_t index);

/* The number of different keys of a ring. */
size_t key_tally_of_ring(const struct nf_keyring *ring);

/* Appends "1 of the 2 different trusted keys that are needed has signed it: 'a'". */
void key_tally_add_shortage(struct buf *out, const struct key_tally *t, size_t needed);

#endif
