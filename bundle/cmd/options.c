#include "cmd/options.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "cmd/trusted_key.h"
#include "cmd/ui.h"
#include "format/key_tally.h"
#include "format/manifest.h"

#define JOBS_MAX 1024

static const struct cmd_option common[] = {
	{ .name = "json", .help = "print the result as one JSON document" },
	{ .name = "quiet", .letter = 'q', .help = "print warnings and errors only" },
	{ .name = "verbose", .letter = 'v', .help = "print more remarks" },
	{ .name = "no-progress", .help = "do not show progress" },
	{ .name = "color",
	  .value = "WHEN",
	  .help = "color messages: auto (the default), always or never",
	  .kind = CMD_VALUE_WORDS,
	  .words = "auto always never" },
	{ .name = "log-format",
	  .value = "FORMAT",
	  .help = "messages and progress as text (the default) or json (one object per line)",
	  .kind = CMD_VALUE_WORDS,
	  .words = "text json" },
	{ .name = "help", .letter = 'h', .help = "show this help" },
	{ 0 },
};
const struct cmd_option_group options_common = { "Common options", common };
/* All options except the first. */
const struct cmd_option_group options_common_text = { "Common options", common + 1 };

static const struct cmd_option keys[] = {
	{ .name = "no-check-sigs",
	  .help = "accept paths without a signature by a trusted key" },
	{ .name = "trusted-public-key",
	  .value = "NAME:KEY|FILE",
	  .help = "trust this key, or the keys in FILE (one per line), in addition to "
		  "those of nix.conf (default: cache.nixos.org's)",
	  .kind = CMD_VALUE_FILE,
	  .repeatable = true },
	{ .name = "signatures-needed",
	  .value = "K",
	  .help = "trust a bundle only if K different trusted keys have signed it; default: 1" },
	{ .name = "sigs-needed",
	  .value = "K",
	  .help = "trust a path only if K different trusted keys have signed it, or if it is "
		  "content-addressed; default: 1" },
	{ 0 },
};
const struct cmd_option_group options_trust = { "Trust", keys };
/* All but the first. */
const struct cmd_option_group options_keys = { "Trust", keys + 1 };

static const struct cmd_option pool[] = {
	{ .name = "pool",
	  .value = "DIR",
	  .help = "the directory of verified NARs; default: $XDG_CACHE_HOME/nixferry or ~/.cache/nixferry",
	  .kind = CMD_VALUE_DIR },
	{ 0 },
};
const struct cmd_option_group options_pool = { "Pool", pool };

static const struct cmd_option store[] = {
	{ .name = "store",
	  .value = "ROOT",
	  .help = "the store below this directory, such as /mnt, or / for the live one",
	  .kind = CMD_VALUE_DIR },
	{ 0 },
};
const struct cmd_option_group options_store = { "Options", store };

static const struct cmd_option jobs[] = {
	{ .name = "jobs",
	  .letter = 'j',
	  .value = "N",
	  .help = "number of worker threads; default: one per processor" },
	{ 0 },
};
const struct cmd_option_group options_jobs = { "Work", jobs };

static const struct cmd_option pack[] = {
	{ .name = "sign-key",
	  .value = "FILE",
	  .help = "the secret key that signs the bundle, and each path that has no signature",
	  .kind = CMD_VALUE_FILE },
	{ .name = "sign-all",
	  .help = "sign every path with that key too, so that an importer needs to trust no other" },
	{ .name = "series",
	  .value = "NAME",
	  .help = "the series of bundles that this one belongs to; a target takes no older one of a series" },
	{ .name = "serial", .value = "N", .help = "the bundle's number in its series" },
	{ .name = "expires",
	  .value = "YYYY-MM-DD",
	  .help = "the last day (UTC) on which the bundle can be imported" },
	{ .name = "compress",
	  .value = "HOW",
	  .help = "zstd[:LEVEL], with a LEVEL from 1 to 19 (default: zstd:3), or "
		  "keep, which keeps NARs as the cache compressed them" },
	{ 0 },
};
const struct cmd_option_group options_pack = { "Packing", pack };

static const struct cmd_option from_file[] = {
	{ .name = "from-file",
	  .value = "FILE",
	  .help = "read installables from FILE, one per line, plain or xz-compressed; - is standard input",
	  .kind = CMD_VALUE_FILE,
	  .repeatable = true },
	{ 0 },
};
const struct cmd_option_group options_from_file = { "Installables", from_file };

