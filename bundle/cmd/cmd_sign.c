#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/watch.h"
#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/ui.h"
#include "format/bundle_sign.h"

struct sign_run {
	struct bundle_input in; /* for its keys and signers */
	struct nf_secret_key *key;
	char *path; /* of the file itself, where the argument is a link */
	bool added;
};

static void sign_run_release(struct sign_run *r)
{
	bundle_input_release(&r->in);
	nf_secret_key_free(r->key);
	free(r->path);
}

static int read_options(struct sign_run *r, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	AUTO_FREE char *own = NULL;
	int rc;

	r->in.name = cmd_args_get(args, 0);
	if (strcmp(r->in.name, "-") == 0)
		return err_set(err, NF_E_USAGE,
			       "a signature is added to a file: name it instead of '-'");
	rc = options_sign_key(&r->key, args, err);
	if (!rc)
		rc = bundle_input_read_keys(&r->in, args, ui, err);
	if (rc)
		return rc;
	/* So a bundle that this key alone has signed is accepted, too. */
	own = nf_secret_key_public(r->key);
	rc = nf_keyring_add(r->in.keys, nf_slice_str(own), err);
	r->path = realpath(r->in.name, NULL);
	if (!rc && !r->path)
		rc = err_sys(err, "bundle '%s'", r->in.name);
	return rc;
}

static int enter_sandbox(const struct sign_run *r, const struct cmd_args *args,
			 struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();
	AUTO_FREE char *copy = mem_strdup(r->path);

	sandbox_grant(s, dirname(copy), SANDBOX_REPLACE);
	sandbox_grant_owners(s);
	return sandbox_options_enter(s, args, ui, err);
}

static void print_json(const struct sign_run *r)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	json_add_str(doc, "bundle", r->in.name);
	json_begin_array(doc, "signers");
	for (size_t i = 0; i < r->in.signers.count; i++)
		json_add_str(doc, NULL, r->in.signers.names[i]);
	if (r->added)
		json_add_str(doc, NULL, nf_secret_key_name(r->key));
	json_end(doc);
	json_add_bool(doc, "added", r->added);
	json_print(doc, stdout);
}

static void print_text(const struct sign_run *r)
{
	size_t count = r->in.signers.count + r->added;

	say_line("%s %s %s: %s now has %zu %s", nf_secret_key_name(r->key),
		 r->added ? "signed" : "had signed", r->in.name,
		 r->added ? "it" : "it still", count,
		 plural(count, "signature", "signatures"));
}

static int run_sign(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(sign_run_release) struct sign_run r = { .in = BUNDLE_INPUT_INIT };
	int rc = read_options(&r, args, ui, err);

	if (!rc)
		rc = enter_sandbox(&r, args, ui, err);
	if (!rc)
		rc = bundle_sign(r.path, r.in.keys, r.key, &r.in.signers, &r.added,
				 ui_progress_start(ui), err);
	ui_progress_stop(ui);
	if (rc)
		return rc;
	if (cmd_args_flag(args, "json"))
		print_json(&r);
	else
		print_text(&r);
	return 0;
}

static const struct cmd_option options[] = {
	{ .name = "sign-key",
	  .value = "FILE",
	  .help = "the secret key to sign with",
	  .kind = CMD_VALUE_FILE },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_sign = {
	.name = "sign",
	.args = "BUNDLE",
	.summary = "add a signature to a bundle",
	.text = "Signs BUNDLE, a file, with one more key. An importer can demand that "
		"several people or machines have signed a bundle: see "
		"--signatures-needed.\n"
		"\n"
		"A trusted key, or the one to sign with, must have signed BUNDLE before. "
		"Only the head of the file is read: run 'nixferry verify' first, to "
		"know what you sign. The signature is over the whole bundle; that of "
		"each path stays as it is.\n"
		"\n"
		"A new file takes the place of BUNDLE when it is complete. Btrfs and XFS "
		"share the contents of both; other file systems copy them, and need "
		"space for that.",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_keys,
							    &options_sandbox,
							    &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.run = run_sign,
};
