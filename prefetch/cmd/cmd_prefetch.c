#include "cmd/network_commands.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cache_options.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/run_report.h"
#include "cmd/store_options.h"
#include "cmd/ui.h"
#include "cmd/wanted.h"
#include "net/fetch.h"
#include "pool/pack.h"

/* What the options and arguments came to. */
struct prefetch {
	struct fetch_options fetch;
	struct cache_setup caches;
	struct target_names targets;
	struct wanted wanted;
	struct nf_secret_key *sign_key; /* NULL without an output */
	struct pool *pool;
	struct local_store *store; /* NULL: none */
	const char *output;
	bool build_inputs;
	bool json;
};

static void prefetch_release(struct prefetch *p)
{
	wanted_release(&p->wanted);
	target_names_release(&p->targets);
	cache_setup_release(&p->caches);
	nf_secret_key_free(p->sign_key);
	pool_free(p->pool);
	local_store_free(p->store);
}

static int check_output(const struct prefetch *p, struct nf_err *err)
{
	if (!p->output || strcmp(p->output, "-") != 0)
		return 0;
	if (p->json)
		return err_set(err, NF_E_USAGE,
			       "--json and --output - both want standard output");
	if (isatty(STDOUT_FILENO))
		return err_set(err, NF_E_USAGE,
			       "standard output is a terminal: redirect it, or give "
			       "--output BUNDLE");
	return 0;
}

/* nix.conf, and the options that go before it. */
static int read_options(struct prefetch *p, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	struct fetch_options *f = &p->fetch;
	int rc;

	p->output = cmd_args_value(args, "output");
	p->json = cmd_args_flag(args, "json");
	p->build_inputs = cmd_args_flag(args, "with-build-inputs");
	f->keep_going = cmd_args_flag(args, "keep-going");
	f->dry_run = cmd_args_flag(args, "dry-run");
	rc = check_output(p, err);
	if (!rc)
		rc = options_job_count(&f->jobs, args, err);
	if (!rc)
		rc = options_level(&f->level, args, err);
	if (!rc)
		rc = cache_setup_read(&p->caches, f, args, ui, err);
	if (!rc && p->output)
		rc = options_sign_key(&p->sign_key, args, err);
	if (!rc)
		rc = options_target_names(&p->targets, args, err);
	if (!rc)
		rc = options_open_pool(&p->pool, args, err);
	if (!rc)
		rc = store_options_open(&p->store, args, ui, err);
	f->pool = p->pool;
	return rc;
}

/* Outputs that are valid here count as being there; then the store is one of the sources.
 */
static int find_wanted(struct prefetch *p, struct nf_err *err)
{
	const struct wanted_options opts = {
		.fetch = &p->fetch,
		.store = p->store,
		.build_inputs = p->build_inputs,
		.always_substitute = p->caches.settings.always_allow_substitutes,
	};
	int rc = wanted_find(&p->wanted, &p->targets, &opts, err);

	p->fetch.store = p->store;
	p->fetch.targets = p->wanted.paths;
	p->fetch.target_count = p->wanted.count;
	if (!rc && p->wanted.unknown && !p->fetch.keep_going)
		rc = wanted_verdict(&p->wanted, err);
	return rc;
}

static int fetch(struct prefetch *p, struct fetch_result *result, struct nf_err *err)
{
	int rc = find_wanted(p, err);

	*result = (struct fetch_result){ 0 };
	if (!rc)
		rc = fetch_closure(&p->fetch, result, err);
	return rc ? rc : wanted_verdict(&p->wanted, err);
}

static void add_failures(struct json_doc *doc, const struct fetch_result *r)
{
	json_begin_array(doc, "failures");
	for (size_t i = 0; i < r->failure_count; i++) {
		json_begin_object(doc, NULL);
		json_add_str(doc, "path", r->failures[i].path);
		json_add_str(doc, "class", nf_error_name(r->failures[i].code));
		json_add_str(doc, "cause", r->failures[i].text);
		json_end(doc);
	}
	json_end(doc);
}

static void report_json(const struct prefetch *p, const struct fetch_result *r,
			const struct pack_result *packed, int rc)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	json_add_bool(doc, "complete", rc == 0);
	json_add_number(doc, "paths", r->paths);
	json_add_number(doc, "inPool", r->in_pool);
	json_add_number(doc, "inStore", r->in_store);
	json_add_number(doc, "fetched", r->fetched);
	json_add_number(doc, "dumped", r->dumped);
	json_add_number(doc, "narSize", r->nar_bytes);
	json_add_number(doc, "downloadSize", r->to_fetch_bytes);
	json_add_number(doc, "downloadedBytes", r->fetched_bytes);
	json_add_number(doc, "resumedBytes", r->resumed_bytes);
	wanted_add_json(&p->wanted, doc);
	run_report_add_json(doc, r);
	add_failures(doc, r);
	if (packed) {
		json_add_str(doc, "bundle", p->output);
		json_add_number(doc, "bundleSize", packed->bundle_bytes);
	}
	json_print(doc, stdout);
}

