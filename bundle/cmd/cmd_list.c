#include <stdio.h>

#include "cmd/bundle_input.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"
#include "cmd/say.h"

static int print_path(void *ctx, const struct nf_narinfo *ni,
		      const struct nf_bundle_member *nar, struct nf_err *err)
{
	char path[NF_STOREPATH_TEXT_MAX];
	char unpacked[HUMAN_MAX], packed[HUMAN_MAX];
	const struct bundle_input *in = ctx;
	const char *base =
		nar->base_count
			? nf_bundle_terms(in->bundle)->required[nar->bases[0]].path.base
			: NULL;

	(void)err;
	say_line("%10s %10s  %s%s%s", human_size(unpacked, ni->info.nar_size),
		 human_size(packed, nar->size), nf_storepath_format(path, &ni->info.path),
		 base ? ", a patch of " : "", base ? base : "");
	return 0;
}

struct path_list {
	struct json_doc *doc;
	const struct bundle_input *in;
};

static void add_reference(struct json_doc *doc, struct nf_slice base)
{
	char path[NF_STOREPATH_TEXT_MAX];

	snprintf(path, sizeof(path), NF_STORE_DIR "/%.*s", NF_SLICE_ARG(base));
	json_add_str(doc, NULL, path);
}

/* What a patch is made from. */
static void add_bases(struct json_doc *doc, const struct nf_bundle *b,
		      const struct nf_bundle_member *nar)
{
	const struct nf_bundle_required *required = nf_bundle_terms(b)->required;
	char path[NF_STOREPATH_TEXT_MAX];

	json_begin_array(doc, "madeFrom");
	for (unsigned i = 0; i < nar->base_count; i++)
		json_add_str(doc, NULL,
			     nf_storepath_format(path, &required[nar->bases[i]].path));
	json_end(doc);
}

static int add_path(void *ctx, const struct nf_narinfo *ni,
		    const struct nf_bundle_member *nar, struct nf_err *err)
{
	const struct path_list *l = ctx;
	struct json_doc *doc = l->doc;
	char path[NF_STOREPATH_TEXT_MAX];
	char hash[NF_HASH_TEXT_MAX];

	(void)err;
	json_begin_object(doc, NULL);
	json_add_str(doc, "path", nf_storepath_format(path, &ni->info.path));
	json_add_str(doc, "narHash", nf_hash_format(hash, &ni->info.nar_hash, NF_SRI));
	json_add_number(doc, "narSize", ni->info.nar_size);
	json_add_number(doc, "bundleSize", nar->size);
	json_add_slice(doc, "compression", ni->compression);
	if (nar->base_count)
		add_bases(doc, l->in->bundle, nar);
	json_begin_array(doc, "references");
	for (size_t i = 0; i < ni->info.nrefs; i++)
		add_reference(doc, ni->info.refs[i]);
	json_end(doc);
	json_begin_array(doc, "signatures");
	for (size_t i = 0; i < ni->info.nsigs; i++)
		json_add_slice(doc, NULL, ni->info.sigs[i]);
	json_end(doc);
	json_end(doc);
	return 0;
}

static void add_required(struct json_doc *doc, const struct nf_bundle *b)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);
	char path[NF_STOREPATH_TEXT_MAX];
	char hash[NF_HASH_TEXT_MAX];

	json_begin_array(doc, "requires");
	for (size_t i = 0; i < t->required_count; i++) {
		const struct nf_bundle_required *r = &t->required[i];

		json_begin_object(doc, NULL);
		json_add_str(doc, "path", nf_storepath_format(path, &r->path));
		json_add_str(doc, "narHash", nf_hash_format(hash, &r->nar_hash, NF_SRI));
		json_end(doc);
	}
	json_end(doc);
}

static void print_required(const struct nf_bundle *b)
{
	const struct nf_bundle_terms *t = nf_bundle_terms(b);
	char path[NF_STOREPATH_TEXT_MAX];

	for (size_t i = 0; i < t->required_count; i++)
		say_line("%10s %10s  %s", "required", "-",
			 nf_storepath_format(path, &t->required[i].path));
}

static int list_json(struct bundle_input *in, struct nf_err *err)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	int rc;

	json_begin_array(doc, "paths");
	rc = bundle_input_each_path(in, add_path, &(struct path_list){ doc, in }, err);
	if (rc)
		return rc;
	json_end(doc);
	add_required(doc, in->bundle);
	json_print(doc, stdout);
	return 0;
}

static int run_list(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = BUNDLE_INPUT_INIT;
	AUTO(sandbox_freep) struct sandbox *sandbox = sandbox_new();
	int rc;

	rc = bundle_input_open(&in, args, ui, sandbox, err);
	if (rc)
		return rc;
	if (cmd_args_flag(args, "json"))
		return list_json(&in, err);
	rc = bundle_input_each_path(&in, print_path, &in, err);
	if (!rc)
		print_required(in.bundle);
	return rc;
}

const struct command cmd_list = {
	.name = "list",
	.args = "BUNDLE|-",
	.summary = "list the paths in a bundle",
	.text = "Lists the store paths in BUNDLE: unpacked size, size in the "
		"bundle, path, and what it is a patch of, if it is one; then those that "
		"it requires of its target. The "
		"bundle's signature is verified; its NARs are not read.",
	.groups =
		(const struct cmd_option_group *const[]){ &options_keys, &options_sandbox,
							  &options_common, NULL },
	.min_args = 1,
	.max_args = 1,
	.kind = CMD_VALUE_FILE,
	.run = run_list,
};
