/* Fills a path info with text that it already owns, without copying each piece. */
#ifndef PATHINFO_FILL_H
#define PATHINFO_FILL_H

#include <nixferry/pathinfo.h>

#include "base/arena.h"
#include "base/err.h"

/* The memory that the path info owns; created on first use. */
struct arena *pathinfo_arena(struct nf_pathinfo *info);

/* Uses the space-separated base names in LIST, in any order, as the path info's
 * references, of which it must have none. LIST must be in its arena. */
int pathinfo_take_refs(struct nf_pathinfo *info, struct nf_slice list,
		       struct nf_err *err) MUST_CHECK;

/* Adds a signature, as nf_pathinfo_add_sig does, but without checking for duplicates; SIG
 * must be in its arena. After the last one, call pathinfo_unique_sigs. */
void pathinfo_take_sig(struct nf_pathinfo *info, struct nf_slice sig);
void pathinfo_unique_sigs(struct nf_pathinfo *info);

/* As nf_pathinfo_set_deriver; BASE must be in its arena. */
void pathinfo_take_deriver(struct nf_pathinfo *info, struct nf_slice base);

#endif
