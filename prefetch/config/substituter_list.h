/* The substituters of a run, in their order. */
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

/* Adds what TEXT names; of a URL that is there already, the new parameters count. What
 * not even Nix knows among them is NF_E_USAGE unless ANY_PARAMETER, and so is one too
 * many. *RET is borrowed until the next is added. */
int substituter_list_add(struct substituter_list *l, const char *text, bool any_parameter,
			 const struct substituter **ret, struct nf_err *err) MUST_CHECK;
void substituter_list_release(struct substituter_list *l);

#endif
