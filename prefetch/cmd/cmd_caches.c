#include "cmd/network_commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "caches/history.h"
#include "caches/probe.h"
#include "cmd/cache_options.h"
#include "cmd/caches_view.h"
#include "cmd/network_sandbox.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "cmd/ui.h"
#include "store/local_store.h"

#define SYSTEM "/run/current-system"
/* The timeouts of nix.conf may be unlimited. */
#define TIMEOUT_MAX_MS 15000

struct caches {
	struct probe_options probe;
	struct fetch_options transfers;
	struct nix_settings settings;
	struct substituter_list substituters;
	struct credentials *credentials;
	struct nf_keyring *keys;
	struct nf_storepath samples[PROBE_SAMPLES_MAX];
	size_t sample_count;
	struct probe_report *reports;
	struct history known;
	char *history_file; /* or NULL */
};

static void caches_release(struct caches *c)
{
	for (size_t i = 0; c->reports && i < c->substituters.count; i++)
		probe_report_release(&c->reports[i]);
	free(c->reports);
	substituter_list_release(&c->substituters);
	nix_settings_release(&c->settings);
	credentials_free(c->credentials);
	nf_keyring_free(c->keys);
	history_release(&c->known);
	free(c->history_file);
}

/* ---- the sample ---- */

static void add_sample(struct caches *c, const struct nf_storepath *path)
{
	if (c->sample_count < PROBE_SAMPLES_MAX)
		c->samples[c->sample_count++] = *path;
}

static int add_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct caches *c = ctx;

	(void)err;
	add_sample(c, &ni->info.path);
	return c->sample_count == PROBE_SAMPLES_MAX;
}

/* Paths that were fetched before are a good sample. */
static void add_pool_entries(struct caches *c, const struct cmd_args *args)
{
	AUTO(pool_freep) struct pool *pool = NULL;

	if (options_open_pool_read(&pool, args, NULL) == 0 &&
	    pool_each(pool, add_entry, c, NULL))
		return; /* enough of them, or the pool cannot be read */
}

/* No cache has a system itself, but caches have its references. */
static void add_local_references(struct caches *c)
{
	AUTO(local_store_freep) struct local_store *store = NULL;
	struct nf_storepath path;
	struct nf_pathinfo info;
	size_t named = c->sample_count;

	if (local_store_open(&store, "/", NULL))
		return;
	for (size_t i = 0; i < named; i++) {
		if (local_store_find(store, &c->samples[i], &info, NULL) == 0)
			for (size_t j = 0; j < info.nrefs; j++)
				if (!nf_storepath_parse_base(&path, info.refs[j], NULL))
					add_sample(c, &path);
		nf_pathinfo_release(&info);
	}
}

static int read_samples(struct caches *c, const struct cmd_args *args, struct nf_err *err)
{
	struct installable t;
	const char *text;
	int rc;

	for (size_t i = 0; (text = cmd_args_nth(args, "sample", i)); i++) {
		rc = installable_resolve(&t, nf_slice_str(text), err);
		if (rc)
			return rc;
		add_sample(c, &t.path);
		installable_release(&t);
	}
	if (c->sample_count == 0)
		add_pool_entries(c, args);
	else
		add_local_references(c);
	if (c->sample_count == 0 &&
	    installable_resolve(&t, NF_SLICE_LIT(SYSTEM), NULL) == 0) {
		add_sample(c, &t.path);
		installable_release(&t);
		add_local_references(c);
	}
	return 0;
}

/* ---- options ---- */

/* Reject options that would have no effect. */
static int check_options(const struct cmd_args *args, struct nf_err *err)
{
	static const char *const lists[] = { "substituter", "extra-substituter" };

	for (size_t i = 0; i < ARRAY_SIZE(lists) && cmd_args_count(args); i++)
		if (cmd_args_is_given(args, lists[i]))
			return err_set(
				err, NF_E_USAGE,
				"option '--%s': name the caches to query as arguments",
				lists[i]);
	if (cmd_args_is_given(args, "sample") && cmd_args_is_given(args, "pool"))
		return err_set(
			err, NF_E_USAGE,
			"options '--pool' and '--sample' exclude each other: the sample is taken from the pool, or named");
	return 0;
}

static int read_options(struct caches *c, const struct cmd_args *args, struct ui *ui,
			struct nf_err *err)
{
	struct nix_settings *s = &c->settings;
	int rc;

	rc = check_options(args, err);
	if (!rc)
		rc = nix_settings_load(s, err);
	if (!rc)
		rc = cache_options_transfers(&c->transfers, args, s, err);
	if (!rc && cmd_args_count(args))
		rc = cache_options_named(&c->substituters, args, s, err);
	else if (!rc)
		rc = cache_options_substituters(&c->substituters, args, s, err);
	if (!rc)
		rc = cache_options_credentials(&c->credentials, &c->substituters, args, s,
					       err);
	if (!rc)
		rc = options_keyring(&c->keys, args, s, err);
	if (!rc)
		rc = read_samples(c, args, err);
	if (!rc && c->substituters.count == 0)
		rc = err_set(err, NF_E_USAGE, "no cache is configured");
	if (!rc)
		options_tell_notes(s, ui);
	return rc;
}

