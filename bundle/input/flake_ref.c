#include "input/flake_ref.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/slice.h"
#include "base/subprocess.h"
#include "base/suggest.h"

#define ANSWER_MAX (64 * KIB)
#define HOST_MAX   256
/* A long list is truncated. */
#define NAMES_SHOWN  10
#define SOON_SECONDS "2"

#define CONFIGURATIONS "nixosConfigurations"
#define TOPLEVEL       "config.system.build.toplevel"

#define NIX_FLAKES     "nix", "--extra-experimental-features", "nix-command flakes"
#define LINES_OF_NAMES "x: builtins.concatStringsSep \"\\n\" (builtins.attrNames x)"

/* APPLY is a function for the value of REF, or NULL. */
static int evaluate(struct buf *out, const char *ref, const char *apply,
		    struct nf_err *err)
{
	const char *const argv[] = {
		NIX_FLAKES,
		"eval",
		"--raw",
		apply ? "--apply" : "--",
		apply ? apply : ref,
		apply ? "--" : NULL,
		ref,
		NULL,
	};
	int rc = subprocess_run(argv, out, err);

	if (rc == -NF_E_MISSING)
		return err_set(err, NF_E_USAGE,
			       "evaluating a flake needs nix, which is not on PATH");
	if (rc == -NF_E_SYS && err)
		err->code = NF_E_USAGE;
	return rc == -NF_E_SYS ? -NF_E_USAGE : rc;
}

static int evaluate_derivation(struct nf_storepath *ret, const char *ref,
			       struct nf_err *err)
{
	AUTO_FREE char *attr = mem_printf("%s.drvPath", ref);
	AUTO_BUF struct buf out = { 0 };
	AUTO_FREE char *path = NULL;
	struct nf_slice answer;
	int rc;

	buf_init(&out, ANSWER_MAX);
	rc = evaluate(&out, attr, NULL, err);
	if (rc)
		return rc;
	answer = slice_trim(buf_slice(&out));
	answer = slice_cut(&answer, '\n');
	path = path_canon(answer);
	if (nf_storepath_parse(ret, nf_slice_str(path), NULL) ||
	    !nf_storepath_is_drv(ret))
		return err_set(err, NF_E_USAGE,
			       "nix returned '%.*s', which is not a derivation path",
			       NF_SLICE_ARG(answer));
	return 0;
}

/* ---- NixOS configurations ---- */

/* Returns the names of the flake's configurations, one on each line. */
static int list_configurations(struct buf *out, const char *flake, struct nf_err *err)
{
	AUTO_FREE char *ref = mem_printf("%s#" CONFIGURATIONS, flake);

	return evaluate(out, ref, LINES_OF_NAMES, err);
}

int flake_ref_configurations_soon(struct buf *out, const char *flake, struct nf_err *err)
{
	AUTO_FREE char *ref = mem_printf("%s#" CONFIGURATIONS, flake);
	const char *const argv[] = {
		"timeout",
		"-k",
		"1",
		SOON_SECONDS,
		NIX_FLAKES,
		"--offline",
		"eval",
		"--no-write-lock-file",
		"--raw",
		"--apply",
		LINES_OF_NAMES,
		"--",
		ref,
		NULL,
	};

	return subprocess_run(argv, out, err);
}

static bool has_name(struct nf_slice names, const char *name)
{
	while (names.len)
		if (nf_slice_is(slice_cut(&names, '\n'), name))
			return true;
	return false;
}

/* Adds " (did you mean 'NAME'?); it has: NAME, NAME". */
static void add_names(struct buf *out, struct nf_slice names, const char *wrong)
{
	AUTO_FREE char *lines = mem_strndup(names.ptr, names.len);
	struct suggest near;
	char *rest = lines;
	size_t count = 0;

	suggest_init(&near, wrong);
	for (char *name; (name = strsep(&rest, "\n"));)
		suggest_offer(&near, name);
	if (near.best)
		buf_addf(out, " (did you mean '%s'?)", near.best);
	while (names.len) {
		struct nf_slice name = slice_cut(&names, '\n');

		if (count < NAMES_SHOWN)
			buf_addf(out, "%s%.*s",
				 count ? ", " : "; it has: ", NF_SLICE_ARG(name));
		count++;
	}
	if (count > NAMES_SHOWN)
		buf_addf(out, " and %zu more", count - NAMES_SHOWN);
}

static int unknown_configuration(const char *flake, const char *name,
				 struct nf_slice names, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, ANSWER_MAX);
	add_names(&text, names, name);
	return err_set(err, NF_E_USAGE, "flake '%s' has no NixOS configuration '%s'%s",
		       flake, name, text.ptr ? text.ptr : "");
}

/* WHY is the error if the flake has no configurations at all. */
static int evaluate_configuration(struct nf_storepath *ret, const char *flake,
				  const char *name, const struct nf_err *why,
				  struct nf_err *err)
{
	AUTO_FREE char *ref =
		mem_printf("%s#" CONFIGURATIONS ".\"%s\"." TOPLEVEL, flake, name);
	AUTO_BUF struct buf names = { 0 };
	int rc;

	buf_init(&names, ANSWER_MAX);
	rc = list_configurations(&names, flake, err);
	if (rc && rc != -NF_E_INTR && why) {
		if (err)
			*err = *why;
		return -(int)why->code;
	}
	if (rc)
		return rc;
	if (!has_name(buf_slice(&names), name))
		return unknown_configuration(flake, name, buf_slice(&names), err);
	return evaluate_derivation(ret, ref, err);
}

int flake_ref_host(struct nf_storepath *ret, const char *flake, struct nf_err *err)
{
	char host[HOST_MAX] = "";

	if (gethostname(host, sizeof(host) - 1))
		return err_sys(err, "cannot find the name of this host");
	return evaluate_configuration(ret, flake, host, NULL, err);
}

static bool lacks_attribute(const struct nf_err *why)
{
	return strstr(why->text, "does not provide attribute") != NULL;
}

int flake_ref_derivation(struct nf_storepath *ret, const char *ref, struct nf_err *err)
{
	struct nf_slice attr = nf_slice_str(ref);
	struct nf_slice flake = slice_cut(&attr, '#');
	AUTO_FREE char *url = mem_strndup(flake.ptr, flake.len);
	AUTO_FREE char *name = NULL;
	struct nf_err why;
	int rc;

	if (!attr.len)
		return flake_ref_host(ret, url, err);
	rc = evaluate_derivation(ret, ref, &why);
	if (!rc)
		return 0;
	if (rc != -NF_E_USAGE || !lacks_attribute(&why)) {
		if (err)
			*err = why;
		return rc;
	}
	slice_skip_prefix(&attr, CONFIGURATIONS ".");
	name = mem_strndup(attr.ptr, attr.len);
	return evaluate_configuration(ret, url, name, &why, err);
}
