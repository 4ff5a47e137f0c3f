/* Opens the bundle that a command was given and verifies its signature. */
#ifndef BUNDLE_INPUT_H
#define BUNDLE_INPUT_H

#include <nixferry/bundle.h>
#include <nixferry/key.h>
#include <nixferry/narinfo.h>

#include "base/sandbox.h"
#include "cmd/cmd_args.h"
#include "format/bundle_keys.h"
#include "input/nix_settings.h"

struct bundle_input {
	const char *name;	      /* for messages: the file, or "standard input" */
	int fd;			      /* owned */
	struct nix_settings settings; /* of nix.conf */
	struct nf_keyring *keys;
	struct nf_bundle *bundle; /* NULL if not trusted, or not a bundle */
	struct nf_bundle_signers signers;
	struct bundle_keys
		told; /* keys that the bundle lists; from bundle_input_each_path on */
};

#define BUNDLE_INPUT_INIT                                                                \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Sets the settings and the trusted keys (options_keyring). */
int bundle_input_read_keys(struct bundle_input *in, const struct cmd_args *args,
			   struct ui *ui, struct nf_err *err) MUST_CHECK;

/* Opens the first argument: a file or "-". The trusted keys are those of options_keyring.
 * The process enters SANDBOX before it reads a byte of the bundle. The signers are set
 * even if the result is NF_E_TRUST. */
int bundle_input_open(struct bundle_input *in, const struct cmd_args *args, struct ui *ui,
		      const struct sandbox *sandbox, struct nf_err *err) MUST_CHECK;
void bundle_input_release(struct bundle_input *in);

/* Reads the keys that the bundle lists, then calls FN for each path of the bundle, in
 * order, with its narinfo and the member that holds its NAR. For a stream, no narinfo may
 * have been read before. A return value other than 0 ends it. */
typedef int bundle_input_path_fn(void *ctx, const struct nf_narinfo *ni,
				 const struct nf_bundle_member *nar, struct nf_err *err);
int bundle_input_each_path(struct bundle_input *in, bundle_input_path_fn *fn, void *ctx,
			   struct nf_err *err) MUST_CHECK;

#endif
