#include "format/ca.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "base/slice.h"

static const char *const prefixes[] = {
	[CA_TEXT] = "text:",
	[CA_FLAT] = "fixed:",
	[CA_NAR] = "fixed:r:",
};

/* ---- text ---- */

static int parse_method(enum ca_method *ret, struct nf_slice *rest, struct nf_err *err)
{
	if (slice_skip_prefix(rest, "fixed:git:"))
		return err_set(err, NF_E_UNSUPPORTED,
			       "the method 'git' is not supported");
	/* If one is a prefix of the other, the longer one comes first. */
	if (slice_skip_prefix(rest, prefixes[CA_NAR]))
		*ret = CA_NAR;
	else if (slice_skip_prefix(rest, prefixes[CA_FLAT]))
		*ret = CA_FLAT;
	else if (slice_skip_prefix(rest, prefixes[CA_TEXT]))
		*ret = CA_TEXT;
	else
		return err_set(err, NF_E_FORMAT,
			       "it begins with neither 'text:' nor 'fixed:'");
	return 0;
}

static int parse_address(struct ca *ca, struct nf_slice rest, struct nf_err *err)
{
	enum nf_hash_algo algo;
	struct nf_slice name;
	int rc;

	rc = parse_method(&ca->method, &rest, err);
	if (rc)
		return rc;
	name = slice_cut(&rest, ':');
	if (!rest.ptr)
		return err_set(err, NF_E_FORMAT, "no ':' after its algorithm");
	if (!nf_hash_algo_parse(&algo, name))
		return err_set(err, NF_E_UNSUPPORTED, "unknown algorithm");
	if (ca->method == CA_TEXT && algo != NF_SHA256)
		return err_set(err, NF_E_FORMAT, "the hash of a text is not SHA-256");
	return nf_hash_parse_digest(&ca->hash, algo, rest, err);
}

int ca_parse(struct ca *ca, struct nf_slice text, struct nf_err *err)
{
	int len = text.len < CA_TEXT_MAX ? (int)text.len : CA_TEXT_MAX;
	int rc = parse_address(ca, text, err);

	return rc ? err_prefix(err, rc, "content address '%.*s'", len, text.ptr) : 0;
}

char *ca_format(char out[CA_TEXT_MAX], const struct ca *ca)
{
	size_t len = strlen(prefixes[ca->method]);

	memcpy(out, prefixes[ca->method], len);
	nf_hash_format(out + len, &ca->hash, NF_NIX32);
	return out;
}

/* ---- paths ---- */

/* The references that enter a path's hash. */
struct refs {
	const struct nf_slice *list;
	size_t count;
	struct nf_slice self; /* excluded from the list, if it is there */
	bool to_self;
};

static bool has_others(const struct refs *refs)
{
	for (size_t i = 0; i < refs->count; i++)
		if (!nf_slice_eq(refs->list[i], refs->self))
			return true;
	return false;
}

/* The path's type with the references, which only two methods allow. */
static int make_with_refs(struct nf_storepath *ret, const char *type, const struct ca *ca,
			  struct nf_slice name, const struct refs *refs,
			  struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, 2 * NARINFO_MAX);
	buf_add_str(&text, type);
	for (size_t i = 0; i < refs->count; i++) {
		if (nf_slice_eq(refs->list[i], refs->self))
			continue;
		buf_add_str(&text, ":" NF_STORE_DIR "/");
		buf_add_slice(&text, refs->list[i]);
	}
	if (refs->to_self)
		buf_add_str(&text, ":self");
	if (buf_failed(&text))
		return err_set(err, NF_E_LIMIT, "too many references");
	return nf_storepath_make(ret, text.ptr, &ca->hash, name, err);
}

static int make_without_refs(struct nf_storepath *ret, const struct ca *ca,
			     struct nf_slice name, const struct refs *refs,
			     struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	char hash[NF_HASH_TEXT_MAX];
	struct nf_hash inner;

	buf_init(&text, CA_TEXT_MAX + sizeof("fixed:out:"));
	if (refs->to_self || has_others(refs))
		return err_set(err, NF_E_FORMAT,
			       "its kind of content address allows no references");
	buf_addf(&text, "fixed:out:%s%s:", ca->method == CA_NAR ? "r:" : "",
		 nf_hash_format(hash, &ca->hash, NF_HEX));
	hash_bytes(&inner, NF_SHA256, text.ptr, text.len);
	return nf_storepath_make(ret, "output:out", &inner, name, err);
}

static int make(struct nf_storepath *ret, const struct ca *ca, struct nf_slice name,
		const struct refs *refs, struct nf_err *err)
{
	if (ca->method == CA_TEXT && refs->to_self)
		return err_set(err, NF_E_FORMAT, "a text cannot refer to itself");
	if (ca->method == CA_TEXT)
		return make_with_refs(ret, "text", ca, name, refs, err);
	if (ca->method == CA_NAR && ca->hash.algo == NF_SHA256)
		return make_with_refs(ret, "source", ca, name, refs, err);
	return make_without_refs(ret, ca, name, refs, err);
}

int ca_make_path(struct nf_storepath *ret, const struct ca *ca, struct nf_slice name,
		 const struct nf_slice *refs, size_t nrefs, bool self, struct nf_err *err)
{
	const struct refs all = { .list = refs, .count = nrefs, .to_self = self };

	return make(ret, ca, name, &all, err);
}

int ca_check_path(const struct nf_pathinfo *info, struct nf_err *err)
{
	const struct nf_slice base = nf_storepath_base(&info->path);
	const struct refs refs = { .list = info->refs,
				   .count = info->nrefs,
				   .self = base,
				   .to_self = nf_pathinfo_has_ref(info, base) };
	struct nf_storepath made;
	struct ca ca;
	int rc;

	rc = ca_parse(&ca, info->ca, err);
	if (rc)
		return rc;
	rc = make(&made, &ca, nf_storepath_name(&info->path), &refs, err);
	if (rc)
		return rc;
	if (nf_storepath_cmp(&made, &info->path) != 0)
		return err_set(err, NF_E_HASH,
			       "its content address '%.*s' belongs to another path, '%s'",
			       NF_SLICE_ARG(info->ca), made.base);
	return 0;
}
