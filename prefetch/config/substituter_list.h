/* The substituters of a run, in order. */
#ifndef SUBSTITUTER_LIST_H
#define SUBSTITUTER_LIST_H

#include "config/substituter.h"

#define SUBSTITUTER_LIST_MAX 63

struct substituter_list {
	struct substituter *items;
	size_t count;
};

#define SUBSTITUTER_LIST_INIT                                                            \
	{                                                                                \
		0                                                                        \
	}

/* Adds the substituter TEXT; for a URL that is already there, the new parameters replace
 * the old. Unless ANY_PARAMETER, NF_E_USAGE for a parameter that Nix does not know
 * either, and for too many substituters. *RET is borrowed until the next one is added. */
int substituter_list_add(struct substituter_list *l, const char *text, bool any_parameter,
			 const struct substituter **ret, struct nf_err *err) MUST_CHECK;
void substituter_list_release(struct substituter_list *l);

/* From now on, all are trusted as "?trusted=1" says. */
void substituter_list_trust(struct substituter_list *l);

#endif
