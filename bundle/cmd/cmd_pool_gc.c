#include "cmd/cmd_pool_gc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "base/units.h"
#include "cmd/human.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "store/local_store.h"

#define DAY_SECONDS 86400
/* A run of tomorrow may still resume a download of this age. */
#define PARTIAL_AGE (7 * DAY_SECONDS)

static const struct cmd_option options[] = {
	{ .name = "older-than",
	  .value = "AGE",
	  .help = "gc: remove entries that no command used for AGE, such as 30d or "
		  "12h (a number without a unit is days), and partial downloads of "
		  "that age" },
	{ .name = "max-size",
	  .value = "SIZE",
	  .help = "gc: remove the least recently used entries until the NARs take at most SIZE bytes, such as 20G" },
	{ .name = "keep",
	  .value = "INSTALLABLE",
	  .help = "gc: keep the closure of INSTALLABLE; without --older-than and --max-size, remove all other entries",
	  .kind = CMD_VALUE_INSTALLABLE,
	  .repeatable = true },
	{ 0 },
};
const struct cmd_option_group cmd_pool_gc_group = { "Options", options };

int cmd_pool_gc_refuse(const struct cmd_args *args, const char *what, struct nf_err *err)
{
	for (const struct cmd_option *o = options; o->name; o++)
		if (cmd_args_value(args, o->name))
			return err_set(
				err, NF_E_USAGE,
				"option '--%s' is for 'pool gc', not for 'pool %s'",
				o->name, what);
	return 0;
}

/* ---- --keep ---- */

/* The paths whose closures are kept. */
struct keep {
	struct nf_storepath *paths;
	size_t len, cap;
	struct local_store *store; /* has derivations; opened when first needed */
};

static void keep_release(struct keep *k)
{
	free(k->paths);
	local_store_free(k->store);
}

static void keep_path(struct keep *k, const struct nf_storepath *path)
{
	MEM_GROW(k->paths, k->len, k->cap);
	k->paths[k->len++] = *path;
}

/* WANTED: "out,dev", "*", or NULL for all outputs. */
static bool is_wanted(const char *wanted, struct nf_slice output)
{
	struct nf_slice rest = nf_slice_str(wanted ? wanted : "*");

	if (nf_slice_is(rest, "*"))
		return true;
	while (rest.len)
		if (nf_slice_eq(slice_cut(&rest, ','), output))
			return true;
	return false;
}

static int keep_outputs(struct keep *k, const struct installable *t, struct nf_err *err)
{
	AUTO(nf_derivation_release) struct nf_derivation drv = { 0 };
	struct nf_storepath path;
	int rc = k->store ? 0 : local_store_open(&k->store, "/", err);

	if (!rc)
		rc = local_store_drv(k->store, &t->path, &drv, err);
	for (size_t i = 0; !rc && i < drv.noutputs; i++) {
		const struct nf_drv_output *o = &drv.outputs[i];

		if (!o->path.len || !is_wanted(t->outputs, o->name))
			continue;
		rc = nf_storepath_parse_base(&path, o->path, err);
		if (!rc)
			keep_path(k, &path);
	}
	return rc;
}

static int keep_installables(struct keep *k, const struct cmd_args *args,
			     struct nf_err *err)
{
	AUTO(installables_release) struct installables names = INSTALLABLES_INIT;
	const char *text;
	int rc = 0;

	for (size_t i = 0; !rc && (text = cmd_args_nth(args, "keep", i)); i++)
		rc = installables_add(&names, nf_slice_str(text), err);
	for (size_t i = 0; !rc && i < names.count; i++) {
		const struct installable *t = &names.items[i];

		if (t->outputs || nf_storepath_is_drv(&t->path))
			rc = keep_outputs(k, t, err);
		else
			keep_path(k, &t->path);
	}
	return rc ? err_prefix(err, rc, "option '--keep'") : 0;
}

