#include "cmd/key_report.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/plural.h"
#include "format/key_option.h"

static void add_option(struct buf *out, const char *name, const char *text)
{
	buf_add_str(out, "  ");
	key_option_add(out, name, text);
	buf_add_char(out, '\n');
}

void key_report_add_text(struct buf *out, const char *own,
			 const struct nf_key_needs *needs)
{
	bool unknown = false;

	buf_add_str(out, "to import it, trust:\n");
	if (own)
		add_option(out, NULL, own);
	for (size_t i = 0; i < needs->count; i++) {
		add_option(out, needs->items[i].name, needs->items[i].text);
		unknown = unknown || !needs->items[i].text;
	}
	if (unknown)
		buf_add_str(out,
			    "KEY is not known here; pack with --trusted-public-key or "
			    "--sign-all, and the bundle names every key\n");
	if (needs->by_nobody)
		buf_addf(out, "%zu %s no signature that can be read\n", needs->by_nobody,
			 plural(needs->by_nobody, "path has", "paths have"));
}

bool key_report_is_trusted(const struct nf_keyring *ring, const char *text)
{
	AUTO_FREE char *have = NULL;

	for (size_t i = 0; text && i < nf_keyring_count(ring); i++) {
		free(have);
		have = nf_keyring_format(ring, i);
		if (!strcmp(have, text))
			return true;
	}
	return false;
}

static void add_key(struct json_doc *doc, const struct nf_key_need *key,
		    const struct nf_keyring *ring)
{
	json_begin_object(doc, NULL);
	json_add_str(doc, "name", key->name);
	if (key->text)
		json_add_str(doc, "key", key->text);
	else
		json_add_null(doc, "key");
	json_add_number(doc, "paths", key->paths);
	if (ring)
		json_add_bool(doc, "trusted", key_report_is_trusted(ring, key->text));
	json_end(doc);
}

void key_report_add_json(struct json_doc *doc, const char *own,
			 const struct nf_key_needs *needs, const struct nf_keyring *ring)
{
	if (own)
		json_add_str(doc, "bundleKey", own);
	json_add_number(doc, "pathsByBundleKey", needs->by_own);
	json_begin_array(doc, "neededKeys");
	for (size_t i = 0; i < needs->count; i++)
		add_key(doc, &needs->items[i], ring);
	json_end(doc);
}

void key_report_warn(struct ui *ui, const struct nf_key_needs *needs,
		     const char *signed_by)
{
	for (size_t i = 0; i < needs->count; i++) {
		const struct nf_key_need *n = &needs->items[i];
		AUTO_BUF struct buf option = { 0 };

		buf_init(&option, KEY_OPTION_MAX);
		key_option_add(&option, n->name, n->text);
		if (n->text)
			ui_warn(ui,
				"%zu %s signed by '%s', which is not trusted; its key, according to '%s', which signed the bundle: %s",
				n->paths, plural(n->paths, "path is", "paths are"),
				n->name, signed_by, option.ptr);
		else
			ui_warn(ui,
				"%zu %s signed by '%s', which is not trusted; to trust it, with the KEY that its owner publishes: %s",
				n->paths, plural(n->paths, "path is", "paths are"),
				n->name, option.ptr);
	}
}

void key_report_warn_unchecked(struct ui *ui, size_t count)
{
	if (count)
		ui_warn(ui, "%zu %s no signature by a trusted key", count,
			plural(count, "path has", "paths have"));
}
