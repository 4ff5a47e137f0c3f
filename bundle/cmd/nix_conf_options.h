/* Options that carry this machine's caches, keys and features to a target. */
#ifndef NIX_CONF_OPTIONS_H
#define NIX_CONF_OPTIONS_H

#include "base/sandbox.h"
#include "cmd/cmd_args.h"
#include "cmd/json.h"
#include "cmd/target_options.h"
#include "cmd/ui.h"
#include "input/installable.h"
#include "input/target_conf.h"

/* --write-nix-conf --print-nix-conf --print-nix-module */
extern const struct cmd_option_group options_nix_conf;

struct nix_conf_options {
	bool write, print, module; /* what was asked for */
	struct target_conf conf;   /* the command fills it if any was */
	int dir_fd;		   /* the directory of the file to write, or -1 */
	bool is_written;
};

#define NIX_CONF_OPTIONS_INIT                                                            \
	{                                                                                \
		.dir_fd = -1                                                             \
	}

int nix_conf_options_read(struct nix_conf_options *o, const struct cmd_args *args,
			  const struct target_options *target,
			  struct nf_err *err) MUST_CHECK;
void nix_conf_options_release(struct nix_conf_options *o);

bool nix_conf_options_any(const struct nix_conf_options *o);
/* Whether standard output is for a text that was asked for. */
bool nix_conf_options_take_stdout(const struct nix_conf_options *o);

/* Adds the features, and the substituters in force, of nix.conf. */
int nix_conf_options_load(struct nix_conf_options *o, struct nf_err *err) MUST_CHECK;

/* Adds the features that naming these took. */
void nix_conf_options_add_installables(struct nix_conf_options *o,
				       const struct installables *t);

/* Before the sandbox: makes the directory of the file to write, and grants it. */
int nix_conf_options_open(struct nix_conf_options *o, const char *root, struct sandbox *s,
			  struct nf_err *err) MUST_CHECK;
/* When all else has succeeded: writes the file, unless there is one. */
int nix_conf_options_write(struct nix_conf_options *o, const char *root, struct ui *ui,
			   struct nf_err *err) MUST_CHECK;

/* Prints the text that was asked for. */
void nix_conf_options_print(const struct nix_conf_options *o);
void nix_conf_options_add_json(const struct nix_conf_options *o, struct json_doc *doc);

#endif
