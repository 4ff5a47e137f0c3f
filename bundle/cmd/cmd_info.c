#include <nixferry/trust.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/plural.h"
#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/key_report.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"
#include "format/key_needs.h"

struct totals {
	struct bundle_input *in;
	struct key_survey *survey; /* created for the first path */
	uint64_t paths;
	uint64_t nar_bytes;
	uint64_t patches;   /* number of paths whose NAR is one */
	uint64_t untrusted; /* number of paths that the reader's keys do not vouch for */
	struct nf_keyring *own; /* the key that signed the bundle */
	struct nf_key_needs needs;
};

static void totals_release(struct totals *t)
{
	key_survey_free(t->survey);
	nf_keyring_free(t->own);
	nf_key_needs_release(&t->needs);
}

static void begin_survey(struct totals *t)
{
	struct key_survey_rings rings = { .others = { t->in->told.told, t->in->keys } };

	rings.own = t->own = nf_keyring_new();
	(void)!nf_keyring_add(t->own, nf_slice_str(nf_bundle_signing_key(t->in->bundle)),
			      NULL);
	t->survey = key_survey_new(&rings);
}

static int count_path(void *ctx, const struct nf_narinfo *ni,
		      const struct nf_bundle_member *nar, struct nf_err *err)
{
	struct totals *t = ctx;
	struct nf_trusted trusted;
	struct nf_pathinfo info;

	(void)err;
	if (!t->survey)
		begin_survey(t);
	t->paths++;
	t->patches += nar->base_count != 0;
	t->nar_bytes += ni->info.nar_size;
	key_survey_add(t->survey, &ni->info);
	nf_pathinfo_copy(&info, &ni->info);
	t->untrusted += nf_trust_pathinfo(&trusted, &info, t->in->keys, NULL) != 0;
	nf_pathinfo_release(&info);
	return 0;
}

static void add_signers(struct json_doc *doc, const struct bundle_input *in)
{
	json_add_str(doc, "bundle", in->name);
	json_begin_array(doc, "signers");
	for (size_t i = 0; i < in->signers.count; i++)
		json_add_str(doc, NULL, in->signers.names[i]);
	json_end(doc);
	json_add_bool(doc, "trusted", in->bundle != NULL);
}

/* Everything that may be shown of a bundle that no trusted key signed. */
static void print_untrusted(const struct bundle_input *in, bool json)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

	if (json) {
		add_signers(doc, in);
		json_print(doc, stdout);
		return;
	}
	say_line("%-12s%s", "bundle", in->name);
	for (size_t i = 0; i < in->signers.count; i++)
		say_line("%-12s%s", "signer", in->signers.names[i]);
	say_line("%-12s%s", "trusted", "no");
}

static void add_terms(struct json_doc *doc, const struct nf_bundle *b)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);

	json_add_number(doc, "formatVersion", nf_bundle_version(b));
	if (t->series) {
		json_add_str(doc, "series", t->series);
		json_add_number(doc, "serial", t->serial);
	}
	if (t->expires)
		json_add_str(doc, "expires", t->expires);
	json_add_number(doc, "requiredPaths", t->required_count);
	json_begin_array(doc, "madeFrom");
	for (size_t i = 0; i < t->made_from_count; i++)
		json_add_str(doc, NULL, t->made_from[i]);
	json_end(doc);
}

static void print_terms(const struct nf_bundle *b)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);

	say_line("%-12s%u", "format", nf_bundle_version(b));
	if (t->series)
		say_line("%-12s%s, number %llu", "series", t->series,
			 (unsigned long long)t->serial);
	if (t->expires)
		say_line("%-12s%s", "expires", t->expires);
	if (t->required_count)
		say_line("%-12s%zu %s that the target must have", "requires",
			 t->required_count, plural(t->required_count, "path", "paths"));
	for (size_t i = 0; i < t->made_from_count; i++)
		say_line("%-12s%s", "made from", t->made_from[i]);
}

