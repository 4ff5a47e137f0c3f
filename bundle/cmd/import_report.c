#include "cmd/import_report.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/shell_word.h"
#include "cmd/human.h"
#include "store/import_target.h"

/* A long list is truncated. */
#define ROOTS_SHOWN 10

#define SYSTEM_PROFILE "/nix/var/nix/profiles/system"
#define SWITCH	       "/bin/switch-to-configuration"

/* The command that makes the running system the imported one, which must be a system. */
static void add_switch(const struct import_report *r, struct buf *out)
{
	const char *link = r->result->profile_link;
	char path[NF_STOREPATH_TEXT_MAX];
	AUTO_FREE char *program =
		mem_printf("%s" SWITCH, nf_storepath_format(path, r->toplevel));

	if (access(program, X_OK))
		return;
	if (link && !strncmp(link, SYSTEM_PROFILE "-", strlen(SYSTEM_PROFILE "-")))
		buf_add_str(out, SYSTEM_PROFILE SWITCH " switch");
	else
		buf_addf(out, "nix-env -p " SYSTEM_PROFILE " --set %s && %s switch", path,
			 program);
}

/* The command that puts the imported system to use, or nothing. */
static void add_next(const struct import_report *r, struct buf *out)
{
	char path[NF_STOREPATH_TEXT_MAX];

	if (r->result->next)
		buf_add_str(out, r->result->next);
	if (!r->toplevel || import_target_is_daemon(r->root))
		return;
	if (import_target_is_live(r->root)) {
		add_switch(r, out);
		return;
	}
	buf_add_str(out, "nixos-install --root ");
	shell_word_add(out, r->root);
	buf_addf(out, " --system %s --no-channel-copy --substituters \"\"",
		 nf_storepath_format(path, r->toplevel));
}

void import_report_add_json(const struct import_report *r, struct json_doc *doc)
{
	const struct nf_import_result *result = r->result;
	AUTO_BUF struct buf next = { 0 };

	buf_init(&next, IMPORT_REPORT_MAX);
	json_add_number(doc, "imported", result->imported);
	json_add_number(doc, "present", result->present);
	json_add_number(doc, "unchecked", result->unchecked);
	json_add_number(doc, "repaired", result->repaired);
	json_add_number(doc, "signaturesAdded", result->sigs_added);
	json_add_number(doc, "narSize", result->nar_bytes);
	json_add_number(doc, "nodes", result->inodes);
	json_add_number(doc, "sharedFiles", result->shared_files);
	json_add_number(doc, "sharedBytes", result->shared_bytes);
	if (result->profile_link)
		json_add_str(doc, "profile", result->profile_link);
	json_begin_array(doc, "gcRoots");
	for (size_t i = 0; i < result->gc_root_count; i++)
		json_add_str(doc, NULL, result->gc_roots[i]);
	json_end(doc);
	add_next(r, &next);
	if (next.len)
		json_add_slice(doc, "next", buf_slice(&next));
}

static void add_gc_roots(const struct nf_import_result *r, struct buf *out)
{
	size_t shown = r->gc_root_count < ROOTS_SHOWN ? r->gc_root_count : ROOTS_SHOWN;

	if (!shown)
		return;
	buf_addf(out, "GC %s:", plural(r->gc_root_count, "root", "roots"));
	for (size_t i = 0; i < shown; i++)
		buf_addf(out, " %s", r->gc_roots[i]);
	if (r->gc_root_count > shown)
		buf_addf(out, " and %zu more", r->gc_root_count - shown);
	buf_add_char(out, '\n');
}

static const char *purpose(const struct import_report *r)
{
	if (r->result->next)
		return "to set the profile";
	return import_target_is_live(r->root) ? "to switch to it"
					      : "to install it without a network";
}

void import_report_add_text(const struct import_report *r, struct buf *out)
{
	const struct nf_import_result *result = r->result;
	AUTO_BUF struct buf next = { 0 };
	char size[HUMAN_MAX];

	buf_addf(out, "imported %zu %s (%s), %zu %s there already\n", result->imported,
		 plural(result->imported, "path", "paths"),
		 human_size(size, result->nar_bytes), result->present,
		 plural(result->present, "was", "were"));
	if (result->repaired)
		buf_addf(out, "%zu of the imported %s damaged and %s restored\n",
			 result->repaired, plural(result->repaired, "was", "were"),
			 plural(result->repaired, "is", "are"));
	if (result->shared_files)
		buf_addf(
			out, "%llu %s to others with the same contents (saves %s)\n",
			(unsigned long long)result->shared_files,
			plural(result->shared_files, "file is a link", "files are links"),
			human_size(size, result->shared_bytes));
	if (result->sigs_added)
		buf_addf(out, "added signatures to %zu of them\n", result->sigs_added);
	if (result->profile_link)
		buf_addf(out, "profile: %s\n", result->profile_link);
	add_gc_roots(result, out);
	buf_init(&next, IMPORT_REPORT_MAX);
	add_next(r, &next);
	if (!next.len)
		return;
	buf_addf(out, "\n%s:\n\n  %s\n", purpose(r), next.ptr);
}
