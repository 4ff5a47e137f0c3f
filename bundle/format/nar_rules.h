/* Rules that the NAR reader and writer share: names and their order, targets, depth. */
#ifndef NAR_RULES_H
#define NAR_RULES_H

#include <nixferry/slice.h>

#include "base/err.h"
#include "base/limits.h"

/* The open directories, each with its last name. */
struct nar_rules {
	size_t depth;
	unsigned char len[NAR_DEPTH_MAX]; /* 0 before the first name */
	char name[NAR_DEPTH_MAX][NAR_NAME_MAX];
};

/* Checks that a node may begin here: it is not too deep. */
int nar_rules_node(const struct nar_rules *r, struct nf_err *err) MUST_CHECK;

/* Checks that NAME may be the next one in the innermost directory, and remembers it. */
int nar_rules_name(struct nar_rules *r, struct nf_slice name,
		   struct nf_err *err) MUST_CHECK;
/* The last name remembered; valid until the next one in its directory. */
struct nf_slice nar_rules_last(const struct nar_rules *r);

int nar_rules_target(struct nf_slice target, struct nf_err *err) MUST_CHECK;

/* Enters a directory (whose node was checked), and leaves it. */
void nar_rules_enter(struct nar_rules *r);
void nar_rules_leave(struct nar_rules *r);

/* TEXT for an error message: truncated, with '?' for characters that are unsafe on a
 * terminal. Returns OUT. */
#define NAR_RULES_QUOTE_MAX (NAR_NAME_MAX + 1)
char *nar_rules_quote(char out[NAR_RULES_QUOTE_MAX], struct nf_slice text);

/* Number of zero bytes after a string or file of SIZE bytes. */
static inline size_t nar_rules_padding(unsigned long long size)
{
	return (size_t)(-size & 7);
}

#endif