static void print_json(const struct bundle_input *in, const struct totals *t)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	char path[NF_STOREPATH_TEXT_MAX];

	add_signers(doc, in);
	json_add_str(doc, "signedBy", nf_bundle_signed_by(in->bundle));
	json_begin_array(doc, "trustedKeys");
	for (size_t i = 0; i < nf_bundle_trusted_key_count(in->bundle); i++)
		json_add_str(doc, NULL, nf_bundle_trusted_key(in->bundle, i));
	json_end(doc);
	json_begin_array(doc, "roots");
	for (size_t i = 0; i < nf_bundle_root_count(in->bundle); i++)
		json_add_str(doc, NULL,
			     nf_storepath_format(path, nf_bundle_root(in->bundle, i)));
	json_end(doc);
	add_terms(doc, in->bundle);
	json_add_number(doc, "paths", t->paths);
	json_add_number(doc, "patches", t->patches);
	json_add_number(doc, "bundleSize", nf_bundle_total_size(in->bundle));
	json_add_number(doc, "narSize", t->nar_bytes);
	json_add_number(doc, "untrustedPaths", t->untrusted);
	key_report_add_json(doc, nf_bundle_signing_key(in->bundle), &t->needs, in->keys);
	json_print(doc, stdout);
}

static void print_keys(const struct bundle_input *in, const struct totals *t)
{
	AUTO_BUF struct buf text = { 0 };

	for (size_t i = 0; i < t->needs.count; i++) {
		const struct nf_key_need *n = &t->needs.items[i];

		say_line("%-12s%s, for %zu %s: %s", "needs key", n->name, n->paths,
			 plural(n->paths, "path", "paths"),
			 key_report_is_trusted(in->keys, n->text) ? "trusted"
								  : "not trusted");
	}
	buf_init(&text, KEY_REPORT_MAX);
	key_report_add_text(&text, nf_bundle_signing_key(in->bundle), &t->needs);
	say_text(buf_slice(&text));
}

static void print_trusted(const struct nf_bundle *b)
{
	AUTO_BUF struct buf names = { 0 };

	buf_init(&names, MANIFEST_SIG_MAX);
	for (size_t i = 0; i < nf_bundle_trusted_key_count(b); i++) {
		const char *key = nf_bundle_trusted_key(b, i);

		buf_addf(&names, ", %.*s", (int)strcspn(key, ":"), key);
	}
	say_line("%-12syes%s", "trusted", names.ptr);
}

static void print_human(const struct bundle_input *in, const struct totals *t)
{
	char path[NF_STOREPATH_TEXT_MAX];
	char size[HUMAN_MAX];

	say_line("%-12s%s", "bundle", in->name);
	for (size_t i = 0; i < in->signers.count; i++)
		say_line("%-12s%s", "signer", in->signers.names[i]);
	print_trusted(in->bundle);
	for (size_t i = 0; i < nf_bundle_root_count(in->bundle); i++)
		say_line("%-12s%s", "root",
			 nf_storepath_format(path, nf_bundle_root(in->bundle, i)));
	print_terms(in->bundle);
	say_line("%-12s%llu", "paths", (unsigned long long)t->paths);
	if (t->patches)
		say_line("%-12s%llu of these, made from what is required", "patches",
			 (unsigned long long)t->patches);
	say_line("%-12s%s", "size", human_size(size, nf_bundle_total_size(in->bundle)));
	say_line("%-12s%s", "unpacked", human_size(size, t->nar_bytes));
	print_keys(in, t);
}

static int run_info(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = BUNDLE_INPUT_INIT;
	AUTO(sandbox_freep) struct sandbox *sandbox = sandbox_new();
	bool json = cmd_args_flag(args, "json");
	AUTO(totals_release) struct totals totals = { .in = &in };
	int rc;

	rc = bundle_input_open(&in, args, ui, sandbox, err);
	if (rc == -NF_E_TRUST)
		print_untrusted(&in, json);
	if (rc)
		return rc;
	rc = bundle_input_each_path(&in, count_path, &totals, err);
	if (rc)
		return rc;
	if (totals.survey)
		key_survey_finish(totals.survey, &totals.needs);
	if (json)
		print_json(&in, &totals);
	else
		print_human(&in, &totals);
	return 0;
}

const struct command cmd_info = {
	.name = "info",
	.args = "BUNDLE|-",
	.summary = "show the roots, sizes and signers of a bundle",
	.text = "Shows who signed BUNDLE and which of these keys are trusted, "
		"the paths for which it was made, the number and the size of all "
		"its paths, and the keys that an importer must trust. If no trusted "
		"key signed the bundle, only the names of its signers are shown, "
		"and the exit status is 4.",
	.groups =
		(const struct cmd_option_group *const[]){ &options_keys, &options_sandbox,
							  &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.run = run_info,
};
