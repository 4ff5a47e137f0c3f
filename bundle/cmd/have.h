/* Options that say what targets have, so that a bundle need not carry it. */
#ifndef HAVE_H
#define HAVE_H

#include "base/sandbox.h"
#include "cmd/cmd_args.h"
#include "cmd/named_paths.h"
#include "cmd/ui.h"
#include "format/inventory.h"

/* --have --have-all --delta-from; --have alone */
extern const struct cmd_option_group have_options;
extern const struct cmd_option_group have_verify_options;

struct have;

/* Finds out what each of them names: an inventory, a bundle, a store or an installable,
 * and opens the files. WITH_ALL: also reads --have-all and --delta-from. *RET is NULL if
 * none was given.
 */
int have_open(struct have **ret, const struct cmd_args *args, bool with_all,
	      struct nf_err *err) MUST_CHECK;
void have_free(struct have *h);
DEFINE_CLEANUP(struct have *, have_free)

/* The root of the first of the stores, or NULL. */
const char *have_store_root(const struct have *h);

/* Grants reading the stores. */
void have_grant(const struct have *h, struct sandbox *s);

/* Reads them: what at least one of --have has, or all of --have-all have. */
int have_load(struct have *h, const struct named_sources *sources,
	      struct nf_err *err) MUST_CHECK;

/* Adds what targets have in another way; *H may be NULL. After have_load. */
void have_add(struct have **h, const struct inventory *inv);

/* After have_load. Accept NULL. */
const struct inventory *have_inventory(const struct have *h);
/* What --delta-from has: a part of it. */
const struct inventory *have_bases(const struct have *h);
/* Enters what they have in TERMS, and the roots of the bundles and the installables;
 * borrowed. */
void have_set_terms(const struct have *h, struct nf_bundle_terms *terms);

#endif
