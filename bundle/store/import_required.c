#include "store/import_required.h"

#include "base/interrupt.h"
#include "base/plural.h"
#include "format/inventory.h"

static struct inventory required_of(const struct nf_bundle *b)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);

	/* Borrowed, only to be searched. */
	return (struct inventory){
		.items = (struct nf_bundle_required *)t->required,
		.count = t->required_count,
	};
}

bool import_required_has(const struct nf_bundle *b, struct nf_slice base)
{
	const struct inventory required = required_of(b);

	return inventory_find(&required, base) != NULL;
}

/* *RET_WHY is NULL if the target has the path. */
static int look_up(const struct nf_bundle_required *r,
		   const struct import_required_target *target, const char **ret_why,
		   struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };
	int rc = interrupt_check(err);

	*ret_why = NULL;
	if (!rc)
		rc = target->find(target->ctx, &r->path, &have, err);
	if (rc == -NF_E_MISSING)
		*ret_why = "is not valid";
	else if (rc == -NF_E_UNSUPPORTED)
		*ret_why = "has a database entry that cannot be read";
	else if (!rc && !nf_hash_eq(&have.nar_hash, &r->nar_hash))
		*ret_why = "has different content";
	return *ret_why ? 0 : rc;
}

static int lacking(const struct nf_bundle *b, const struct import_required_target *target,
		   size_t count, const char *first, struct nf_err *err)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);
	const char *from = t->made_from_count ? t->made_from[0] : NULL;

	return err_set(
		err, NF_E_MISSING,
		"%s lacks %zu of %zu %s that the bundle requires, first '" NF_STORE_DIR
		"/%s': import %s%s%s first, let 'nixferry import --fetch-rest' fetch it, or use a bundle made without --have and --not-in",
		target->name, count, t->required_count,
		plural(t->required_count, "path", "paths"), first,
		from ? "'" NF_STORE_DIR "/" : "what it was made from", from ? from : "",
		from ? "'" : "");
}

int import_required_check(const struct nf_bundle *b,
			  const struct import_required_target *target,
			  struct progress *progress, struct nf_err *err)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);
	const char *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < t->required_count; i++) {
		const char *base = t->required[i].path.base;
		const char *why;
		int rc = look_up(&t->required[i], target, &why, err);

		if (rc)
			return rc;
		if (!why)
			continue;
		progress_note(progress, "required path '" NF_STORE_DIR "/%s' %s in %s",
			      base, why, target->name);
		first = first ? first : base;
		count++;
	}
	return count ? lacking(b, target, count, first, err) : 0;
}
