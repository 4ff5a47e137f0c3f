/* What NAR reader and writer demand alike: names and their order, targets, depth. */
#ifndef NAR_RULES_H
#define NAR_RULES_H

#include <nixferry/slice.h>

#include "base/err.h"
#include "base/limits.h"

/* The open directories and, in each, the name that came last. */
struct nar_rules {
	size_t depth;
	unsigned char len[NAR_DEPTH_MAX]; /* 0: no name came yet */
	char name[NAR_DEPTH_MAX][NAR_NAME_MAX];
};

/* A node may begin here: it is not too deep. */
int nar_rules_node(const struct nar_rules *r, struct nf_err *err) MUST_CHECK;

/* NAME may be the next in the innermost directory; it is remembered. */
int nar_rules_name(struct nar_rules *r, struct nf_slice name,
		   struct nf_err *err) MUST_CHECK;
/* The name that was remembered last, valid until the next one of its directory. */
struct nf_slice nar_rules_last(const struct nar_rules *r);

int nar_rules_target(struct nf_slice target, struct nf_err *err) MUST_CHECK;

/* Into a directory (of a node that was allowed), and out of it. */
void nar_rules_enter(struct nar_rules *r);
void nar_rules_leave(struct nar_rules *r);

/* TEXT for an error, cut, with '?' for what a terminal might act on. Returns OUT. */
#define NAR_RULES_QUOTE_MAX (NAR_NAME_MAX + 1)
char *nar_rules_quote(char out[NAR_RULES_QUOTE_MAX], struct nf_slice text);

/* Zero bytes behind a string or file of SIZE bytes. */
static inline size_t nar_rules_padding(unsigned long long size)
{
	return (size_t)(-size & 7);
}

#endif
