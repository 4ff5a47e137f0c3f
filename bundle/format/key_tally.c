#include "format/key_tally.h"

#include "base/plural.h"

bool key_tally_add(struct key_tally *t, size_t index)
{
	for (size_t i = 0; i < t->count; i++)
		if (nf_keyring_is_same_key(t->ring, t->keys[i], index))
			return false;
	if (t->count == NF_SIGNATURES_NEEDED_MAX)
		return false;
	t->keys[t->count++] = index;
	return true;
}

size_t key_tally_of_ring(const struct nf_keyring *ring)
{
	struct key_tally t = { .ring = ring };

	for (size_t i = 0; i < nf_keyring_count(ring); i++)
		key_tally_add(&t, i);
	return t.count;
}

void key_tally_add_shortage(struct buf *out, const struct key_tally *t, size_t needed)
{
	buf_addf(out,
		 "%zu of the %zu different trusted keys that are needed %s signed it: ",
		 t->count, needed, plural(t->count, "has", "have"));
	for (size_t i = 0; i < t->count; i++)
		buf_addf(out, "%s'%s'", i ? ", " : "",
			 nf_keyring_name(t->ring, t->keys[i]));
}
