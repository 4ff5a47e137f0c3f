#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/diff_side.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"

#define VERSIONS_MAX 4096
#define SIGNED_MAX   (HUMAN_MAX + 1)

struct diff_run {
	struct bundle_input in; /* for its settings and keys */
	struct pool *pool;	/* or NULL */
	struct local_store *store;
	struct diff_side before, after;
	struct path_diff *diff;
	bool all;
};

static void diff_run_release(struct diff_run *r)
{
	path_diff_free(r->diff);
	diff_side_release(&r->before);
	diff_side_release(&r->after);
	local_store_free(r->store);
	pool_free(r->pool);
	bundle_input_release(&r->in);
}

/* ---- reading ---- */

static int open_sides(struct diff_run *r, const struct cmd_args *args, struct nf_err *err)
{
	const char *a = cmd_args_get(args, 0), *b = cmd_args_get(args, 1);
	int rc;

	if (strcmp(a, "-") == 0 && strcmp(b, "-") == 0)
		return err_set(err, NF_E_USAGE,
			       "standard input can be one of the two only");
	rc = named_paths_open(&r->before.what, a, err);
	return rc ? rc : named_paths_open(&r->after.what, b, err);
}

/* Only closures come from these. */
static int open_sources(struct diff_run *r, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	static const char needed[] =
		"an INSTALLABLE: bundles, inventories and stores are compared as they are";
	struct nf_err why;
	int rc;

	if (!named_paths_is_installable(&r->before.what) &&
	    !named_paths_is_installable(&r->after.what)) {
		rc = cmd_args_refuse_group(args, &options_stores, needed, err);
		return rc ? rc : cmd_args_refuse_group(args, &options_pool, needed, err);
	}
	if (options_open_pool_read(&r->pool, args, &why))
		ui_detail(ui, "%s", why.text);
	return store_options_open(&r->store, args, ui, err);
}

static int enter_sandbox(const struct diff_run *r, const struct cmd_args *args,
			 struct ui *ui, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();

	if (r->pool)
		sandbox_grant(s, pool_dir(r->pool), SANDBOX_READ);
	if (r->store)
		store_options_grant(s, local_store_root(r->store));
	named_paths_grant(&r->before.what, s);
	named_paths_grant(&r->after.what, s);
	sandbox_grant_owners(s);
	return sandbox_options_enter(s, args, ui, err);
}

static int read_sides(struct diff_run *r, struct nf_err *err)
{
	const struct named_sources sources = { .keys = r->in.keys,
					       .pool = r->pool,
					       .store = r->store };
	int rc = diff_side_read(&r->before, &sources, err);

	if (!rc)
		rc = diff_side_read(&r->after, &sources, err);
	if (rc)
		return rc;
	diff_side_complete(&r->before, &r->after);
	diff_side_complete(&r->after, &r->before);
	r->diff = path_diff_new(&r->before.paths, &r->after.paths);
	return 0;
}

/* ---- totals ---- */

struct diff_total {
	size_t paths;
	uint64_t size;
	bool has_size;
};

static struct diff_total total_of(const struct path_diff_side *side, bool only_new)
{
	struct diff_total t = { .has_size = true };

	for (size_t i = 0; i < side->count; i++) {
		if (only_new && !side->items[i].is_new)
			continue;
		t.paths++;
		t.size += side->items[i].nar_size;
		t.has_size = t.has_size && side->items[i].nar_size;
	}
	return t;
}

static const char *size_text(char out[HUMAN_MAX], const struct diff_total *t)
{
	return t->has_size ? human_size(out, t->size) : "size not known";
}

/* ---- JSON ---- */

static void add_size(struct json_doc *doc, const char *key, bool known, uint64_t size)
{
	if (known)
		json_add_number(doc, key, size);
	else
		json_add_null(doc, key);
}

static void add_side(struct json_doc *doc, const char *key, const struct diff_side *side)
{
	const struct diff_total t = total_of(&side->paths, false);

	json_begin_object(doc, key);
	json_add_str(doc, "name", side->what.arg);
	json_add_number(doc, "paths", t.paths);
	add_size(doc, "narSize", t.has_size, t.size);
	json_add_number(doc, "unknownReferences", side->unknown);
	json_end(doc);
}

static void add_version(void *ctx, struct nf_slice version)
{
	json_add_slice(ctx, NULL, version);
}

static const char *const kinds[] = {
	[PATH_DIFF_CHANGED] = "changed",
	[PATH_DIFF_ADDED] = "added",
	[PATH_DIFF_REMOVED] = "removed",
	[PATH_DIFF_REBUILT] = "rebuilt",
};