static void prepare(struct caches *c)
{
	struct probe_options *p = &c->probe;

	*p = (struct probe_options){
		.substituters = c->substituters.items,
		.substituter_count = c->substituters.count,
		.keys = c->keys,
		.samples = c->samples,
		.sample_count = c->sample_count,
		.http = c->transfers.http,
	};
	p->http.credentials = c->credentials;
	if (p->http.connect_timeout_ms > TIMEOUT_MAX_MS)
		p->http.connect_timeout_ms = TIMEOUT_MAX_MS;
	c->reports = mem_calloc(p->substituter_count, sizeof(c->reports[0]));
}

/* ---- history ---- */

/* A throughput that a rate limit has determined says nothing about the cache. */
static void learn(const struct probe_report *r, struct history *known, bool limited,
		  int64_t now)
{
	struct history_entry e = { 0 };

	if (r->answered)
		history_answered(&e, now);
	if (r->cause)
		history_failed(&e, now, !r->answered, nf_slice_str(r->cause));
	history_measured(&e, now, r->latency_us, limited ? 0 : r->throughput);
	history_learn(known, r->conf->url, &e);
}

/* Another run may have written the file since: merge into its current content. */
static int remember(const struct caches *c, struct nf_err *err)
{
	AUTO(history_release) struct history known = HISTORY_INIT;
	int64_t now = time(NULL);
	bool limited = rate_schedule_lowest(&c->probe.http.limit) != 0;
	int rc;

	if (!c->history_file)
		return 0;
	rc = history_load(&known, c->history_file, now, err);
	for (size_t i = 0; !rc && i < c->substituters.count; i++)
		learn(&c->reports[i], &known, limited, now);
	return rc ? rc : history_save(&known, c->history_file, err);
}

/* A query works without saving anything. */
static bool is_read_only(const struct nf_err *lost)
{
	return lost->sys_errno == EROFS || lost->sys_errno == EACCES ||
	       lost->sys_errno == EPERM;
}

/* ---- the command ---- */

static void print(const struct caches *c, const struct cmd_args *args)
{
	const struct caches_view view = {
		.reports = c->reports,
		.count = c->substituters.count,
		.before = &c->known,
		.now = time(NULL),
		.verbose = cmd_args_flag(args, "verbose"),
	};

	if (cmd_args_flag(args, "json")) {
		AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

		caches_view_json(doc, &view);
		json_print(doc, stdout);
	} else {
		AUTO_BUF struct buf out = { 0 };

		buf_init(&out, CACHES_VIEW_MAX);
		caches_view_text(&out, &view);
		say_text(buf_slice(&out));
	}
}

static int verdict(const struct caches *c, struct ui *ui, struct nf_err *err)
{
	size_t usable = 0, unknown = 0;

	for (size_t i = 0; i < c->substituters.count; i++) {
		const struct probe_report *r = &c->reports[i];

		usable += probe_report_usable(r);
		unknown += probe_report_usable(r) && r->found == 0;
	}
	if (unknown)
		ui_note(ui,
			"to see which keys sign the paths of a cache, use --sample INSTALLABLE");
	return usable ? 0 : err_set(err, NF_E_NET, "no cache can be used");
}

static int enter_sandbox(const struct caches *c, const struct cmd_args *args,
			 struct ui *ui, struct nf_err *err)
{
	struct fetch_options options = c->transfers;
	AUTO(sandbox_freep) struct sandbox *s = NULL;

	options.substituters = c->substituters.items;
	options.substituter_count = c->substituters.count;
	options.history = c->history_file;
	s = network_sandbox_new(&options, SANDBOX_READ, NULL);
	return sandbox_options_enter(s, args, ui, err);
}

static int run_caches(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(caches_release) struct caches c = { 0 };
	struct nf_err lost;
	int rc;

	rc = read_options(&c, args, ui, err);
	if (rc)
		return rc;
	prepare(&c);
	c.history_file = history_default_file();
	if (c.history_file && history_load(&c.known, c.history_file, time(NULL), NULL))
		c.known = (struct history)HISTORY_INIT; /* remember reports */
	rc = enter_sandbox(&c, args, ui, err);
	if (!rc)
		rc = probe_run(c.reports, &c.probe, err);
	if (rc)
		return rc;
	print(&c, args);
	if (remember(&c, &lost) && !is_read_only(&lost))
		ui_warn(ui, "cannot save the history of the caches: %s", lost.text);
	return verdict(&c, ui, err);
}

static const struct cmd_option options[] = {
	{ .name = "sample",
	  .value = "INSTALLABLE",
	  .help = "query the narinfos of this path and of its references; default: "
		  "paths of the pool, or the running system",
	  .kind = CMD_VALUE_INSTALLABLE,
	  .repeatable = true },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_caches = {
	.name = "caches",
	.args = "[URL...]",
	.summary = "check each cache: reachability, speed, keys",
	.text = "Queries every configured cache, or each URL, and shows whether it "
		"can be reached, how fast it is, what it serves, which keys sign "
		"that, whether they are trusted, and how to remedy what is wrong. "
		"The exit status is 0 if at least one cache can be used, else 6.\n"
		"\n"
		"  USED      yes: NARs are fetched from it, more of them the faster it is\n"
		"  LATENCY   time from a request to the first byte of the response\n"
		"  SPEED     measured on part of one NAR of the sample\n"
		"  PRIORITY  lower numbers are preferred where speed makes no difference\n"
		"  HAS       how many paths of the sample it has",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_caches,
							    &options_keys, &options_pool,
							    &options_sandbox,
							    &options_common, NULL },
	.min_args = 0,
	.max_args = SIZE_MAX,
	.kind = CMD_VALUE_CACHE,
	.run = run_caches,
};
