#include "cmd/check_report.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/plural.h"
#include "base/shell_word.h"
#include "cmd/human.h"
#include "cmd/json.h"
#include "cmd/say.h"

#define REMEDY_MAX 8192
/* A new one is made when files are shared again. */
#define LINK_REMEDY "remove this link"

/* BUNDLE is one that has the paths. */
static void add_remedy(const struct check_report *r, struct buf *out)
{
	buf_add_str(out, "nixferry import BUNDLE --repair --store ");
	shell_word_add(out, r->root);
}

void check_report_json(const struct check_report *r)
{
	const struct store_check_result *res = r->result;
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	AUTO_BUF struct buf remedy = { 0 };

	buf_init(&remedy, REMEDY_MAX);
	add_remedy(r, &remedy);
	json_add_str(doc, "store", r->root);
	json_add_number(doc, "paths", res->paths);
	json_add_number(doc, "narSize", res->bytes);
	json_begin_array(doc, "findings");
	for (size_t i = 0; i < res->count; i++) {
		const struct store_finding *f = &res->findings[i];

		json_begin_object(doc, NULL);
		json_add_str(doc, "path", f->path);
		json_add_str(doc, "fault", store_fault_name(f->fault));
		json_add_str(doc, "cause", f->cause);
		if (f->fault == STORE_FAULT_LINK)
			json_add_str(doc, "remedy", LINK_REMEDY);
		else if (f->fault != STORE_FAULT_UNREADABLE)
			json_add_slice(doc, "remedy", buf_slice(&remedy));
		json_end(doc);
	}
	json_end(doc);
	json_begin_array(doc, "notInDatabase");
	for (size_t i = 0; i < res->unknown_count; i++)
		json_add_str(doc, NULL, res->unknown[i]);
	json_end(doc);
	json_print(doc, stdout);
}

static void say_unknown(const struct check_report *r)
{
	const struct store_check_result *res = r->result;

	if (!res->unknown_count)
		return;
	say_line(
		"%zu %s in the store %s not in the database; nix-collect-garbage removes %s",
		res->unknown_count, plural(res->unknown_count, "entry", "entries"),
		plural(res->unknown_count, "is", "are"),
		plural(res->unknown_count, "it", "them"));
	for (size_t i = 0; r->names_unknown && i < res->unknown_count; i++)
		say_line("  %s", res->unknown[i]);
}

void check_report_text(const struct check_report *r)
{
	const struct store_check_result *res = r->result;
	char size[HUMAN_MAX];

	for (size_t i = 0; i < res->count; i++)
		say_line("%s: %s: %s", res->findings[i].path,
			 store_fault_name(res->findings[i].fault),
			 res->findings[i].cause);
	say_unknown(r);
	say_line("checked %zu %s (%s): %s", res->paths,
		 plural(res->paths, "path", "paths"), human_size(size, res->bytes),
		 res->count ? "see above" : "good");
}

static void add_counts(const struct check_report *r, struct buf *out)
{
	const char *before = "";

	for (size_t i = 0; i < STORE_FAULT_COUNT; i++) {
		size_t n = r->result->counts[i];

		if (!n)
			continue;
		buf_addf(out, "%s%zu %s", before, n, store_fault_name(i));
		before = ", ";
	}
}

int check_report_verdict(const struct check_report *r, struct nf_err *err)
{
	const struct store_check_result *res = r->result;
	const size_t *n = res->counts;
	AUTO_BUF struct buf text = { 0 };
	enum nf_error code;

	if (!res->count)
		return 0;
	if (n[STORE_FAULT_CORRUPT] || n[STORE_FAULT_METADATA] ||
	    n[STORE_FAULT_DATABASE] || n[STORE_FAULT_LINK])
		code = NF_E_FORMAT;
	else
		code = n[STORE_FAULT_MISSING] ? NF_E_MISSING : NF_E_SYS;
	buf_init(&text, REMEDY_MAX);
	buf_addf(&text, "store '%s' is damaged: ", r->root);
	add_counts(r, &text);
	if (code == NF_E_SYS)
		return err_set(err, code,
			       "store '%s' cannot be read whole: %zu unreadable", r->root,
			       n[STORE_FAULT_UNREADABLE]);
	if (res->count > n[STORE_FAULT_LINK]) {
		buf_add_str(&text, "; to restore it: ");
		add_remedy(r, &text);
	}
	if (n[STORE_FAULT_LINK])
		buf_add_str(&text, "; remove the damaged links");
	return err_set(err, code, "%s", text.ptr);
}
