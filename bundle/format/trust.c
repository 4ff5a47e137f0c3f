#include <nixferry/trust.h>

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "format/ca.h"

/* So many names of unknown keys, of at most this length each, fit into a message. */
#define NAMES_MAX 3
#define NAME_MAX  80

static struct nf_slice signer(struct nf_slice sig)
{
	return slice_cut(&sig, ':');
}

/* The ring's own copy of a name, or NULL. */
static const char *known_name(const struct nf_keyring *ring, struct nf_slice name)
{
	for (size_t i = 0; i < nf_keyring_count(ring); i++)
		if (nf_slice_is(name, nf_keyring_name(ring, i)))
			return nf_keyring_name(ring, i);
	return NULL;
}

static void add_signers(struct buf *out, const struct nf_pathinfo *info)
{
	for (size_t i = 0; i < info->nsigs && i < NAMES_MAX; i++) {
		struct nf_slice name = signer(info->sigs[i]);

		if (name.len > NAME_MAX)
			name.len = NAME_MAX;
		buf_addf(out, "%s'%.*s'", i ? ", " : "", NF_SLICE_ARG(name));
	}
	if (info->nsigs > NAMES_MAX)
		buf_addf(out, " and %zu more", info->nsigs - NAMES_MAX);
}

static int no_known_signer(const struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_BUF struct buf names = { 0 };

	buf_init(&names, NF_ERR_TEXT_MAX);
	if (info->nsigs == 0)
		return err_set(err, NF_E_TRUST, "it has no signature");
	add_signers(&names, info);
	return err_set(err, NF_E_TRUST, "no signature by a trusted key (signed by %s)",
		       names.ptr);
}

/* A trusted key whose signature is wrong says more than keys that nobody knows. */
static int check_signatures(const char **ret_by, const struct nf_pathinfo *info,
			    const struct nf_keyring *ring, struct nf_err *err)
{
	AUTO_FREE char *message = nf_pathinfo_fingerprint(info);
	bool wrong = false;

	for (size_t i = 0; i < info->nsigs; i++) {
		const char *name = known_name(ring, signer(info->sigs[i]));
		int rc;

		if (!name)
			continue;
		rc = nf_keyring_verify(ring, info->sigs[i], message, strlen(message),
				       wrong ? NULL : err);
		if (rc == 0) {
			*ret_by = name;
			return 0;
		}
		wrong = true;
	}
	return wrong ? -NF_E_TRUST : no_known_signer(info, err);
}

static int untrusted(const struct nf_pathinfo *info, const struct nf_err *signatures,
		     const struct nf_err *content, struct nf_err *err)
{
	if (info->ca.len)
		return err_set(err, NF_E_TRUST, "path '%s': %s; %s", info->path.base,
			       signatures->text, content->text);
	return err_set(err, NF_E_TRUST, "path '%s': %s", info->path.base,
		       signatures->text);
}

int nf_trust_pathinfo(struct nf_trusted *ret, const struct nf_pathinfo *info,
		      const struct nf_keyring *ring, struct nf_err *err)
{
	struct nf_err signatures, content;
	const char *by = NULL;

	if (check_signatures(&by, info, ring, &signatures) == 0) {
		*ret = (struct nf_trusted){ .info = info, .by = by };
		return 0;
	}
	if (info->ca.len && ca_check_path(info, &content) == 0) {
		*ret = (struct nf_trusted){ .info = info,
					    .by = "content address",
					    .by_content = true };
		return 0;
	}
	return untrusted(info, &signatures, &content, err);
}

void nf_trust_by_store(struct nf_trusted *ret, const struct nf_pathinfo *info)
{
	*ret = (struct nf_trusted){ .info = info,
				    .by = "trusted store",
				    .by_store = true };
}