static const struct cmd_option caches[] = {
	{ .name = "substituter",
	  .value = "URL",
	  .help = "query this cache instead of those of nix.conf (default: cache.nixos.org)",
	  .kind = CMD_VALUE_CACHE,
	  .repeatable = true },
	{ .name = "extra-substituter",
	  .value = "URL",
	  .help = "query this cache too",
	  .kind = CMD_VALUE_CACHE,
	  .repeatable = true },
	{ .name = "connections",
	  .value = "N",
	  .help = "maximum number of connections; default: http-connections of nix.conf, or 96" },
	{ .name = "connections-per-cache",
	  .value = "N",
	  .help = "maximum number of connections to one cache; default: all of them" },
	{ .name = "limit-rate",
	  .value = "RATE[@HH:MM-HH:MM]",
	  .help = "limit all transfers together to RATE bytes per second, such as "
		  "500K or 2M (none: no limit), at all times or at a time of day "
		  "(local time); default: download-speed of nix.conf",
	  .repeatable = true },
	{ .name = "netrc-file",
	  .value = "FILE",
	  .help = "user names and passwords for caches; default: netrc-file of nix.conf",
	  .kind = CMD_VALUE_FILE },
	{ 0 },
};
const struct cmd_option_group options_caches = { "Caches", caches };
/* All but the first two. */
const struct cmd_option_group options_connections = { "Caches", caches + 2 };

/* A parser's error about the value of an option is a usage error, whatever its code. */
static int wrong_option(struct nf_err *err, const char *name)
{
	if (err)
		err->code = NF_E_USAGE;
	return err_prefix(err, -NF_E_USAGE, "option '--%s'", name);
}

void options_tell_notes(const struct nix_settings *s, struct ui *ui)
{
	for (size_t i = 0; i < s->note_count; i++) {
		const struct nix_note *n = &s->notes[i];

		if (n->matters)
			ui_note(ui, "%s", n->text);
		else
			ui_detail(ui, "%s", n->text);
	}
}

static int read_needed(size_t *ret, const struct cmd_args *a, const char *option,
		       const struct nf_keyring *ring, struct nf_err *err)
{
	size_t trusted = key_tally_of_ring(ring);
	uint64_t n;
	int rc = cmd_args_number(a, option, 1, NF_SIGNATURES_NEEDED_MAX, 1, &n, err);

	if (!rc && n > 1 && n > trusted)
		return err_set(
			err, NF_E_USAGE,
			"option '--%s': %llu different keys are needed, but only %zu %s trusted: add keys with --trusted-public-key",
			option, (unsigned long long)n, trusted,
			plural(trusted, "is", "are"));
	*ret = (size_t)n;
	return rc;
}

static int set_needed(struct nf_keyring *ring, const struct cmd_args *a,
		      struct nf_err *err)
{
	size_t of_bundle = 1, of_path = 1;
	int rc = read_needed(&of_bundle, a, "signatures-needed", ring, err);

	if (!rc)
		rc = read_needed(&of_path, a, "sigs-needed", ring, err);
	if (!rc)
		nf_keyring_set_needed(ring, of_bundle, of_path);
	return rc;
}

int options_keyring(struct nf_keyring **ret, const struct cmd_args *a,
		    struct nix_settings *settings, struct nf_err *err)
{
	AUTO(nf_keyring_freep) struct nf_keyring *ring = nf_keyring_new();
	const char *text;
	int rc;

	rc = nix_settings_add_keys(settings, ring, err);
	for (size_t i = 0; !rc && (text = cmd_args_nth(a, "trusted-public-key", i));
	     i++) {
		rc = trusted_key_add(ring, text, err);
		if (rc)
			rc = wrong_option(err, "trusted-public-key");
	}
	if (!rc)
		rc = set_needed(ring, a, err);
	if (rc)
		return rc;
	*ret = TAKE_PTR(ring);
	return 0;
}

bool options_no_check_sigs(const struct cmd_args *a, struct ui *ui, const char *who)
{
	bool given = cmd_args_flag(a, "no-check-sigs");

	if (given)
		ui_warn(ui,
			"--no-check-sigs: paths need no signature; %s can install anything",
			who);
	if (given && cmd_args_value(a, "sigs-needed"))
		ui_warn(ui, "--sigs-needed has no effect with --no-check-sigs");
	return given;
}

int options_pool_dir(char **ret, const struct cmd_args *a, struct nf_err *err)
{
	const char *dir = cmd_args_value(a, "pool");

	if (!dir)
		return pool_default_dir(ret, err);
	*ret = mem_strdup(dir);
	return 0;
}

