#include "pool/pack_sigs.h"

#include <nixferry/trust.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"

void pack_sigs_sign(struct nf_pathinfo *info, const struct nf_secret_key *key)
{
	AUTO_FREE char *fingerprint = nf_pathinfo_fingerprint(info);
	AUTO_FREE char *sig = nf_sign(key, fingerprint, strlen(fingerprint));

	nf_pathinfo_add_sig(info, nf_slice_str(sig));
}

static bool has_too_many_sigs(const struct nf_pathinfo *info)
{
	size_t len = 0;

	for (size_t i = 0; i < info->nsigs; i++)
		len += info->sigs[i].len + 1;
	return info->nsigs > PATHINFO_SIGS_MAX || len > PATHINFO_SIGS_TEXT_MAX;
}

size_t pack_sigs_limit(struct nf_pathinfo *info, const struct nf_keyring *ring)
{
	size_t left_out = info->left_out;
	struct nf_slice last;
	struct nf_trusted t;

	if (!has_too_many_sigs(info))
		return 0;
	last = info->sigs[info->nsigs - 1];
	info->sigs[info->nsigs - 1] = info->sigs[0];
	info->sigs[0] = last;
	(void)!nf_trust_pathinfo(&t, info, ring, NULL);
	return info->left_out - left_out;
}

static int compare_sigs(const void *a, const void *b)
{
	return nf_slice_cmp(*(const struct nf_slice *)a, *(const struct nf_slice *)b);
}

void pack_sigs_sort(struct nf_pathinfo *info)
{
	qsort(info->sigs, info->nsigs, sizeof(*info->sigs), compare_sigs);
}

int pack_sigs_check(struct nf_pathinfo *info, const struct nf_keyring *ring,
		    struct nf_err *err)
{
	struct nf_trusted t;

	if (nf_keyring_needed_of_path(ring) == 1)
		return 0;
	return nf_trust_pathinfo(&t, info, ring, err);
}
