#include "format/nar_checked.h"

#include "base/interrupt.h"
#include "base/mem.h"
#include "format/ca.h"

struct nar_checked {
	struct nf_source source;
	struct nf_source *in; /* of exactly NarSize bytes */
	const struct nf_pathinfo *info;
	struct hasher *hasher;
	struct ca_check *ca; /* NULL before the first byte, or if the path has no content
				address */
	bool begun;
};

static int begin(struct nar_checked *c, struct nf_err *err)
{
	c->begun = true;
	return c->info->ca.len ? ca_check_new(&c->ca, c->info, err) : 0;
}

static int check_hash(struct nar_checked *c, struct nf_err *err)
{
	char want[NF_HASH_TEXT_MAX], got[NF_HASH_TEXT_MAX];
	struct nf_hash hash;

	hasher_final(c->hasher, &hash);
	if (nf_hash_eq(&hash, &c->info->nar_hash))
		return 0;
	return err_set(err, NF_E_HASH, "NAR hash: expected %s, got %s",
		       nf_hash_format(want, &c->info->nar_hash, NF_NIX32),
		       nf_hash_format(got, &hash, NF_NIX32));
}

static int check_all(struct nar_checked *c, struct nf_err *err)
{
	int rc = check_hash(c, err);

	return !rc && c->ca ? ca_check_final(c->ca, err) : rc;
}

static int nar_checked_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct nar_checked *c = (struct nar_checked *)s;
	int rc = interrupt_check(err);

	if (!rc && !c->begun)
		rc = begin(c, err);
	if (!rc)
		rc = source_next(c->in, ret, err);
	if (rc)
		return rc;
	if (ret->len == 0)
		return check_all(c, err);
	hasher_update(c->hasher, ret->ptr, ret->len);
	if (c->ca)
		ca_check_update(c->ca, ret->ptr, ret->len);
	return 0;
}

static void nar_checked_close(struct nf_source *s)
{
	struct nar_checked *c = (struct nar_checked *)s;

	source_close(c->in);
	hasher_free(c->hasher);
	ca_check_free(c->ca);
	free(c);
}

struct nf_source *nar_checked_source(struct nf_source *in, const struct nf_trusted *t)
{
	struct nar_checked *c = mem_calloc(1, sizeof(*c));

	c->source = (struct nf_source){ nar_checked_next, nar_checked_close };
	c->in = source_sized(in, t->info->nar_size, "NAR");
	c->info = t->info;
	c->hasher = hasher_new(NF_SHA256);
	return &c->source;
}
