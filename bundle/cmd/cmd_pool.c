#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/free_space.h"
#include "base/interrupt.h"
#include "base/plural.h"
#include "base/progress.h"
#include "cmd/cmd_pool_gc.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/ui.h"

struct pool_walk {
	struct pool *pool; /* NULL if it does not exist */
	struct ui *ui;
	struct json_doc *doc; /* NULL for text output */
	struct progress *progress;
	size_t entries;
	size_t rotten;
	size_t left; /* number of these that could not be removed */
};

static int list_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct pool_walk *w = ctx;
	char path[NF_STOREPATH_TEXT_MAX];
	char unpacked[HUMAN_MAX], packed[HUMAN_MAX];
	int rc;

	rc = interrupt_check(err);
	if (rc)
		return rc;
	nf_storepath_format(path, &ni->info.path);
	if (w->doc) {
		json_begin_object(w->doc, NULL);
		json_add_str(w->doc, "path", path);
		json_add_number(w->doc, "narSize", ni->info.nar_size);
		json_add_number(w->doc, "fileSize", ni->file_size);
		json_add_slice(w->doc, "compression", ni->compression);
		json_end(w->doc);
	} else {
		say_line("%10s %10s  %s", human_size(unpacked, ni->info.nar_size),
			 human_size(packed, ni->file_size), path);
	}
	return 0;
}

static void add_sums(struct json_doc *doc, const struct pool_sums *s)
{
	json_add_number(doc, "entries", s->entries);
	json_add_number(doc, "narSize", s->nar_bytes);
	json_add_number(doc, "fileSize", s->file_bytes);
	json_add_number(doc, "partials", s->partials);
	json_add_number(doc, "partialSize", s->partial_bytes);
}

static void tell_sums(struct ui *ui, const struct pool_sums *s)
{
	char unpacked[HUMAN_MAX], packed[HUMAN_MAX], partial[HUMAN_MAX];

	ui_note(ui, "%zu %s, %s unpacked, %s in the pool; %zu partial %s, %s", s->entries,
		plural(s->entries, "entry", "entries"),
		human_size(unpacked, s->nar_bytes), human_size(packed, s->file_bytes),
		s->partials, plural(s->partials, "download", "downloads"),
		human_size(partial, s->partial_bytes));
}

static int run_pool_list(struct pool_walk *w, struct nf_err *err)
{
	struct pool_sums sums = { 0 };
	int rc = 0;

	if (w->doc)
		json_begin_array(w->doc, "paths");
	if (w->pool)
		rc = pool_each(w->pool, list_entry, w, err);
	if (!rc && w->pool)
		rc = pool_sum(w->pool, &sums, err);
	if (rc)
		return rc;
	if (w->doc) {
		json_end(w->doc);
		add_sums(w->doc, &sums);
		json_print(w->doc, stdout);
	} else {
		tell_sums(w->ui, &sums);
	}
	return 0;
}

/* "entries" of one compression, in the order in which they were met. */
struct encoding_count {
	char name[16];
	size_t entries;
	uint64_t file_bytes;
};

struct encoding_counts {
	struct encoding_count items[16]; /* more than there are compressions */
	size_t count;
};

static int count_encoding(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct encoding_counts *c = ctx;
	size_t i = 0;
	int rc = interrupt_check(err);

	while (i < c->count && !nf_slice_is(ni->compression, c->items[i].name))
		i++;
	if (rc || i == ARRAY_SIZE(c->items))
		return rc;
	if (i == c->count)
		snprintf(c->items[c->count++].name, sizeof(c->items[0].name), "%.*s",
			 NF_SLICE_ARG(ni->compression));
	c->items[i].entries++;
	c->items[i].file_bytes += ni->file_size;
	return 0;
}

static void add_stats(struct json_doc *doc, const struct pool_sums *s,
		      const struct encoding_counts *c)
{
	add_sums(doc, s);
	json_begin_array(doc, "compressions");
	for (size_t i = 0; i < c->count; i++) {
		json_begin_object(doc, NULL);
		json_add_str(doc, "compression", c->items[i].name);
		json_add_number(doc, "entries", c->items[i].entries);
		json_add_number(doc, "fileSize", c->items[i].file_bytes);
		json_end(doc);
	}
	json_end(doc);
}

static void say_stats(const struct pool_sums *s, const struct encoding_counts *c)
{
	char size[HUMAN_MAX];

	say_line("%-20s%10zu", "entries", s->entries);
	say_line("%-20s%10s", "unpacked", human_size(size, s->nar_bytes));
	say_line("%-20s%10s", "in the pool", human_size(size, s->file_bytes));
	for (size_t i = 0; i < c->count; i++)
		say_line("  %-18s%10s  %zu %s", c->items[i].name,
			 human_size(size, c->items[i].file_bytes), c->items[i].entries,
			 plural(c->items[i].entries, "entry", "entries"));
	say_line("%-20s%10s  %zu", "partial downloads",
		 human_size(size, s->partial_bytes), s->partials);
}

static int run_pool_stats(struct pool_walk *w, const char *dir, struct nf_err *err)
{
	struct encoding_counts counts = { 0 };
	struct pool_sums sums = { 0 };
	struct free_space space = { 0 };
	char size[HUMAN_MAX];
	int rc = w->pool ? pool_sum(w->pool, &sums, err) : 0;

	if (!rc && w->pool)
		rc = pool_each(w->pool, count_encoding, &counts, err);
	if (!rc && w->pool)
		rc = free_space_of_path(&space, dir, err);
	if (rc)
		return rc;
	if (w->doc) {
		json_add_str(w->doc, "pool", dir);
		add_stats(w->doc, &sums, &counts);
		json_add_number(w->doc, "freeSize", space.bytes);
		json_print(w->doc, stdout);
	} else {
		say_stats(&sums, &counts);
		say_line("%-20s%10s", "free on the disk", human_size(size, space.bytes));
	}
	return 0;
}

