#include <libgen.h>
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"
#include "format/inventory.h"
#include "pool/pack_output.h"
#include "store/store_inventory.h"

struct inventory_run {
	const char *root;
	const char *output;
	struct nf_secret_key *key; /* or NULL */
	struct inventory inv;
};

static void run_release(struct inventory_run *r)
{
	nf_secret_key_free(r->key);
	inventory_release(&r->inv);
}

static int read_options(struct inventory_run *r, const struct cmd_args *args,
			struct nf_err *err)
{
	const char *root = cmd_args_value(args, "store");
	const char *output = cmd_args_value(args, "output");
	int rc = 0;

	r->root = root ? root : "/";
	r->output = output ? output : "-";
	if (cmd_args_is_given(args, "sign-key"))
		rc = options_sign_key(&r->key, args, err);
	if (!rc && output && strcmp(output, "-") != 0)
		rc = pack_output_check(output, false, err);
	return rc;
}

static int enter_sandbox(const struct inventory_run *r, const struct cmd_args *args,
			 struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();
	AUTO_FREE char *copy = mem_strdup(r->output);

	store_options_grant(s, r->root);
	if (!pack_output_is_stdout(r->output))
		sandbox_grant(s,
			      pack_output_is_file(r->output) ? dirname(copy) : r->output,
			      SANDBOX_REPLACE);
	sandbox_grant_owners(s);
	return sandbox_options_enter(s, args, ui, err);
}

static int write_text(void *ctx, int fd, const char *name, struct nf_err *err)
{
	const struct inventory_run *r = ctx;
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, INVENTORY_MAX);
	inventory_format(&text, &r->inv, r->key);
	if (buf_failed(&text))
		return err_set(
			err, NF_E_LIMIT,
			"the inventory exceeds %llu bytes: the store has %zu paths",
			INVENTORY_MAX, r->inv.count);
	return file_write_all(fd, text.ptr, text.len, name, err);
}

static int run_inventory(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(run_release) struct inventory_run r = { 0 };
	int rc = read_options(&r, args, err);

	if (!rc)
		rc = enter_sandbox(&r, args, ui, err);
	if (!rc)
		rc = store_inventory_read(&r.inv, r.root, err);
	if (rc)
		return rc;
	if (pack_output_is_stdout(r.output))
		return write_text(&r, fileno(stdout), "standard output", err);
	rc = pack_output_write(r.output, write_text, &r, err);
	if (!rc)
		say_line("%zu %s: %s", r.inv.count, plural(r.inv.count, "path", "paths"),
			 r.output);
	return rc;
}

static const struct cmd_option options[] = {
	{ .name = "store",
	  .value = "ROOT",
	  .help = "the store below this directory, such as /mnt; default: /, the live store",
	  .kind = CMD_VALUE_DIR },
	{ .name = "output",
	  .letter = 'o',
	  .value = "FILE",
	  .help = "the file to write; default: standard output",
	  .kind = CMD_VALUE_FILE },
	{ .name = "sign-key",
	  .value = "FILE",
	  .help = "sign the inventory with this secret key",
	  .kind = CMD_VALUE_FILE },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_inventory = {
	.name = "inventory",
	.args = "",
	.summary = "list what a store has, for bundles that leave it out",
	.text = "Writes one line for each valid path of a store: its base name and its "
		"NAR hash. Take the file to where bundles are made, and give it there "
		"to prefetch or pack with --have: the bundle then carries only what "
		"this store lacks. What a bundle left out is looked up in the store "
		"again when it is imported, so an inventory needs no signature.",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_sandbox,
							    &options_common_text, NULL },
	.min_args = 0,
	.max_args = 0,
	.kind = CMD_VALUE_ANY,
	.run = run_inventory,
};
