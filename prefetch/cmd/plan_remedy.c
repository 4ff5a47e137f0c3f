#include "cmd/plan_remedy.h"

#include <nixferry/key.h>
#include <string.h>

#include "base/slice.h"
#include "cmd/human.h"

/* Texts of causes for which no cache gave a text. */
static const char *default_detail(enum cause cause, bool is_build)
{
	switch (cause) {
	case CAUSE_NO_SUBSTITUTER:
		return "no cache is configured";
	case CAUSE_LOCAL_ONLY:
		return "allowSubstitutes = false";
	case CAUSE_FLOATING:
		return "its outputs' paths are known only after building";
	case CAUSE_NO_DERIVATION:
		return "not in the local store, from which derivations are read";
	default:
		return is_build ? "not in any cache"
				: "not in any cache, and no derivation is known";
	}
}

void plan_remedy_detail(struct buf *out, const struct query_cause *c, bool is_build)
{
	if (c->detail)
		human_clean(out, nf_slice_str(c->detail));
	else
		buf_add_str(out, default_detail(c->cause, is_build));
}

/* The well-known public key of that name, or a placeholder. */
static void add_key(struct buf *out, struct nf_slice name)
{
	struct nf_slice known = NF_SLICE_LIT(NF_DEFAULT_PUBLIC_KEY), rest = known;

	if (nf_slice_eq(slice_cut(&rest, ':'), name)) {
		buf_add_slice(out, known);
		return;
	}
	human_clean(out, name);
	buf_add_str(out, ":KEY");
}

static void add_trust(struct buf *out, const struct query_cause *c)
{
	struct nf_slice rest = nf_slice_str(c->signers ? c->signers : "");

	if (!c->is_signed) {
		buf_add_str(
			out,
			"have it signed with a key that is trusted here (nix store sign --key-file FILE)");
		return;
	}
	if (!rest.len) {
		buf_add_str(
			out,
			"compare the trusted public key with that of the cache: the cache "
			"signs with another key, or its narinfo was changed");
		return;
	}
	buf_add_str(out, "to trust it: --trusted-public-key ");
	add_key(out, slice_cut(&rest, ' '));
	while (rest.len) {
		buf_add_str(out, " or ");
		add_key(out, slice_cut(&rest, ' '));
	}
	buf_add_str(out, ", or extra-trusted-public-keys in nix.conf");
}

static const char *simple_remedy(enum cause cause)
{
	switch (cause) {
	case CAUSE_ABSENT:
		return "add a cache that has it: --extra-substituter URL";
	case CAUSE_NO_SUBSTITUTER:
		return "name a cache: --substituter URL, or substituters in nix.conf";
	case CAUSE_LOCAL_ONLY:
		return "to fetch it anyway: always-allow-substitutes = true in nix.conf";
	case CAUSE_FLOATING:
		return "plan again once it is built";
	case CAUSE_NO_DERIVATION:
		return "evaluate it on this machine, or name the store that has it: --from-store ROOT";
	case CAUSE_OTHER_STORE:
		return "remove this cache from the list: its paths cannot be used here";
	case CAUSE_UNREACHABLE:
		return "start the cache or repair the connection to it, then run this "
		       "again ('nixferry caches' shows details)";
	case CAUSE_DENIED:
		return "give a user name and a password that the cache accepts: --netrc-file FILE, or netrc-file in nix.conf";
	case CAUSE_BAD_ANSWER:
		return "repair that cache, or add another one that has it: --extra-substituter URL";
	case CAUSE_NOT_TRUSTED:
		break;
	}
	return "";
}

void plan_remedy_text(struct buf *out, const struct query_cause *c, bool is_build)
{
	if (c->cause == CAUSE_NOT_TRUSTED)
		add_trust(out, c);
	else if (c->cause == CAUSE_ABSENT && is_build)
		buf_add_str(
			out,
			"build it, or add a cache that has it: --extra-substituter URL");
	else
		buf_add_str(out, simple_remedy(c->cause));
}