/* Removes damaged entries, so that the next prefetch fetches them again. */
static int check_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct pool_walk *w = ctx;
	char path[NF_STOREPATH_TEXT_MAX];
	struct nf_err damage, why;
	int rc;

	rc = interrupt_check(err);
	if (rc)
		return rc;
	w->entries++;
	rc = pool_check_entry(w->pool, ni, &damage);
	progress_add(w->progress, PROGRESS_PATHS_DONE, 1);
	progress_add(w->progress, PROGRESS_BYTES_DONE, ni->file_size);
	if (!rc)
		return 0;
	if (rc != -NF_E_HASH && rc != -NF_E_FORMAT && rc != -NF_E_MISSING) {
		*err = damage;
		return rc;
	}
	w->rotten++;
	nf_storepath_format(path, &ni->info.path);
	rc = pool_remove(w->pool, ni, &why);
	if (rc == -NF_E_INTR) {
		*err = why;
		return rc;
	}
	if (rc) {
		w->left++;
		ui_warn(w->ui, "cannot remove '%s' (%s): %s", path, damage.text,
			why.text);
		return 0;
	}
	ui_warn(w->ui, "removed '%s': %s", path, damage.text);
	if (w->doc)
		json_add_str(w->doc, NULL, path);
	return 0;
}

static int run_pool_check(struct pool_walk *w, struct nf_err *err)
{
	int rc = 0;

	w->progress = ui_progress_start(w->ui);
	progress_phase(w->progress, "checking");
	if (w->doc)
		json_begin_array(w->doc, "removed");
	if (w->pool)
		rc = pool_each(w->pool, check_entry, w, err);
	ui_progress_stop(w->ui);
	if (rc)
		return rc;
	if (w->doc) {
		json_end(w->doc);
		json_add_number(w->doc, "checked", w->entries);
		json_add_number(w->doc, "left", w->left);
		json_print(w->doc, stdout);
	} else {
		say_line("checked %zu %s, %zu %s damaged", w->entries,
			 plural(w->entries, "entry", "entries"), w->rotten,
			 plural(w->rotten, "was", "were"));
	}
	if (w->left)
		return err_set(err, NF_E_HASH,
			       "%zu damaged %s found, %zu could not be removed",
			       w->rotten, plural(w->rotten, "entry was", "entries were"),
			       w->left);
	if (w->rotten)
		return err_set(err, NF_E_HASH, "%zu damaged %s removed", w->rotten,
			       plural(w->rotten, "entry was", "entries were"));
	return 0;
}

static int run_pool_path(const char *dir, struct json_doc *doc)
{
	if (!doc) {
		say_value(dir);
		return 0;
	}
	json_add_str(doc, "pool", dir);
	json_print(doc, stdout);
	return 0;
}

static int run_on_pool(struct pool_walk *w, const struct cmd_args *args, const char *dir,
		       struct nf_err *err)
{
	AUTO(pool_freep) struct pool *pool = NULL;
	int rc = cmd_pool_open(&pool, dir, args, w->ui, err);

	if (rc)
		return rc;
	w->pool = pool;
	if (strcmp(cmd_args_get(args, 0), "list") == 0)
		return run_pool_list(w, err);
	if (strcmp(cmd_args_get(args, 0), "stats") == 0)
		return run_pool_stats(w, dir, err);
	return run_pool_check(w, err);
}

static int run_pool(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(json_doc_freep)
	struct json_doc *doc = cmd_args_flag(args, "json") ? json_doc_new() : NULL;
	const char *what = cmd_args_get(args, 0);
	bool is_gc = strcmp(what, "gc") == 0;
	AUTO_FREE char *dir = NULL;
	struct pool_walk walk = { .ui = ui, .doc = doc };
	int rc = 0;

	if (!is_gc)
		rc = cmd_pool_gc_refuse(args, what, err);
	if (!rc)
		rc = options_pool_dir(&dir, args, err);
	if (rc)
		return rc;
	if (strcmp(what, "path") == 0) {
		/* Nothing is parsed, with or without a sandbox. */
		(void)cmd_args_flag(args, "no-sandbox");
		return run_pool_path(dir, doc);
	}
	return is_gc ? cmd_pool_gc_run(dir, args, doc, ui, err)
		     : run_on_pool(&walk, args, dir, err);
}

const struct command cmd_pool = {
	.name = "pool",
	.args = "path|list|stats|check|gc",
	.summary = "manage the pool of verified NARs",
	.text = "The pool keeps NARs that were fetched and verified. It is itself a "
		"binary cache, which Nix can use as file://DIR.\n"
		"\n"
		"  path   print its directory\n"
		"  list   list its entries (unpacked size, size in the pool, path) and totals\n"
		"  stats  print totals, by compression, and the free space\n"
		"  check  compare each file with its checksum, and remove damaged ones, so that\n"
		"         the next prefetch fetches them again; the exit status is then 5\n"
		"  gc     remove partial downloads and files without an entry that are older\n"
		"         than 7 days, and the entries that the options select",
	.groups =
		(const struct cmd_option_group *const[]){ &cmd_pool_gc_group,
							  &options_pool, &options_sandbox,
							  &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_WORDS,
	.words = "path list stats check gc",
	.run = run_pool,
};
