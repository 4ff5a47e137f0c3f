#include <stdio.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/plural.h"
#include "base/progress.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/ui.h"

#define DAY_SECONDS  86400
#define DAYS_MAX     36500
#define DAYS_DEFAULT 7

struct walk {
	struct pool *pool;
	struct ui *ui;
	struct json_doc *doc; /* NULL: for people */
	struct progress *progress;
	size_t entries;
	size_t rotten;
};

static int list_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct walk *w = ctx;
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
		printf("%10s %10s  %s\n", human_size(unpacked, ni->info.nar_size),
		       human_size(packed, ni->file_size), path);
	}
	return 0;
}

static int run_pool_list(struct walk *w, struct nf_err *err)
{
	int rc;

	if (w->doc)
		json_begin_array(w->doc, "paths");
	rc = pool_each(w->pool, list_entry, w, err);
	if (!rc && w->doc) {
		json_end(w->doc);
		json_print(w->doc, stdout);
	}
	return rc;
}

/* What has rotted is removed, so that the next prefetch fetches it anew. */
static int check_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct walk *w = ctx;
	char path[NF_STOREPATH_TEXT_MAX];
	struct nf_err damage;
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
	ui_warn(w->ui, "removed '%s': %s", path, damage.text);
	if (w->doc)
		json_add_str(w->doc, NULL, path);
	return pool_remove(w->pool, ni, err);
}

static int run_pool_check(struct walk *w, struct nf_err *err)
{
	int rc;

	w->progress = ui_progress_start(w->ui);
	progress_phase(w->progress, "checking");
	if (w->doc)
		json_begin_array(w->doc, "removed");
	rc = pool_each(w->pool, check_entry, w, err);
	ui_progress_stop(w->ui);
	if (rc)
		return rc;
	if (w->doc) {
		json_end(w->doc);
		json_add_number(w->doc, "checked", w->entries);
		json_print(w->doc, stdout);
	} else {
		printf("checked %zu %s, %zu %s damaged\n", w->entries,
		       plural(w->entries, "entry", "entries"), w->rotten,
		       plural(w->rotten, "was", "were"));
	}
	if (w->rotten)
		return err_set(err, NF_E_HASH, "%zu damaged %s removed", w->rotten,
			       plural(w->rotten, "entry was", "entries were"));
	return 0;
}

static int run_pool_gc(struct walk *w, uint64_t days, struct nf_err *err)
{
	char size[HUMAN_MAX];
	uint64_t freed = 0;
	int rc;

	rc = pool_gc(w->pool, (int64_t)days * DAY_SECONDS, &freed, err);
	if (rc)
		return rc;
	if (w->doc) {
		json_add_number(w->doc, "freed", freed);
		json_print(w->doc, stdout);
	} else {
		printf("freed %s\n", human_size(size, freed));
	}
	return 0;
}

static int run_pool_path(const char *dir, struct json_doc *doc)
{
	if (!doc) {
		printf("%s\n", dir);
		return 0;
	}
	json_add_str(doc, "pool", dir);
	json_print(doc, stdout);
	return 0;
}

static int run_pool(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(json_doc_freep)
	struct json_doc *doc = cmd_args_flag(args, "json") ? json_doc_new() : NULL;
	const char *what = cmd_args_get(args, 0);
	AUTO(pool_freep) struct pool *pool = NULL;
	AUTO_FREE char *dir = NULL;
	struct walk walk = { .ui = ui, .doc = doc };
	uint64_t days;
	int rc;

	rc = cmd_args_number(args, "older-than", 0, DAYS_MAX, DAYS_DEFAULT, &days, err);
	if (!rc)
		rc = options_pool_dir(&dir, args, err);
	if (!rc && strcmp(what, "path") == 0)
		return run_pool_path(dir, doc);
	if (!rc)
		rc = pool_open(&pool, dir, err);
	if (rc)
		return rc;
	walk.pool = pool;
	if (strcmp(what, "list") == 0)
		return run_pool_list(&walk, err);
	if (strcmp(what, "check") == 0)
		return run_pool_check(&walk, err);
	return run_pool_gc(&walk, days, err);
}

static const struct cmd_option options[] = {
	{ "older-than", 0, "DAYS", "gc: leave what is younger than this; default: 7", 0,
	  NULL, false },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_pool = {
	.name = "pool",
	.args = "path|list|check|gc",
	.summary = "look after the directory of verified NARs",
	.text = "The pool keeps what was fetched and verified. It is itself a binary "
		"cache that "
		"Nix can use as file://DIR.\n"
		"\n"
		"  path   print its directory\n"
		"  list   its entries: unpacked size, size in the pool, path\n"
		"  check  compare each file with its checksum; what is damaged is "
		"removed, so\n"
		"         that the next prefetch fetches it again, and the exit status "
		"is 5\n"
		"  gc     remove partial downloads and files without an entry",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_pool,
							    &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_WORDS,
	.words = "path list check gc",
	.run = run_pool,
};
