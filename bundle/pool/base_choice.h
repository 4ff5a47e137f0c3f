/* Which path that a target has is probably most like a new one. Pure. */
#ifndef BASE_CHOICE_H
#define BASE_CHOICE_H

#include "format/inventory.h"

struct base_choice;

/* BASES is borrowed. */
struct base_choice *base_choice_new(const struct inventory *bases);
void base_choice_free(struct base_choice *c);
DEFINE_CLEANUP(struct base_choice *, base_choice_free)

/* Those with the same name apart from version and output, at most MAX, the likeliest
 * first: the same name, then the same output, then by name. Returns their number. */
size_t base_choice_find(const struct base_choice *c, const struct nf_storepath *path,
			const struct nf_bundle_required **ret, size_t max);

#endif
