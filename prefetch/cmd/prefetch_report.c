#include "cmd/prefetch_report.h"

#include <stdio.h>

#include "base/plural.h"
#include "base/slice.h"
#include "cmd/human.h"
#include "cmd/import_report.h"
#include "cmd/json.h"
#include "cmd/key_report.h"
#include "cmd/run_report.h"
#include "cmd/say.h"
#include "pool/pack_output.h"

/* Whether what the target store has is not fetched. */
static bool asks_target(const struct prefetch *p)
{
	return p->fetch.intake || p->fetch.daemon;
}

static bool fills_target(const struct prefetch *p)
{
	return p->target.root && !p->fetch.dry_run;
}

static struct import_report import_report(const struct prefetch *p)
{
	return (struct import_report){
		.result = &p->imported,
		.root = p->target.root,
		.toplevel = p->requested.count == 1 ? p->requested.paths : NULL,
	};
}

static void add_import(const struct prefetch *p, struct json_doc *doc)
{
	const struct import_report r = import_report(p);

	json_begin_object(doc, "import");
	import_report_add_json(&r, doc);
	json_end(doc);
}

void prefetch_report_json(const struct prefetch *p, const struct ui *ui,
			  const struct fetch_result *r, int rc)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	json_add_bool(doc, "complete", rc == 0);
	json_add_number(doc, "paths", r->paths);
	if (asks_target(p))
		json_add_number(doc, "inTarget", r->present);
	if (p->have)
		json_add_number(doc, "requiredPaths", r->present);
	json_add_number(doc, "inPool", r->in_pool);
	json_add_number(doc, "inStore", r->in_store);
	json_add_number(doc, "fetched", r->fetched);
	if (p->fetch.intake)
		json_add_number(doc, "fromPool", r->from_pool);
	json_add_number(doc, "dumped", r->dumped);
	json_add_number(doc, "narSize", r->nar_bytes);
	json_add_number(doc, "downloadSize", r->to_fetch_bytes);
	json_add_number(doc, "downloadedBytes", r->fetched_bytes);
	json_add_number(doc, "resumedBytes", r->resumed_bytes);
	json_add_number(doc, "elapsedMilliseconds", (uint64_t)(1000 * ui_elapsed(ui)));
	requested_add_json(&p->requested, doc);
	run_report_add_json(doc, r);
	run_report_add_failures(doc, r);
	fetched_bundle_add_json(&p->bundle, doc);
	if (fills_target(p))
		add_import(p, doc);
	nix_conf_options_add_json(&p->conf, doc);
	json_print(doc, stdout);
}

/* The summary goes to stdout, unless the bundle does. */
static void say(const struct prefetch *p, struct ui *ui, const struct buf *text)
{
	if ((p->output && pack_output_is_stdout(p->output)) ||
	    nix_conf_options_take_stdout(&p->conf))
		ui_note_lines(ui, buf_slice(text));
	else
		say_text(buf_slice(text));
}

void prefetch_report_text(const struct prefetch *p, struct ui *ui,
			  const struct fetch_result *r)
{
	const struct run_counts counts = {
		.result = r,
		.root = asks_target(p) ? p->target.root : NULL,
		.dry_run = p->fetch.dry_run,
		.has_have = p->have != NULL,
		.fills_store = p->fetch.intake != NULL,
	};
	AUTO_BUF struct buf text = { 0 };
	char size[HUMAN_MAX];

	buf_init(&text, 2 * IMPORT_REPORT_MAX + KEY_REPORT_MAX);
	buf_addf(&text, "%zu %s (%s): ", r->paths, plural(r->paths, "path", "paths"),
		 human_size(size, r->nar_bytes));
	run_report_add_counts(&text, &counts);
	if (p->requested.build_count)
		buf_addf(&text, "%zu %s left to be built\n", p->requested.build_count,
			 plural(p->requested.build_count, "derivation is",
				"derivations are"));
	if (p->bundle.is_written) {
		buf_addf(&text, "packed as %s: ",
			 human_size(size, p->bundle.packed.bundle_bytes));
		human_clean(&text, nf_slice_str(p->output));
		buf_add_char(&text, '\n');
		key_report_add_text(&text, p->bundle.packed.own_key,
				    &p->bundle.packed.needs);
	}
	if (fills_target(p)) {
		const struct import_report imported = import_report(p);

		import_report_add_text(&imported, &text);
	}
	say(p, ui, &text);
	nix_conf_options_print(&p->conf);
}

void prefetch_report_failure(const struct prefetch *p, struct ui *ui,
			     const struct fetch_result *result, int rc)
{
	if (result->failure_count > 1 ||
	    (result->failure_count && result->failures[0].code != -rc))
		run_report_tell_failures(ui, result);
	if (rc == -NF_E_NET && !p->fetch.retry_for_ms)
		ui_note(ui,
			"to continue, run the same command again; add --retry-for 2h to wait for the caches");
	if (p->imported.imported)
		ui_note(ui, "%zu %s imported into '%s'; the same command continues",
			p->imported.imported,
			plural(p->imported.imported, "path was", "paths were"),
			p->target.root);
}
