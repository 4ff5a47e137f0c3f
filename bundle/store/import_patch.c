#include "store/import_patch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/stream.h"
#include "delta/delta_apply.h"

/* Closes what a patch is made with after the patch. */
struct patched_nar {
	struct nf_source source;
	struct nf_source *in;
	const struct import_plan *plan;
	const struct nf_bundle_member *member;
	int store_fd;
};

static const struct nf_bundle_member *member_of(const struct import_plan *plan,
						const struct import_path *path)
{
	return nf_bundle_member(plan->bundle, path->member);
}

static const char *base_name(const struct import_plan *plan,
			     const struct nf_bundle_member *m, size_t i)
{
	return nf_bundle_terms(plan->bundle)->required[m->bases[i]].path.base;
}

static int open_base(void *ctx, size_t i, struct delta_base **ret, struct nf_err *err)
{
	const struct patched_nar *p = ctx;
	const char *base = base_name(p->plan, p->member, i);
	int rc = delta_base_of_tree(ret, p->store_fd, base, err);

	return rc ? err_prefix(err, rc, "base '" NF_STORE_DIR "/%s'", base) : 0;
}

static int patched_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	return source_next(((struct patched_nar *)s)->in, ret, err);
}

static void patched_close(struct nf_source *s)
{
	source_close(((struct patched_nar *)s)->in);
	free(s);
}

struct nf_source *import_patch_decode(const struct import_plan *plan,
				      const struct import_path *path, int store_fd,
				      struct nf_source *member)
{
	struct delta_apply_options opts = { .open = open_base };
	struct patched_nar *p;

	if (!import_patch_is(plan, path))
		return decoder_new(path->codec, member);
	p = mem_alloc(sizeof(*p));
	*p = (struct patched_nar){
		.source = { patched_next, patched_close },
		.plan = plan,
		.member = member_of(plan, path),
		.store_fd = store_fd,
	};
	opts.ctx = p;
	opts.count = p->member->base_count;
	opts.rewrite = plan->rewrite;
	opts.nar_size = path->ni.info.nar_size;
	p->in = delta_apply_source(member, &opts);
	return &p->source;
}

bool import_patch_is(const struct import_plan *plan, const struct import_path *path)
{
	return member_of(plan, path)->base_count != 0;
}

int import_patch_explain(const struct import_plan *plan, const struct import_path *path,
			 int rc, struct nf_err *err)
{
	const char *base = base_name(plan, member_of(plan, path), 0);

	if (rc != -NF_E_HASH && rc != -NF_E_FORMAT)
		return rc;
	return err_prefix(
		err, rc,
		"cannot be made from '" NF_STORE_DIR
		"/%s', which may be damaged: restore it, or import a bundle made without --delta-from",
		base);
}