static void add_package(struct json_doc *doc, const struct path_diff_package *p)
{
	json_begin_object(doc, NULL);
	json_add_slice(doc, "name", p->name);
	json_add_str(doc, "change", kinds[p->kind]);
	json_begin_array(doc, "versionsBefore");
	path_diff_versions(&p->before, NULL, add_version, doc);
	json_end(doc);
	json_begin_array(doc, "versionsAfter");
	path_diff_versions(&p->after, NULL, add_version, doc);
	json_end(doc);
	add_size(doc, "sizeBefore", p->before.has_size, p->before.size);
	add_size(doc, "sizeAfter", p->after.has_size, p->after.size);
	json_end(doc);
}

static void add_new_paths(struct json_doc *doc, const char *key,
			  const struct path_diff_side *side)
{
	char path[NF_STOREPATH_TEXT_MAX];

	json_begin_array(doc, key);
	for (size_t i = 0; i < side->count; i++) {
		const struct path_diff_item *item = &side->items[i];

		if (!item->is_new)
			continue;
		json_begin_object(doc, NULL);
		json_add_str(doc, "path", nf_storepath_format(path, &item->path));
		add_size(doc, "narSize", item->nar_size != 0, item->nar_size);
		json_end(doc);
	}
	json_end(doc);
}

static void print_json(const struct diff_run *r)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	add_side(doc, "before", &r->before);
	add_side(doc, "after", &r->after);
	json_begin_array(doc, "packages");
	for (size_t i = 0; i < r->diff->count; i++)
		if (r->diff->packages[i].kind != PATH_DIFF_SAME)
			add_package(doc, &r->diff->packages[i]);
	json_end(doc);
	add_new_paths(doc, "addedPaths", &r->after.paths);
	add_new_paths(doc, "removedPaths", &r->before.paths);
	json_add_number(doc, "differentContents", r->diff->same_names);
	json_print(doc, stdout);
}

/* ---- text ---- */

static void join_version(void *ctx, struct nf_slice version)
{
	struct buf *out = ctx;

	buf_addf(out, "%s%.*s", out->len ? ", " : "",
		 NF_SLICE_ARG(version.len ? version : nf_slice_str("no version")));
}

static char *versions_of(const struct path_diff_paths *paths,
			 const struct path_diff_paths *other)
{
	struct buf out;

	buf_init(&out, VERSIONS_MAX);
	path_diff_versions(paths, other, join_version, &out);
	return buf_take(&out);
}

/* Of a changed package, the versions that only one side has. */
static char *changes_of(const struct path_diff_package *p)
{
	bool changed = p->kind == PATH_DIFF_CHANGED;
	AUTO_FREE char *from = versions_of(&p->before, changed ? &p->after : NULL);
	AUTO_FREE char *to = versions_of(&p->after, changed ? &p->before : NULL);

	if (changed)
		return mem_printf("%s -> %s", from[0] ? from : "none",
				  to[0] ? to : "none");
	return mem_strdup(p->after.count ? to : from);
}

static const char *difference(char out[SIGNED_MAX], const struct path_diff_package *p)
{
	bool grows = p->after.size >= p->before.size;

	if (!p->before.has_size || !p->after.has_size)
		return "?";
	if (p->after.size == p->before.size)
		return "0 B";
	out[0] = grows ? '+' : '-';
	human_size(out + 1, grows ? p->after.size - p->before.size
				  : p->before.size - p->after.size);
	return out;
}

struct widths {
	int name, versions;
};

static void widen(int *width, size_t len)
{
	if (len > (size_t)*width)
		*width = (int)len;
}

static bool is_shown(const struct diff_run *r, const struct path_diff_package *p)
{
	return p->kind != PATH_DIFF_SAME && (r->all || p->kind != PATH_DIFF_REBUILT);
}

static struct widths measure(const struct diff_run *r)
{
	struct widths w = { 0 };

	for (size_t i = 0; i < r->diff->count; i++) {
		const struct path_diff_package *p = &r->diff->packages[i];
		AUTO_FREE char *versions = changes_of(p);

		if (!is_shown(r, p))
			continue;
		widen(&w.name, p->name.len);
		widen(&w.versions, strlen(versions));
	}
	return w;
}