/* ---- gc ---- */

static int parse_options(struct pool_gc_options *o, const struct cmd_args *args,
			 struct nf_err *err)
{
	const char *age = cmd_args_value(args, "older-than");
	const char *size = cmd_args_value(args, "max-size");
	uint64_t seconds;

	*o = (struct pool_gc_options){ .partial_age = PARTIAL_AGE,
				       .unused_age = -1,
				       .max_bytes = UINT64_MAX };
	if (age && (!units_parse_duration(nf_slice_str(age), DAY_SECONDS, &seconds) ||
		    seconds > INT32_MAX))
		return err_set(
			err, NF_E_USAGE,
			"option '--older-than': '%s' is not an age such as 30d, 12h or 90m",
			age);
	if (age)
		o->partial_age = o->unused_age = (int64_t)seconds;
	if (size && !units_parse_size(nf_slice_str(size), &o->max_bytes))
		return err_set(
			err, NF_E_USAGE,
			"option '--max-size': '%s' is not a size such as 500M or 20G",
			size);
	return 0;
}

static void print_for_people(const struct pool_gc_result *r)
{
	char freed[HUMAN_MAX], left[HUMAN_MAX];

	human_size(freed, r->freed_bytes);
	if (r->removed || r->left)
		say_line("freed %s: %zu %s removed, %zu left (%s)", freed, r->removed,
			 plural(r->removed, "entry", "entries"), r->left,
			 human_size(left, r->left_bytes));
	else
		say_line("freed %s", freed);
}

static void print_json(const struct pool_gc_result *r, struct json_doc *doc)
{
	json_add_number(doc, "freed", r->freed_bytes);
	json_add_number(doc, "removed", r->removed);
	json_add_number(doc, "left", r->left);
	json_add_number(doc, "leftSize", r->left_bytes);
	json_print(doc, stdout);
}

static int enter_sandbox(const char *dir, const struct cmd_args *args, struct ui *ui,
			 struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();

	sandbox_grant_owners(s);
	sandbox_grant(s, dir, SANDBOX_WRITE);
	return sandbox_options_enter(s, args, ui, err);
}

int cmd_pool_open(struct pool **ret, const char *dir, const struct cmd_args *args,
		  struct ui *ui, struct nf_err *err)
{
	bool is_gc = strcmp(cmd_args_get(args, 0), "gc") == 0;
	bool is_missing = access(dir, F_OK) != 0 && errno == ENOENT;
	int rc = enter_sandbox(dir, args, ui, err);

	if (rc)
		return rc;
	if (!is_missing)
		return is_gc ? pool_open(ret, dir, err) : pool_open_read(ret, dir, err);
	if (!cmd_args_value(args, "pool"))
		return 0;
	return err_set(err, NF_E_USAGE, "pool '%s' does not exist", dir);
}

int cmd_pool_gc_run(const char *dir, const struct cmd_args *args, struct json_doc *doc,
		    struct ui *ui, struct nf_err *err)
{
	AUTO(pool_freep) struct pool *pool = NULL;
	AUTO(keep_release) struct keep keep = { 0 };
	struct pool_gc_result result = { 0 };
	struct pool_gc_options o;
	char size[HUMAN_MAX];
	int rc;

	rc = parse_options(&o, args, err);
	if (!rc)
		rc = keep_installables(&keep, args, err);
	if (!rc)
		rc = cmd_pool_open(&pool, dir, args, ui, err);
	o.keep = keep.paths;
	o.keep_count = keep.len;
	if (!rc && pool)
		rc = pool_gc(pool, &o, &result, err);
	if (rc)
		return rc;
	if (doc)
		print_json(&result, doc);
	else
		print_for_people(&result);
	if (result.left_bytes > o.max_bytes)
		ui_warn(ui,
			"the pool is still larger than --max-size: the paths that --keep names take %s",
			human_size(size, result.left_bytes));
	return 0;
}
