#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/plural.h"
#include "cmd/commands.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/ui.h"
#include "store/gcroot.h"
#include "store/gcroot_list.h"

#define DATE_MAX 32

/* "2026-11-30T02:24:41Z" */
static char *format_date(char out[DATE_MAX], int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&t, &tm))
		strftime(out, DATE_MAX, "%FT%TZ", &tm);
	return out;
}

static void list_json(const struct gcroot_list *l, const char *store)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	char path[NF_STOREPATH_TEXT_MAX], date[DATE_MAX];

	json_add_str(doc, "store", store);
	json_begin_array(doc, "roots");
	for (size_t i = 0; i < l->count; i++) {
		const struct gcroot *r = &l->items[i];

		json_begin_object(doc, NULL);
		json_add_str(doc, "name", r->name);
		json_add_str(doc, "path", nf_storepath_format(path, &r->path));
		json_add_bool(doc, "exists", r->exists);
		json_add_str(doc, "date", format_date(date, r->made));
		json_end(doc);
	}
	json_end(doc);
	json_print(doc, stdout);
}

static void list_text(const struct gcroot_list *l)
{
	char path[NF_STOREPATH_TEXT_MAX], date[DATE_MAX];

	for (size_t i = 0; i < l->count; i++) {
		const struct gcroot *r = &l->items[i];
		say_line("%s  %s  %s%s", format_date(date, r->made), r->name,
			 nf_storepath_format(path, &r->path),
			 r->exists ? "" : "  (missing)");
	}
}

static int run_list(const struct cmd_args *args, const char *store, struct nf_err *err)
{
	AUTO(gcroot_list_release) struct gcroot_list list = { 0 };
	int rc;

	if (cmd_args_count(args) > 1)
		return err_set(err, NF_E_USAGE,
			       "unexpected argument '%s': list takes no name",
			       cmd_args_get(args, 1));
	rc = gcroot_list_read(&list, store, err);
	if (rc)
		return rc;
	if (cmd_args_flag(args, "json"))
		list_json(&list, store);
	else
		list_text(&list);
	return 0;
}

/* Looks all names up before it removes the first root. */
static int check_names(const struct cmd_args *args, const char *store, struct nf_err *err)
{
	AUTO(gcroot_list_release) struct gcroot_list list = { 0 };
	int rc = gcroot_list_read(&list, store, err);

	for (size_t i = 1; !rc && i < cmd_args_count(args); i++) {
		const char *name = cmd_args_get(args, i);
		bool found = false;

		for (size_t k = 0; !found && k < list.count; k++)
			found = strcmp(list.items[k].name, name) == 0;
		if (!found)
			rc = err_set(
				err, NF_E_USAGE,
				"there is no root '%.200s' in '%s': 'roots list' shows the existing ones",
				name, store);
	}
	return rc;
}

static int run_rm(const struct cmd_args *args, const char *store, struct nf_err *err)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	bool json = cmd_args_flag(args, "json");
	int rc;

	if (cmd_args_count(args) < 2)
		return err_set(err, NF_E_USAGE, "missing NAME: the root to remove");
	rc = check_names(args, store, err);
	json_add_str(doc, "store", store);
	json_begin_array(doc, "removed");
	for (size_t i = 1; !rc && i < cmd_args_count(args); i++) {
		const char *name = cmd_args_get(args, i);
		size_t count = 0;

		rc = gcroot_remove(store, name, &count, err);
		if (rc || !count)
			continue;
		json_add_str(doc, NULL, name);
		if (!json)
			say_line("removed %s (%zu %s)", name, count,
				 plural(count, "path", "paths"));
	}
	if (rc)
		return rc;
	json_end(doc);
	if (json)
		json_print(doc, stdout);
	return 0;
}

static int enter_sandbox(const struct cmd_args *args, const char *store,
			 enum sandbox_use use, struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();
	AUTO_FREE char *roots = mem_printf("%s/nix/var/nix/gcroots", store);

	sandbox_grant_owners(s);
	sandbox_grant(s, store, SANDBOX_LIST);
	sandbox_grant(s, roots, use);
	return sandbox_options_enter(s, args, ui, err);
}

static int run_roots(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	const char *what = cmd_args_get(args, 0);
	const char *store = cmd_args_value(args, "store");
	bool is_list = strcmp(what, "list") == 0;
	int rc;

	if (!is_list && strcmp(what, "rm") != 0)
		return err_set(err, NF_E_USAGE,
			       "unknown roots command '%.200s' (list, rm)", what);
	if (!store)
		return err_set(err, NF_E_USAGE,
			       "missing --store ROOT: the store that has the roots");
	rc = enter_sandbox(args, store, is_list ? SANDBOX_READ : SANDBOX_REPLACE, ui,
			   err);
	if (rc)
		return rc;
	return is_list ? run_list(args, store, err) : run_rm(args, store, err);
}

const struct command cmd_roots = {
	.name = "roots",
	.args = "list|rm [NAME...]",
	.summary = "list or remove the GC roots that imports made",
	.text = "An import without --profile makes a GC root, which protects the "
		"imported paths from garbage collection. The root is named by "
		"--gc-root or, without that option, after the store path without "
		"its version. A later import with the same name replaces the paths "
		"that the root keeps.\n"
		"\n"
		"  list   show when each root was made, its name, and the store path it keeps\n"
		"  rm     remove the roots NAME...; nix-collect-garbage then removes the paths\n"
		"         that nothing else keeps\n"
		"\n"
		"Roots named HASH-NAME were made by earlier versions.",
	.groups = (const struct cmd_option_group *const[]){ &options_store,
							    &options_sandbox,
							    &options_common, NULL },
	.min_args = 1,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_ANY,
	.run = run_roots,
};