static size_t print_kind(const struct diff_run *r, enum path_diff_kind kind,
			 const struct widths *w)
{
	char size[SIGNED_MAX];
	size_t count = 0;

	for (size_t i = 0; i < r->diff->count; i++) {
		const struct path_diff_package *p = &r->diff->packages[i];
		AUTO_FREE char *versions = NULL;

		if (p->kind != kind)
			continue;
		count++;
		versions = changes_of(p);
		if (is_shown(r, p))
			say_line("%-8s  %-*.*s  %-*s  %10s", kinds[kind], w->name,
				 NF_SLICE_ARG(p->name), w->versions, versions,
				 difference(size, p));
	}
	return count;
}

static void print_side(const char *label, const struct diff_side *side)
{
	const struct diff_total t = total_of(&side->paths, false);
	char size[HUMAN_MAX];

	say_line("%-8s  %s: %zu %s, %s", label, side->what.arg, t.paths,
		 plural(t.paths, "path", "paths"), size_text(size, &t));
}

static void print_text(const struct diff_run *r)
{
	const struct diff_total come = total_of(&r->after.paths, true);
	const struct diff_total go = total_of(&r->before.paths, true);
	const struct widths w = measure(r);
	char size[HUMAN_MAX], gone[HUMAN_MAX];
	size_t rebuilt;

	print_side("before", &r->before);
	print_side("after", &r->after);
	print_kind(r, PATH_DIFF_CHANGED, &w);
	print_kind(r, PATH_DIFF_ADDED, &w);
	print_kind(r, PATH_DIFF_REMOVED, &w);
	rebuilt = print_kind(r, PATH_DIFF_REBUILT, &w);
	if (rebuilt && !r->all)
		say_line("%zu %s rebuilt without a change of version: --all lists %s",
			 rebuilt, plural(rebuilt, "package was", "packages were"),
			 plural(rebuilt, "it", "them"));
	say_line("%zu %s new (%s), %zu %s gone (%s)", come.paths,
		 plural(come.paths, "path is", "paths are"), size_text(size, &come),
		 go.paths, plural(go.paths, "is", "are"), size_text(gone, &go));
	if (r->diff->same_names)
		say_line("%zu of them %s the same name and different contents",
			 r->diff->same_names, plural(r->diff->same_names, "has", "have"));
}

static void note_unknown(const struct diff_side *side, const char *what, struct ui *ui)
{
	if (side->unknown)
		ui_note(ui,
			"'%s' requires %zu %s whose references are not known here: paths that it does not carry may be shown as %s",
			side->what.arg, side->unknown,
			plural(side->unknown, "path", "paths"), what);
}

static int run_diff(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(diff_run_release) struct diff_run r = { .in = BUNDLE_INPUT_INIT };
	int rc;

	diff_side_init(&r.before);
	diff_side_init(&r.after);
	r.all = cmd_args_flag(args, "all");
	rc = bundle_input_read_keys(&r.in, args, ui, err);
	if (!rc)
		rc = open_sides(&r, args, err);
	if (!rc)
		rc = open_sources(&r, args, ui, err);
	if (!rc)
		rc = enter_sandbox(&r, args, ui, err);
	if (!rc)
		rc = read_sides(&r, err);
	if (rc)
		return rc;
	note_unknown(&r.before, "added", ui);
	note_unknown(&r.after, "removed", ui);
	if (cmd_args_flag(args, "json"))
		print_json(&r);
	else
		print_text(&r);
	return 0;
}

static const struct cmd_option options[] = {
	{ .name = "all",
	  .help = "also list packages that were rebuilt without a change of version" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_diff = {
	.name = "diff",
	.args = "BEFORE AFTER",
	.summary = "compare bundles, inventories, stores or closures",
	.text = "Shows which packages an update changes, adds and removes, and how their "
		"sizes change, before anything is imported. BEFORE and AFTER each name "
		"an inventory or a bundle (- is standard input), the root of a store, "
		"or an installable, whose closure is compared and must be in the pool "
		"or the store.\n"
		"\n"
		"Paths are grouped as by 'nix store diff-closures'. A bundle stands for "
		"what a target has after importing it: the paths that it carries and "
		"those that it requires. What the latter refer to is taken from the "
		"other side. Sizes are those of NARs; an inventory has none. Example:\n"
		"\n"
		"  nixferry diff /mnt update.bundle",
	.groups =
		(const struct cmd_option_group *const[]){
			&group, &options_keys, &options_stores, &options_pool,
			&options_sandbox, &options_common, NULL },
	.min_args = 2,
	.max_args = 2,
	.kind = CMD_VALUE_INSTALLABLE,
	.run = run_diff,
};
