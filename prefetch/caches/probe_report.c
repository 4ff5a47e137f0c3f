#include "caches/probe_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nixferry/trust.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "http/transfer_stats.h"

#define KEY_NAME_SHOWN 80

void probe_report_release(struct probe_report *r)
{
	free(r->cause);
	for (size_t i = 0; i < r->key_count; i++)
		free(r->keys[i].name);
	*r = (struct probe_report){ 0 };
}

void probe_report_fail(struct probe_report *r, enum probe_state state, const char *cause)
{
	if (r->state != PROBE_OK)
		return;
	r->state = state;
	r->cause = mem_strdup(cause);
}

void probe_report_cache_info(struct probe_report *r, struct nf_slice text)
{
	struct nf_cache_info *ci = &r->info;
	struct nf_err err;

	r->answered = true;
	if (nf_cache_info_parse(ci, text, &err)) {
		probe_report_fail(r, PROBE_NO_CACHE, err.text);
		return;
	}
	r->priority = r->conf->has_priority ? r->conf->priority : ci->priority;
	if (ci->store_dir[0] && strcmp(ci->store_dir, NF_STORE_DIR) != 0) {
		err_set(&err, NF_E_FORMAT, "its store directory is '%s', not '%s'",
			ci->store_dir, NF_STORE_DIR);
		probe_report_fail(r, PROBE_OTHER_STORE, err.text);
	}
}

/* ---- the sample ---- */

static void add_key(struct probe_report *r, struct nf_slice name,
		    enum probe_key_state state)
{
	struct probe_key *k;

	if (name.len > KEY_NAME_SHOWN)
		name.len = KEY_NAME_SHOWN;
	for (size_t i = 0; i < r->key_count; i++) {
		k = &r->keys[i];
		if (k->state == state && nf_slice_is(name, k->name)) {
			k->paths++;
			return;
		}
	}
	if (r->key_count == PROBE_KEYS_MAX)
		return;
	k = &r->keys[r->key_count++];
	*k = (struct probe_key){ mem_strndup(name.ptr, name.len), state, 1 };
}

static void take_signers(struct probe_report *r, const struct nf_pathinfo *info,
			 const struct nf_keyring *keys)
{
	AUTO_FREE char *message = nf_pathinfo_fingerprint(info);

	for (size_t i = 0; i < info->nsigs; i++) {
		struct nf_slice rest = info->sigs[i];
		struct nf_slice name = slice_cut(&rest, ':');

		if (!nf_keyring_known_name(keys, name))
			add_key(r, name, PROBE_KEY_UNKNOWN);
		else if (nf_keyring_verify(keys, info->sigs[i], message, strlen(message),
					   NULL))
			add_key(r, name, PROBE_KEY_WRONG);
		else
			add_key(r, name, PROBE_KEY_TRUSTED);
	}
}

void probe_report_narinfo(struct probe_report *r, struct nf_narinfo *ni,
			  const struct nf_keyring *keys)
{
	struct nf_trusted t;
	int rc = nf_trust_pathinfo(&t, &ni->info, keys, NULL);

	r->found++;
	take_signers(r, &ni->info, keys);
	if (!rc || r->conf->trusted)
		r->trusted++;
	else if (ni->info.nsigs == 0)
		r->no_sig++;
}

/* ---- verdicts ---- */

bool probe_report_usable(const struct probe_report *r)
{
	return r->state == PROBE_OK && (r->found + r->malformed == 0 || r->trusted > 0);
}

const char *probe_report_state_text(char out[PROBE_STATE_TEXT_MAX],
				    const struct probe_report *r)
{
	static const char *const names[] = {
		[PROBE_OK] = "ok",
		[PROBE_NO_HOST] = "no such host",
		[PROBE_REFUSED] = "refused",
		[PROBE_TIMEOUT] = "no answer",
		[PROBE_TLS] = "TLS failed",
		[PROBE_BROKEN] = "broken",
		[PROBE_NO_CACHE] = "not a cache",
		[PROBE_OTHER_STORE] = "other store",
	};

	if (r->state != PROBE_HTTP)
		return names[r->state];
	snprintf(out, PROBE_STATE_TEXT_MAX, "HTTP %ld", r->status);
	return out;
}

/* ---- advice ---- */

static const char *advice_on_status(long status)
{
	if (status == 401 || status == 407)
		return "it requires a user name and a password: use --netrc-file FILE, or netrc-file in nix.conf";
	if (status >= 500)
		return "the server fails: its log may say why";
	return "is this the address of a binary cache?";
}

static const char *advice_on_state(const struct probe_report *r)
{
	switch (r->state) {
	case PROBE_NO_HOST:
		return "is the host name correct, and does DNS work here?";
	case PROBE_REFUSED:
		if (r->conf->kind != SUBSTITUTER_HTTP)
			return "is the disk mounted, and is the path correct?";
		return "nothing listens there: is the server running, and is the port correct?";
	case PROBE_TIMEOUT:
		return "is it switched off, or behind a firewall?";
	case PROBE_TLS:
		return "if the cache is yours, add its certificate to the file that ssl-cert-file in nix.conf names";
	case PROBE_HTTP:
		return advice_on_status(r->status);
	case PROBE_BROKEN:
		return "try again; if it fails again, the server or a proxy in front of it is broken";
	case PROBE_NO_CACHE:
		return "is this the address of a binary cache?";
	case PROBE_OTHER_STORE:
		return "its paths cannot be used here: remove it";
	case PROBE_OK:
		break;
	}
	return NULL;
}

static void advise_on_key(struct buf *out, const struct probe_report *r,
			  const struct probe_key *k)
{
	if (k->state == PROBE_KEY_WRONG)
		buf_addf(
			out,
			"signatures by '%s' do not verify: the cache signs with another key "
			"of that name, or its narinfos were changed\n",
			k->name);
	else if (k->state == PROBE_KEY_UNKNOWN && r->trusted < r->found)
		buf_addf(
			out,
			"'%s' is not trusted; to trust it: --trusted-public-key %s:KEY, or "
			"'extra-trusted-public-keys = %s:KEY' in nix.conf\n",
			k->name, k->name, k->name);
}

static void advise_on_sample(struct buf *out, const struct probe_report *r)
{
	for (size_t i = 0; i < r->key_count; i++)
		advise_on_key(out, r, &r->keys[i]);
	if (r->no_sig)
		buf_addf(
			out,
			"%zu of %zu %s %s no signature: have the server sign %s (nix store sign --key-file FILE)\n",
			r->no_sig, r->found, plural(r->found, "path", "paths"),
			plural(r->no_sig, "has", "have"),
			plural(r->no_sig, "it", "them"));
	if (r->malformed)
		buf_addf(out, "%zu of its narinfos cannot be used\n", r->malformed);
	if (r->asked == 1 && r->found + r->malformed == 0)
		buf_add_str(out, "it does not have the path that it was asked for\n");
	else if (r->asked && r->found + r->malformed == 0)
		buf_addf(out, "it has none of the %zu paths that it was asked for\n",
			 r->asked);
}

void probe_report_advise(struct buf *out, const struct probe_report *r)
{
	const char *text = advice_on_state(r);

	if (r->forbidden && r->forbidden == r->answers)
		buf_add_str(out, TRANSFER_ALL_FORBIDDEN_TEXT "\n");
	else if (text)
		buf_addf(out, "%s\n", text);
	else
		advise_on_sample(out, r);
}
