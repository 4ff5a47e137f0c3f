#include "cmd/target_options.h"

#include <string.h>

#include "base/mem.h"
#include "store/daemon_roots.h"
#include "store/gcroot.h"
#include "store/import_run.h"
#include "store/import_target.h"
#include "store/store_mount.h"
#include "store/store_profile.h"

static const struct cmd_option options[] = {
	{ .name = "store",
	  .value = "ROOT",
	  .help = "import into the store below this directory, such as /mnt; 'daemon': through nix-daemon into its store",
	  .kind = CMD_VALUE_DIR },
	{ .name = "profile",
	  .value = "NAME",
	  .help = "make the imported path the current generation of this profile, such as system" },
	{ .name = "gc-root",
	  .value = "NAME",
	  .help = "without --profile: name of the GC root that keeps the imported "
		  "paths, instead of those that it kept before; default: the name of "
		  "the store path without its version" },
	{ .name = "repair",
	  .help = "also compare the contents of paths that are valid in the target "
		  "store with its database, and restore what is damaged" },
	{ .name = "optimise",
	  .help = "save space: files with the same contents become hard links, as with 'nix-store --optimise'; "
		  "default for the running system: auto-optimise-store of nix.conf" },
	{ 0 },
};
const struct cmd_option_group options_target_store = { "Target store", options };

/* What nix-daemon does on its own, if its nix.conf says so. */
static int check_daemon(const struct target_options *t, struct nf_err *err)
{
	if (!t->root || !import_target_is_daemon(t->root))
		return 0;
	if (t->repair)
		return err_set(
			err, NF_E_USAGE,
			"option '--repair' cannot be used with nix-daemon: run 'nix-store --repair-path PATH' as root");
	if (t->optimise)
		return err_set(
			err, NF_E_USAGE,
			"option '--optimise' cannot be used with nix-daemon: set auto-optimise-store in its nix.conf");
	return 0;
}

static int check_gc_root(const struct target_options *t, struct nf_err *err)
{
	int rc;

	if (!t->gc_root)
		return 0;
	rc = gcroot_check_name(t->gc_root, err);
	if (rc)
		return err_prefix(err, rc, "option '--gc-root'");
	if (t->profile)
		return err_set(
			err, NF_E_USAGE,
			"options '--gc-root' and '--profile' exclude each other: a profile is a GC root");
	if (!t->root)
		return err_set(err, NF_E_USAGE, "option '--gc-root' needs --store ROOT");
	return 0;
}

int target_options_read(struct target_options *ret, const struct cmd_args *args,
			struct nf_err *err)
{
	int rc;

	ret->root = cmd_args_value(args, "store");
	ret->profile = cmd_args_value(args, "profile");
	ret->gc_root = cmd_args_value(args, "gc-root");
	ret->repair = cmd_args_flag(args, "repair");
	ret->optimise = cmd_args_flag(args, "optimise");
	if (ret->repair && !ret->root)
		return err_set(err, NF_E_USAGE, "option '--repair' needs --store ROOT");
	if (ret->optimise && !ret->root)
		return err_set(err, NF_E_USAGE, "option '--optimise' needs --store ROOT");
	rc = check_daemon(ret, err);
	if (rc)
		return rc;
	if (ret->profile && !store_profile_is_name(ret->profile))
		return err_set(err, NF_E_USAGE,
			       "option '--profile': '%s' is not the name of a profile",
			       ret->profile);
	if (ret->profile && !ret->root)
		return err_set(err, NF_E_USAGE, "option '--profile' needs --store ROOT");
	rc = check_gc_root(ret, err);
	if (rc)
		return rc;
	return ret->root ? import_target_check_root(ret->root, err) : 0;
}

bool target_options_optimise(const struct target_options *t,
			     const struct nix_settings *settings)
{
	return t->optimise ||
	       (settings->auto_optimise_store && t->root &&
		!import_target_is_daemon(t->root) && import_target_is_live(t->root));
}

/* A NAR that a stream has once and several paths share is kept in a temporary file. */
static void grant_daemon(struct sandbox *s)
{
	sandbox_grant_local_services(s);
	sandbox_grant(s, import_run_temp_dir(), SANDBOX_REPLACE);
	daemon_roots_grant(s);
}

/* A ROOT without a store is a new one: then it is all made by us. */
int target_options_make_writable(const struct target_options *t, struct nf_err *err)
{
	if (!t->root || import_target_is_daemon(t->root))
		return 0;
	return store_mount_make_writable(t->root, err);
}

void target_options_grant(struct sandbox *s, const char *root)
{
	AUTO_FREE char *nix = mem_printf("%s/nix", root);

	if (import_target_is_daemon(root)) {
		grant_daemon(s);
		return;
	}
	sandbox_grant(s, root, SANDBOX_LIST);
	sandbox_grant(s, access(nix, F_OK) ? root : nix, SANDBOX_WRITE);
	sandbox_grant(s, "/etc/group", SANDBOX_READ);
	sandbox_grant_owners(s);
}
