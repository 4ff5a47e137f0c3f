#include "cmd/store_options.h"

#include "base/mem.h"

static const struct cmd_option stores[] = {
	{ .name = "from-store",
	  .value = "ROOT",
	  .help = "use paths of the store below ROOT, and trust its database; default: /, the live store",
	  .kind = CMD_VALUE_DIR },
	{ .name = "no-local-store", .help = "do not use the live store" },
	{ 0 },
};
const struct cmd_option_group options_stores = { "Store", stores };

int store_options_open(struct local_store **ret, const struct cmd_args *a, struct ui *ui,
		       struct nf_err *err)
{
	const char *root = cmd_args_value(a, "from-store");
	bool no_live_store = cmd_args_flag(a, "no-local-store");
	struct nf_err why;
	int rc;

	*ret = NULL;
	if (root) {
		rc = local_store_open(ret, root, err);
		return rc ? err_prefix(err, rc, "option '--from-store'") : 0;
	}
	if (no_live_store)
		return 0;
	rc = local_store_open(ret, "/", &why);
	if (rc && rc != -NF_E_MISSING)
		ui_note(ui, "the live store is not used: %s", why.text);
	return 0;
}

void store_options_grant(struct sandbox *s, const char *root)
{
	AUTO_FREE char *store = mem_printf("%s/nix/store", root);
	AUTO_FREE char *state = mem_printf("%s/nix/var/nix", root);

	sandbox_grant(s, store, SANDBOX_READ);
	sandbox_grant(s, state, SANDBOX_READ);
}
