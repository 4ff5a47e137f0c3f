#include "cmd/fetched_bundle.h"

#include "base/mem.h"
#include "base/plural.h"
#include "cmd/human.h"
#include "cmd/key_report.h"

/* A long list is truncated. */
#define LEFT_OUT_SHOWN 20

void fetched_bundle_release(struct fetched_bundle *b)
{
	pool_complete_release(&b->complete);
	nf_pack_result_release(&b->packed);
}

int fetched_bundle_write(struct fetched_bundle *b, struct pool *pool,
			 const struct pack_options *opts, struct nf_err *err)
{
	int rc = pack_bundle(pool, b->output, opts, &b->packed, err);

	b->is_written = rc == 0;
	return rc;
}

bool fetched_bundle_may_be_partial(int rc)
{
	switch (-rc) {
	case NF_E_SYS:
	case NF_E_USAGE:
	case NF_E_NOSPACE:
	case NF_E_INTR:
		return false;
	default:
		return true;
	}
}

/* The requested paths, and others known to be in their closure. */
static int find_complete(struct fetched_bundle *b, struct pool *pool,
			 const struct pack_options *opts,
			 const struct fetch_result *fetched, struct nf_err *err)
{
	size_t asked = opts->root_count, count = asked + fetched->known_count;
	AUTO_FREE struct nf_storepath *paths = mem_calloc(count, sizeof(*paths));
	AUTO(inventory_release) struct inventory have = { 0 };
	const struct pool_complete_question q = { paths, count, asked, &have };

	if (opts->terms)
		inventory_init(&have, opts->terms->required, opts->terms->required_count);
	for (size_t i = 0; i < count; i++)
		paths[i] = i < asked ? opts->roots[i] : fetched->known[i - asked];
	return pool_complete_find(&b->complete, pool, &q, err);
}

int fetched_bundle_write_complete(struct fetched_bundle *b, struct pool *pool,
				  const struct pack_options *opts,
				  const struct fetch_result *fetched, struct nf_err *err)
{
	struct pack_options partial = *opts;
	int rc = find_complete(b, pool, opts, fetched, err);

	partial.roots = b->complete.roots;
	partial.root_count = b->complete.root_count;
	if (!rc && partial.root_count)
		rc = fetched_bundle_write(b, pool, &partial, err);
	return rc;
}

void fetched_bundle_warn(const struct fetched_bundle *b, struct progress *p,
			 const char *why_not)
{
	if (why_not)
		progress_note(p, "not in the bundle: %s", why_not);
	progress_note(p,
		      "--keep-going: bundle '%s' omits each path that cannot be fetched, "
		      "and every path that needs it; the exit status is then not 0",
		      b->output);
}

static void foretell_unknown(struct progress *p, const struct resolver *r,
			     const struct forecast *w)
{
	uint32_t told = 0;

	for (uint32_t id = 0; id < resolver_count(r) && told < LEFT_OUT_SHOWN; id++) {
		const struct resolver_node *n = resolver_node(r, id);

		if (n->state != RESOLVER_UNKNOWN)
			continue;
		progress_note(p, "path '%s' will not be in the bundle: %s", n->base,
			      n->why_text ? n->why_text : "it is not in any cache");
		told++;
	}
	if (w->unknown > told)
		progress_note(p, "%u more %s will not be in the bundle",
			      w->unknown - told,
			      plural(w->unknown - told, "path", "paths"));
}

void fetched_bundle_foretell(const struct fetched_bundle *b, struct progress *p,
			     const struct resolver *r, const struct forecast *w)
{
	uint32_t all = w->count + w->unknown + w->others;
	int status = nf_exit_status(w->why);
	const char *verb = plural(w->others, "needs", "need");
	const char *object = plural(w->unknown, "it", "them");

	foretell_unknown(p, r, w);
	if (w->count)
		progress_note(
			p,
			"bundle '%s' will be incomplete: %u of %u paths will be in it; %u "
			"cannot be fetched, %u %s %s; the exit status will be %d",
			b->output, w->count, all, w->unknown, w->others, verb, object,
			status);
	else
		progress_note(
			p,
			"bundle '%s' will not be written: of %u %s %u cannot be fetched, %u %s %s; the exit status will be %d",
			b->output, all, plural(all, "path", "paths"), w->unknown,
			w->others, verb, object, status);
}

static void tell_left_out(const struct pool_complete *w, struct ui *ui)
{
	for (size_t i = 0; i < w->left_out_count && i < LEFT_OUT_SHOWN; i++)
		ui_warn(ui, "not in the bundle: %s", w->left_out[i].base);
	if (w->left_out_count > LEFT_OUT_SHOWN)
		ui_warn(ui, "not in the bundle: %zu more (--json lists all)",
			w->left_out_count - LEFT_OUT_SHOWN);
}

void fetched_bundle_tell(const struct fetched_bundle *b, struct ui *ui)
{
	const struct pool_complete *w = &b->complete;
	char size[HUMAN_MAX];

	if (!b->is_written) {
		ui_warn(ui, "bundle '%s' was not written", b->output);
		return;
	}
	if (!w->left_out_count)
		return;
	tell_left_out(w, ui);
	ui_warn(ui,
		"bundle '%s' (%s) is incomplete: it has %zu of %zu paths; %zu %s "
		"missing, and the others depend on %s",
		b->output, human_size(size, b->packed.bundle_bytes), w->count,
		w->count + w->left_out_count, w->missing, plural(w->missing, "is", "are"),
		plural(w->missing, "it", "them"));
}

void fetched_bundle_add_json(const struct fetched_bundle *b, struct json_doc *doc)
{
	char text[NF_STOREPATH_TEXT_MAX];

	if (!b->is_written)
		return;
	json_add_str(doc, "bundle", b->output);
	json_add_number(doc, "bundleSize", b->packed.bundle_bytes);
	key_report_add_json(doc, b->packed.own_key, &b->packed.needs, NULL);
	json_begin_array(doc, "notInBundle");
	for (size_t i = 0; i < b->complete.left_out_count; i++)
		json_add_str(doc, NULL,
			     nf_storepath_format(text, &b->complete.left_out[i]));
	json_end(doc);
}
