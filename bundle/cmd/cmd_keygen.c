#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cmd/commands.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/say.h"

/* Never replaces a file: a lost secret key cannot be recreated. */
static int create(int *ret, const char *file, mode_t mode, struct nf_err *err)
{
	*ret = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (*ret >= 0)
		return 0;
	if (errno == EEXIST)
		return err_set(err, NF_E_USAGE, "'%s' exists and is not replaced", file);
	return err_sys(err, "create '%s'", file);
}

static int write_key(int fd, const char *text, const char *file, struct nf_err *err)
{
	int rc;

	rc = file_write_all(fd, text, strlen(text), file, err);
	if (!rc)
		rc = file_sync(fd, file, err);
	return rc;
}

/* Writes both files or neither. */
static int write_keys(const struct nf_secret_key *key, const char *secret_file,
		      const char *public_file, struct nf_err *err)
{
	AUTO_FREE char *public_text = nf_secret_key_public(key);
	char *secret_text;
	AUTO_FD int secret_fd = -1;
	AUTO_FD int public_fd = -1;
	int rc;

	rc = create(&secret_fd, secret_file, 0600, err);
	if (rc)
		return rc;
	rc = create(&public_fd, public_file, 0644, err);
	if (rc)
		goto undo;
	secret_text = nf_secret_key_text(key);
	rc = write_key(secret_fd, secret_text, secret_file, err);
	nf_secret_text_free(secret_text);
	if (!rc)
		rc = write_key(public_fd, public_text, public_file, err);
	if (!rc)
		return 0;
undo:
	unlink(secret_file);
	if (public_fd >= 0)
		unlink(public_file);
	return rc;
}

static void print_result(const struct nf_secret_key *key, bool json)
{
	AUTO_FREE char *text = nf_secret_key_public(key);
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	if (json) {
		json_add_str(doc, "publicKey", text);
		json_print(doc, stdout);
	} else {
		say_line("%s", text);
	}
}

static int run_keygen(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(nf_secret_key_freep) struct nf_secret_key *key = NULL;
	const char *name = cmd_args_get(args, 0);
	int rc;

	(void)ui;
	rc = nf_secret_key_generate(&key, nf_slice_str(name), err);
	if (!rc)
		rc = write_keys(key, cmd_args_get(args, 1), cmd_args_get(args, 2), err);
	if (rc)
		return rc;
	print_result(key, cmd_args_flag(args, "json"));
	return 0;
}

const struct command cmd_keygen = {
	.name = "keygen",
	.args = "NAME SECRET-FILE PUBLIC-FILE",
	.summary = "make a key pair for signing bundles",
	.text = "Makes a key pair in Nix's format and prints the public key. "
		"SECRET-FILE is for signing (--sign-key), and only its owner can "
		"read it. Give PUBLIC-FILE, or the printed line, to those who "
		"import (--trusted-public-key). NAME identifies the key: by "
		"convention a host name and a number, such as cache.example.org-1. "
		"Existing files are never replaced.",
	.groups = (const struct cmd_option_group *const[]){ &options_common, NULL },
	.min_args = 3,
	.max_args = 3,
	.kind = CMD_VALUE_FILE,
	.run = run_keygen,
};
