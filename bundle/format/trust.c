#include <nixferry/trust.h>

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/ca.h"
#include "format/key_option.h"
#include "format/key_tally.h"
#include "format/signature.h"

/* How many names of unknown keys, and of which length, fit into a message. */
#define NAMES_MAX 3
#define NAME_MAX  80

static void add_signers(struct buf *out, const struct nf_pathinfo *info)
{
	for (size_t i = 0; i < info->nsigs && i < NAMES_MAX; i++) {
		struct nf_slice name = signature_signer(info->sigs[i]);

		if (name.len > NAME_MAX)
			name.len = NAME_MAX;
		buf_addf(out, "%s'%.*s'", i ? ", " : "", NF_SLICE_ARG(name));
	}
	if (info->nsigs > NAMES_MAX)
		buf_addf(out, " and %zu more", info->nsigs - NAMES_MAX);
}

/* An invalid name, or one that would fill the message, is not worth trusting. */
static void add_remedy(struct buf *out, const struct nf_pathinfo *info)
{
	for (size_t i = 0; i < info->nsigs; i++) {
		struct nf_slice name = signature_signer(info->sigs[i]);
		AUTO_FREE char *text = mem_strndup(name.ptr, name.len);

		if (name.len > NAME_MAX || !signature_is_name(name))
			continue;
		buf_add_str(out, info->nsigs > 1 ? "; to trust one of them: "
						 : "; to trust it: ");
		key_option_add(out, text, NULL);
		return;
	}
}

static int no_known_signer(const struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, NF_ERR_TEXT_MAX + KEY_OPTION_MAX);
	if (info->nsigs == 0)
		return err_set(err, NF_E_TRUST,
			       info->left_out ? "it has no signature that can be read"
					      : "it has no signature");
	buf_add_str(&text, "signed by ");
	add_signers(&text, info);
	buf_add_str(&text, info->nsigs > 1 ? ", none of which is a trusted key"
					   : ", which is not a trusted key");
	add_remedy(&text, info);
	return err_set(err, NF_E_TRUST, "%s", text.ptr);
}

/* ---- what is passed on with the path ---- */

/* The signatures of a path in the order in which they are passed on. */
struct order {
	struct nf_pathinfo *info;
	struct nf_slice kept[PATHINFO_SIGS_MAX];
	size_t count;
	size_t len; /* total length of their text */
};

static void keep(struct order *o, struct nf_slice sig)
{
	for (size_t i = 0; i < o->count; i++)
		if (nf_slice_eq(o->kept[i], sig))
			return;
	if (o->count == PATHINFO_SIGS_MAX ||
	    o->len + sig.len + 1 > PATHINFO_SIGS_TEXT_MAX)
		return;
	o->kept[o->count++] = sig;
	o->len += sig.len + 1;
}

static bool keeps_one_of(const struct order *o, struct nf_slice name)
{
	for (size_t i = 0; i < o->count; i++)
		if (nf_slice_eq(signature_signer(o->kept[i]), name))
			return true;
	return false;
}

/* Ed25519 first: older versions of Nix fail on a longer signature under the name of a
 * known key. */
static void keep_others(struct order *o, const struct nf_keyring *ring)
{
	struct nf_pathinfo *info = o->info;
	size_t before = info->nsigs;

	for (size_t i = 0; i < info->nsigs && o->count < PATHINFO_SIGS_MAX; i++)
		if (signature_is_ed25519(info->sigs[i]))
			keep(o, info->sigs[i]);
	for (size_t i = 0; i < info->nsigs && o->count < PATHINFO_SIGS_MAX; i++) {
		struct nf_slice name = signature_signer(info->sigs[i]);

		if (!signature_is_ed25519(info->sigs[i]) && !keeps_one_of(o, name) &&
		    !(ring && nf_keyring_known_name(ring, name)))
			keep(o, info->sigs[i]);
	}
	for (size_t i = 0; i < o->count; i++)
		info->sigs[i] = o->kept[i];
	info->nsigs = o->count;
	info->left_out += before - o->count;
}

/* Nix rejects a content address that does not match the path. */
static void settle_ca(struct nf_pathinfo *info)
{
	char normal[CA_TEXT_MAX];
	struct ca ca;

	if (!info->ca.len)
		return;
	if (ca_check_path(info, NULL) || ca_parse(&ca, info->ca, NULL)) {
		info->left_out++;
		info->ca = (struct nf_slice){ 0 };
	} else if (!nf_slice_is(info->ca, ca_format(normal, &ca))) {
		nf_pathinfo_set_ca(info, nf_slice_str(normal));
	}
}

/* ---- the verdict ---- */

static int too_few(const struct key_tally *tally, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, NF_ERR_TEXT_MAX);
	key_tally_add_shortage(&text, tally, nf_keyring_needed_of_path(tally->ring));
	return err_set(err, NF_E_TRUST, "%s", text.ptr);
}

/* A wrong signature by a trusted key matters more than unknown keys. All good signatures
 * are collected, because they are passed on before the others. */
static int check_signatures(struct order *o, const char **ret_by,
			    const struct nf_keyring *ring, struct nf_err *err)
{
	const struct nf_pathinfo *info = o->info;
	AUTO_FREE char *message = nf_pathinfo_fingerprint(info);
	size_t len = strlen(message), checks = 0, key = 0;
	struct key_tally tally = { .ring = ring };
	bool wrong = false;

	for (size_t i = 0; i < info->nsigs && checks < PATHINFO_CHECKS_MAX; i++) {
		const char *name =
			nf_keyring_known_name(ring, signature_signer(info->sigs[i]));
		bool quiet = wrong || o->count;

		if (!name)
			continue;
		checks++;
		if (nf_keyring_find(ring, info->sigs[i], message, len, &key,
				    quiet ? NULL : err)) {
			wrong = true;
			continue;
		}
		if (!o->count)
			*ret_by = name;
		keep(o, info->sigs[i]);
		key_tally_add(&tally, key);
	}
	if (tally.count >= nf_keyring_needed_of_path(ring))
		return 0;
	if (tally.count)
		return too_few(&tally, err);
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

int nf_trust_pathinfo(struct nf_trusted *ret, struct nf_pathinfo *info,
		      const struct nf_keyring *ring, struct nf_err *err)
{
	struct order o = { .info = info };
	struct nf_err signatures, content;
	const char *by = NULL;
	bool is_signed = check_signatures(&o, &by, ring, &signatures) == 0;

	info->ntrusted = o.count;
	if (!is_signed && (!info->ca.len || ca_check_path(info, &content)))
		return untrusted(info, &signatures, &content, err);
	keep_others(&o, ring);
	settle_ca(info);
	*ret = (struct nf_trusted){ .info = info,
				    .vouched_by = is_signed ? by : "content address",
				    .by_content = !is_signed };
	return 0;
}

void nf_trust_by_store(struct nf_trusted *ret, struct nf_pathinfo *info)
{
	struct order o = { .info = info };

	keep_others(&o, NULL);
	settle_ca(info);
	*ret = (struct nf_trusted){ .info = info,
				    .vouched_by = "trusted store",
				    .by_store = true };
}