/* A line for people: on stdout, unless the bundle goes there. */
static void say(const struct prefetch *p, struct ui *ui, const char *line)
{
	if (p->output && strcmp(p->output, "-") == 0)
		ui_note(ui, "%s", line);
	else
		printf("%s\n", line);
}

static void report_text(const struct prefetch *p, struct ui *ui,
			const struct fetch_result *r, const struct pack_result *packed)
{
	char size[HUMAN_MAX], nar[HUMAN_MAX], store[64] = "", line[512];

	human_size(nar, r->nar_bytes);
	if (p->fetch.dry_run) {
		human_size(size, r->to_fetch_bytes);
		if (r->in_store)
			snprintf(store, sizeof(store), "%zu in the store, ", r->in_store);
		snprintf(line, sizeof(line),
			 "%zu paths (%s): %zu in the pool, %s%zu to fetch (%s)", r->paths,
			 nar, r->in_pool, store, r->paths - r->in_pool - r->in_store,
			 size);
	} else {
		human_size(size, r->fetched_bytes);
		if (r->dumped)
			snprintf(store, sizeof(store), "%zu from the store, ", r->dumped);
		snprintf(line, sizeof(line),
			 "%zu paths (%s): %zu were in the pool, %s%zu fetched (%s)",
			 r->paths, nar, r->in_pool, store, r->fetched, size);
	}
	say(p, ui, line);
	if (p->wanted.build_count) {
		snprintf(line, sizeof(line), "%zu derivations are left to be built",
			 p->wanted.build_count);
		say(p, ui, line);
	}
	if (!packed)
		return;
	human_size(size, packed->bundle_bytes);
	snprintf(line, sizeof(line), "packed as %s: %s", size, p->output);
	say(p, ui, line);
}

/* All but the gravest failure, which is the command's error; a long list is cut. */
#define FAILURES_SHOWN 20

static void tell_failures(struct ui *ui, const struct fetch_result *r)
{
	for (size_t i = 0; i < r->failure_count && i < FAILURES_SHOWN; i++)
		ui_warn(ui, "path '%s': %s", r->failures[i].path, r->failures[i].text);
	if (r->failure_count > FAILURES_SHOWN)
		ui_warn(ui, "and %zu more paths (--json lists all)",
			r->failure_count - FAILURES_SHOWN);
}

static int pack(const struct prefetch *p, struct pack_result *packed, struct nf_err *err)
{
	const struct pack_options opts = {
		.roots = p->wanted.paths,
		.root_count = p->wanted.count,
		.key = p->sign_key,
		.level = p->fetch.level,
		.jobs = p->fetch.jobs,
		.progress = p->fetch.progress,
	};

	return pack_bundle(p->pool, p->output, &opts, packed, err);
}

static int run_prefetch(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(prefetch_release) struct prefetch p = { 0 };
	struct pack_result packed;
	struct fetch_result result;
	bool has_bundle;
	int rc;

	rc = read_options(&p, args, ui, err);
	if (rc)
		return rc;
	p.fetch.progress = ui_progress_start(ui);
	rc = fetch(&p, &result, err);
	has_bundle = !rc && p.output && !p.fetch.dry_run;
	if (has_bundle)
		rc = pack(&p, &packed, err);
	ui_progress_stop(ui);
	if (rc && result.failure_count > 1)
		tell_failures(ui, &result);
	run_report_tell_disputes(ui, &result);
	if (p.json)
		report_json(&p, &result, rc ? NULL : has_bundle ? &packed : NULL, rc);
	else if (!rc)
		report_text(&p, ui, &result, has_bundle ? &packed : NULL);
	if (!p.json)
		run_report_tell_caches(ui, &result);
	fetch_result_release(&result);
	return rc;
}

static const struct cmd_option options[] = {
	{ "output", 'o', "BUNDLE",
	  "also pack a bundle into this file; - is standard output", CMD_VALUE_FILE, NULL,
	  false },
	{ "keep-going", 'k', NULL, "fetch what can be had although some path cannot", 0,
	  NULL, false },
	{ "dry-run", 'n', NULL, "resolve and say what would be fetched, fetch nothing", 0,
	  NULL, false },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_prefetch = {
	.name = "prefetch",
	.args = "TARGET...",
	.summary = "fetch a closure into the pool, and pack it",
	.text = "Finds everything that each TARGET needs, takes what the pool lacks from "
		"the live "
		"store or else from the caches, verifies it and keeps it in the pool; "
		"with "
		"--output also packs it into one signed bundle. Of a derivation the "
		"outputs are "
		"fetched or, where no cache has them, what it takes to build them. "
		"Interrupted, the same "
		"command "
		"goes on from where it was.\n"
		"\n" OPTIONS_TARGET_TEXT,
	.groups =
		(const struct cmd_option_group *const[]){
			&group, &wanted_group, &options_pack, &options_caches,
			&options_keys, &options_stores, &options_targets, &options_pool,
			&options_jobs, &options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_FILE,
	.run = run_prefetch,
};
