#include "cmd/requested.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/slice.h"
#include "fetch/query.h"

void requested_release(struct requested *w)
{
	free(w->paths);
	free(w->builds);
	plan_causes_free(w->causes);
	planner_free(w->planner);
	answers_free(w->answers);
	*w = (struct requested){ 0 };
}

static const struct cmd_option options[] = {
	{ .name = "with-build-inputs",
	  .help = "for derivations that must be built, include everything that building them needs" },
	{ 0 },
};
const struct cmd_option_group requested_group = { "Derivations", options };

/* ---- questions ---- */

static void ask_outputs(struct planner *m, const struct installable *t)
{
	struct nf_slice rest = nf_slice_str(t->outputs);
	AUTO_FREE struct nf_slice *names = mem_calloc(rest.len + 1, sizeof(*names));
	size_t n = 0;

	while (rest.len)
		names[n++] = slice_cut(&rest, ',');
	if (n == 1 && nf_slice_is(names[0], "*"))
		n = 0;
	planner_want_outputs(m, &t->path, names, n);
}

static bool is_derivation(const struct installable *t)
{
	return t->outputs || nf_storepath_is_drv(&t->path);
}

static void ask_derivation(struct planner *m, const struct installable *t)
{
	if (t->outputs)
		ask_outputs(m, t);
	else
		planner_want_outputs(m, &t->path, NULL, 0);
}

void requested_ask(struct planner *m, const struct installables *installables)
{
	for (size_t i = 0; i < installables->count; i++) {
		const struct installable *t = &installables->items[i];

		if (is_derivation(t))
			ask_derivation(m, t);
		else
			planner_want_path(m, &t->path);
	}
}

/* ---- answers ---- */