int options_open_pool(struct pool **ret, const struct cmd_args *a, struct nf_err *err)
{
	AUTO_FREE char *dir = NULL;
	int rc;

	rc = options_pool_dir(&dir, a, err);
	if (rc)
		return rc;
	return pool_open(ret, dir, err);
}

int options_open_pool_read(struct pool **ret, const struct cmd_args *a,
			   struct nf_err *err)
{
	AUTO_FREE char *dir = NULL;
	int rc;

	rc = options_pool_dir(&dir, a, err);
	if (rc)
		return rc;
	return pool_open_read(ret, dir, err);
}

int options_job_count(size_t *ret, const struct cmd_args *a, struct nf_err *err)
{
	uint64_t n;
	int rc;

	rc = cmd_args_number(a, "jobs", 1, JOBS_MAX, 0, &n, err);
	if (rc)
		return rc;
	*ret = (size_t)n;
	return 0;
}

int options_sign_key(struct nf_secret_key **ret, const struct cmd_args *a,
		     struct nf_err *err)
{
	const char *file = cmd_args_value(a, "sign-key");
	int rc;

	if (!file)
		return err_set(
			err, NF_E_USAGE,
			"a bundle must be signed: give --sign-key FILE (nixferry keygen makes one)");
	rc = nf_secret_key_read(ret, file, err);
	return rc && rc != -NF_E_SYS && rc != -NF_E_INTR ? wrong_option(err, "sign-key")
							 : rc;
}

int options_level(int *ret, const struct cmd_args *a, struct nf_err *err)
{
	const char *text = cmd_args_value(a, "compress");
	struct nf_slice rest = nf_slice_str(text ? text : "zstd");
	uint64_t level = ZSTD_LEVEL_DEFAULT;
	bool good;

	if (nf_slice_is(rest, "keep")) {
		*ret = POOL_KEEP;
		return 0;
	}
	good = slice_skip_prefix(&rest, "zstd") &&
	       (rest.len == 0 ||
		(slice_skip_prefix(&rest, ":") && slice_parse_u64(rest, &level)));
	if (!good || level < ZSTD_LEVEL_MIN || level > ZSTD_LEVEL_MAX)
		return err_set(
			err, NF_E_USAGE,
			"option '--compress': '%s' is neither zstd, zstd:%d to zstd:%d nor keep",
			text, ZSTD_LEVEL_MIN, ZSTD_LEVEL_MAX);
	*ret = (int)level;
	return 0;
}

int options_terms(struct nf_bundle_terms *ret, const struct cmd_args *a,
		  struct nf_err *err)
{
	*ret = (struct nf_bundle_terms){
		.series = cmd_args_value(a, "series"),
		.expires = cmd_args_value(a, "expires"),
	};
	if (!ret->series != !cmd_args_is_given(a, "serial"))
		return err_set(
			err, NF_E_USAGE,
			"options '--series' and '--serial' need each other: a bundle has a number in a series");
	if (ret->series && !manifest_is_series(nf_slice_str(ret->series)))
		return err_set(
			err, NF_E_USAGE,
			"option '--series': '%s' is not up to 64 letters, digits, '.', '-' and '_'",
			ret->series);
	if (ret->expires && !manifest_is_date(nf_slice_str(ret->expires)))
		return err_set(err, NF_E_USAGE,
			       "option '--expires': '%s' is not a date like 2027-01-31",
			       ret->expires);
	return ret->series
		       ? cmd_args_number(a, "serial", 0, UINT64_MAX, 0, &ret->serial, err)
		       : 0;
}

int options_installables(struct installables *ret, const struct cmd_args *a,
			 struct nf_err *err)
{
	AUTO(installables_release) struct installables names = INSTALLABLES_INIT;
	const char *file;
	int rc = 0;

	for (size_t i = 0; i < cmd_args_count(a) && !rc; i++) {
		const char *arg = cmd_args_get(a, i);

		rc = strcmp(arg, "-") == 0
			     ? installables_add_file(&names, arg, err)
			     : installables_add(&names, nf_slice_str(arg), err);
	}
	for (size_t i = 0; !rc && (file = cmd_args_nth(a, "from-file", i)); i++)
		rc = installables_add_file(&names, file, err);
	if (!rc && names.count == 0)
		rc = err_set(err, NF_E_USAGE, "no installable given");
	if (rc)
		return rc;
	installables_sort(&names);
	*ret = names;
	names = (struct installables)INSTALLABLES_INIT;
	return 0;
}