static void add_path(struct nf_storepath **list, size_t *count,
		     const struct nf_storepath *path)
{
	*list = mem_realloc(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = *path;
}

static void add_node(struct requested *w, const struct planner *m, uint32_t id)
{
	struct nf_storepath path;

	planner_path(m, id, &path);
	add_path(&w->paths, &w->count, &path);
}

/* Do not report what comes with the closure of another node. */
static bool is_requested_itself(const struct planner_node *node)
{
	const struct planner_request *parent = node->why ? node->why->parent : NULL;

	return node->here || (node->substitute && (!parent || parent->outputs));
}

static void set_reason(struct requested *w, int rc, const struct nf_err *err)
{
	if (err_gravity(rc) <= err_gravity(w->rc))
		return;
	w->rc = rc;
	w->err = *err;
}

/* A derivation with a fixed output hash is built by downloading it from its origin. */
static void tell_fixed(struct requested *w, const struct planner_node *node)
{
	struct nf_err err;
	int rc = err_set(
		&err, NF_E_MISSING,
		"derivation '%s' would fetch its output from the network when it is built, and no cache has it",
		node->base);

	set_reason(w, rc, &err);
}

static void tell_unknown(struct requested *w, const struct query *q, uint32_t id,
			 const struct planner_node *node)
{
	const struct resolver_node *asked = query_node(q, id);
	struct nf_err err;
	int rc;

	if (asked && asked->why)
		rc = err_set(&err, (enum nf_error)asked->why, "path '%s': %s", node->base,
			     asked->why_text);
	else if (asked)
		rc = err_set(&err, NF_E_MISSING, "path '%s': it is not in any cache",
			     node->base);
	else
		rc = err_set(
			&err, NF_E_MISSING,
			"derivation '%s' is not in the local store, from which derivations are read",
			node->base);
	w->unknown++;
	set_reason(w, rc, &err);
}

/* Appends ": CAUSE" of the most severe cause and returns its NF_E_.... */
static int add_cause(const struct requested *w, struct buf *out)
{
	size_t i = 0;

	if (!w->causes)
		return NF_E_MISSING;
	while (!plan_causes_is_build(w->causes, i))
		i++;
	buf_add_str(out, ": ");
	plan_causes_words(w->causes, i, out);
	return plan_causes_code(w->causes, i);
}

static void tell_builds(struct requested *w)
{
	const char *last = w->builds[w->build_count - 1].base;
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;
	int code;

	buf_init(&text, PLAN_CAUSE_WORDS_MAX);
	if (w->build_count == 1)
		buf_addf(&text, "derivation '%s' would have to be built", last);
	else
		buf_addf(&text, "%zu derivations would have to be built, including '%s'",
			 w->build_count, last);
	buf_add_str(&text, " (--with-build-inputs includes what that needs)");
	code = add_cause(w, &text);
	set_reason(w,
		   err_set(&err, (enum nf_error)code, "%.*s",
			   NF_SLICE_ARG(buf_slice(&text))),
		   &err);
}

static void take_builds(struct requested *w, const struct planner *m, bool build_inputs)
{
	const uint32_t *ids = planner_builds(m, &w->build_count);

	w->builds = mem_calloc(w->build_count, sizeof(*w->builds));
	for (size_t i = 0; i < w->build_count; i++) {
		planner_path(m, ids[i], &w->builds[i]);
		if (build_inputs && planner_node(m, ids[i])->drv->is_fixed)
			tell_fixed(w, planner_node(m, ids[i]));
	}
	if (w->build_count && !build_inputs)
		tell_builds(w);
}

static void take_answers(struct requested *w, const struct planner *m,
			 const struct query *q, bool build_inputs)
{
	for (uint32_t id = 0; id < planner_count(m); id++) {
		const struct planner_node *node = planner_node(m, id);
		bool is_named = node->why && !node->why->parent;

		if (is_requested_itself(node))
			add_node(w, m, id);
		/* It refers to all derivations and sources below it. */
		if (build_inputs && node->build && is_named)
			add_node(w, m, id);
		if (node->unknown)
			tell_unknown(w, q, id, node);
	}
	take_builds(w, m, build_inputs);
}

/* The planner is kept, because the causes refer to its nodes. */
static void find_causes(struct requested *w, const struct query *q,
			const struct requested_options *opts)
{
	if (opts->offline)
		return;
	w->causes = plan_causes_new(&(struct plan_causes_options){
		.planner = w->planner,
		.query = q,
		.no_substituter = opts->no_substituter,
	});
}

static int ask_for_derivations(struct requested *w,
			       const struct installables *installables,
			       const struct requested_options *opts, struct nf_err *err)
{
	struct fetch_options fetch = *opts->fetch;
	AUTO(query_freep) struct query *q = NULL;
	int rc;

	w->planner = planner_new(&(struct planner_options){
		.always_substitute = opts->always_substitute,
	});
	w->answers = fetch.answers = answers_new(fetch.substituter_count);
	for (size_t i = 0; i < installables->count; i++)
		if (is_derivation(&installables->items[i]))
			ask_derivation(w->planner, &installables->items[i]);
	rc = query_run(&q, &fetch, opts->store, w->planner, err);
	if (!rc)
		rc = planner_finish(w->planner, err);
	if (rc)
		return rc;
	find_causes(w, q, opts);
	take_answers(w, w->planner, q, opts->build_inputs);
	return 0;
}

int requested_find(struct requested *ret, const struct installables *installables,
		   const struct requested_options *opts, struct nf_err *err)
{
	bool any = false;

	*ret = (struct requested){ .build_inputs = opts->build_inputs };
	for (size_t i = 0; i < installables->count; i++) {
		if (is_derivation(&installables->items[i]))
			any = true;
		else
			add_path(&ret->paths, &ret->count, &installables->items[i].path);
	}
	return any ? ask_for_derivations(ret, installables, opts, err) : 0;
}

int requested_verdict(const struct requested *w, struct nf_err *err)
{
	if (w->rc && err)
		*err = w->err;
	return w->rc;
}

void requested_tell(const struct requested *w, struct ui *ui)
{
	bool told = !w->rc;

	for (size_t i = 0; w->causes && i < plan_causes_count(w->causes); i++) {
		AUTO_BUF struct buf text = { 0 };
		int code = plan_causes_code(w->causes, i);

		if (!told && code == -w->rc) {
			told = true;
			continue;
		}
		if (w->build_inputs && code == NF_E_MISSING)
			continue;
		buf_init(&text, PLAN_CAUSE_WORDS_MAX);
		plan_causes_group(w->causes, i, &text);
		ui_warn(ui, "%.*s", NF_SLICE_ARG(buf_slice(&text)));
	}
}

void requested_add_json(const struct requested *w, struct json_doc *doc)
{
	char text[NF_STOREPATH_TEXT_MAX];

	json_begin_array(doc, "toBuild");
	for (size_t i = 0; i < w->build_count; i++)
		json_add_str(doc, NULL, nf_storepath_format(text, &w->builds[i]));
	json_end(doc);
	if (w->causes)
		plan_causes_add_json(w->causes, doc);
}
