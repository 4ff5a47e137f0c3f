#include "cmd/plan_causes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "cmd/human.h"
#include "cmd/plan_remedy.h"
#include "cmd/say.h"
#include "plan/planner_roots.h"

#define LINES_SHOWN 20
/* Caches can invent any number of causes: beyond this many, details are merged. */
#define GROUPS_MAX 64

struct cause_group {
	struct query_cause cause; /* cause of the first; the detail may differ */
	char *texts[3];		  /* its text */
	bool is_build;
	uint32_t *ids;
	size_t count, cap;
};

struct plan_causes {
	struct plan_causes_options opts;
	struct cause_group *groups; /* sorted by severity, the most severe first */
	size_t count, cap;
	struct planner_roots roots;
	size_t *dependents; /* by node: index of its root plus one; 0 if it is not a root
			     */
};

/* ---- groups ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool belongs_to(const struct cause_group *g, const struct query_cause *c,
		       bool is_build, bool roughly)
{
	const struct query_cause *own = &g->cause;

	if (g->is_build != is_build || own->cause != c->cause || own->code != c->code)
		return false;
	if (roughly)
		return true;
	if (!same_text(own->cache, c->cache))
		return false;
	return c->cause != CAUSE_NOT_TRUSTED ||
	       (own->is_signed == c->is_signed && same_text(own->signers, c->signers));
}

static char *keep_text(const char **text)
{
	char *copy = *text ? mem_strdup(*text) : NULL;

	*text = copy;
	return copy;
}

static struct cause_group *new_group(struct plan_causes *p, const struct query_cause *c,
				     bool is_build)
{
	struct cause_group *g;

	MEM_GROW(p->groups, p->count, p->cap);
	g = &p->groups[p->count++];
	*g = (struct cause_group){ .cause = *c, .is_build = is_build };
	g->texts[0] = keep_text(&g->cause.cache);
	g->texts[1] = keep_text(&g->cause.detail);
	g->texts[2] = keep_text(&g->cause.signers);
	return g;
}

static struct cause_group *group_for(struct plan_causes *p, const struct query_cause *c,
				     bool is_build)
{
	for (size_t i = 0; i < p->count; i++)
		if (belongs_to(&p->groups[i], c, is_build, p->count >= GROUPS_MAX))
			return &p->groups[i];
	return new_group(p, c, is_build);
}

static struct query_cause cause_of(const struct plan_causes *p, uint32_t id)
{
	struct query_cause c = query_cause(p->opts.query, id);

	if (c.cause == CAUSE_NO_SUBSTITUTER)
		c.detail = p->opts.no_substituter;
	return c;
}

static void add_node(struct plan_causes *p, uint32_t id, bool is_build)
{
	const struct query_cause c = cause_of(p, id);
	struct cause_group *g = group_for(p, &c, is_build);

	MEM_GROW(g->ids, g->count, g->cap);
	g->ids[g->count++] = id;
}

static int graver_first(const void *a, const void *b)
{
	const struct cause_group *x = a, *y = b;
	int gx = err_gravity(x->cause.code), gy = err_gravity(y->cause.code);

	if (gx != gy)
		return gy - gx;
	if (x->is_build != y->is_build)
		return x->is_build - y->is_build;
	if (x->cause.cause != y->cause.cause)
		return (int)y->cause.cause - (int)x->cause.cause;
	return (x->ids[0] > y->ids[0]) - (x->ids[0] < y->ids[0]);
}

static void collect_causes(struct plan_causes *p)
{
	const struct planner *m = p->opts.planner;
	size_t builds;
	const uint32_t *ids = planner_builds(m, &builds);

	for (size_t i = 0; i < builds; i++)
		add_node(p, ids[i], true);
	for (uint32_t id = 0; id < planner_count(m); id++)
		if (planner_node(m, id)->unknown && !planner_node(m, id)->build)
			add_node(p, id, false);
	if (p->count)
		qsort(p->groups, p->count, sizeof(*p->groups), graver_first);
}

struct plan_causes *plan_causes_new(const struct plan_causes_options *opts)
{
	struct plan_causes *p = mem_calloc(1, sizeof(*p));

	p->opts = *opts;
	collect_causes(p);
	planner_roots_find(&p->roots, opts->planner);
	p->dependents = mem_calloc(planner_count(opts->planner), sizeof(*p->dependents));
	for (size_t i = 0; i < p->roots.count; i++)
		p->dependents[p->roots.list[i].id] = p->roots.list[i].dependents + 1;
	return p;
}

void plan_causes_free(struct plan_causes *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->groups[i].ids);
		for (size_t k = 0; k < ARRAY_SIZE(p->groups[i].texts); k++)
			free(p->groups[i].texts[k]);
	}
	free(p->groups);
	free(p->dependents);
	planner_roots_release(&p->roots);
	free(p);
}

size_t plan_causes_count(const struct plan_causes *p)
{
	return p->count;
}

bool plan_causes_is_build(const struct plan_causes *p, size_t i)
{
	return p->groups[i].is_build;
}

int plan_causes_code(const struct plan_causes *p, size_t i)
{
	return p->groups[i].cause.code;
}

/* ---- texts ---- */

static void add_detail(struct buf *out, const struct query_cause *c, bool is_build)
{
	if (c->cache)
		buf_addf(out, "cache '%s': ", c->cache);
	plan_remedy_detail(out, c, is_build);
}

void plan_causes_detail(const struct plan_causes *p, uint32_t id, struct buf *out)
{
	const struct query_cause c = cause_of(p, id);

	add_detail(out, &c, planner_node(p->opts.planner, id)->build);
}

void plan_causes_remedy(const struct plan_causes *p, uint32_t id, struct buf *out)
{
	const struct query_cause c = cause_of(p, id);

	plan_remedy_text(out, &c, planner_node(p->opts.planner, id)->build);
}

/* Each path of such a group has its own text. */
static bool has_own_words(const struct cause_group *g)
{
	return g->cause.cause == CAUSE_BAD_ANSWER || !g->is_build;
}

static void add_title(struct buf *out, const struct cause_group *g)
{
	const struct query_cause *c = &g->cause;

	buf_addf(out, "%s: %zu", cause_title(c->cause), g->count);
	if (c->cause == CAUSE_ABSENT)
		return;
	buf_add_str(out, " (");
	if (c->cache)
		buf_addf(out, "cache '%s'%s", c->cache,
			 c->cause == CAUSE_BAD_ANSWER ? "" : ": ");
	if (c->cause != CAUSE_BAD_ANSWER)
		plan_remedy_detail(out, c, g->is_build);
	buf_add_char(out, ')');
}

void plan_causes_words(const struct plan_causes *p, size_t i, struct buf *out)
{
	const struct cause_group *g = &p->groups[i];
	AUTO_BUF struct buf remedy = { 0 };

	buf_init(&remedy, PLAN_CAUSE_WORDS_MAX);
	plan_remedy_text(&remedy, &g->cause, g->is_build);
	add_detail(out, &g->cause, g->is_build);
	if (remedy.len)
		buf_addf(out, "; %.*s", NF_SLICE_ARG(buf_slice(&remedy)));
}

void plan_causes_group(const struct plan_causes *p, size_t i, struct buf *out)
{
	const struct cause_group *g = &p->groups[i];

	if (g->is_build)
		buf_addf(out, "%zu %s would have to be built: ", g->count,
			 plural(g->count, "derivation", "derivations"));
	else
		buf_addf(out, "%zu %s cannot be fetched: ", g->count,
			 plural(g->count, "path", "paths"));
	plan_causes_words(p, i, out);
}

/* ---- text output ---- */

static void print_node(const struct plan_causes *p, const struct cause_group *g,
		       uint32_t id)
{
	AUTO_BUF struct buf line = { 0 };
	size_t dependents = p->dependents[id];

	buf_init(&line, PLAN_CAUSE_WORDS_MAX);
	buf_addf(&line, NF_STORE_DIR "/%s", planner_node(p->opts.planner, id)->base);
	if (has_own_words(g)) {
		buf_add_str(&line, "  (");
		plan_causes_detail(p, id, &line);
		buf_add_char(&line, ')');
	}
	if (dependents > 1)
		buf_addf(&line, "  (%zu %s on it)", dependents - 1,
			 plural(dependents - 1, "other depends", "others depend"));
	say_line("      %.*s", NF_SLICE_ARG(buf_slice(&line)));
}

static bool is_in(const struct plan_causes *p, const struct cause_group *g, uint32_t id)
{
	const struct query_cause c = cause_of(p, id);

	return belongs_to(g, &c, planner_node(p->opts.planner, id)->build,
			  p->count >= GROUPS_MAX);
}

/* Roots with dependents first. */
static void print_nodes(const struct plan_causes *p, const struct cause_group *g)
{
	size_t shown = 0;

	for (size_t i = 0; i < p->roots.count && shown < LINES_SHOWN; i++) {
		if (!is_in(p, g, p->roots.list[i].id))
			continue;
		print_node(p, g, p->roots.list[i].id);
		shown++;
	}
	for (size_t i = 0; i < g->count && shown < LINES_SHOWN; i++) {
		if (p->dependents[g->ids[i]])
			continue;
		print_node(p, g, g->ids[i]);
		shown++;
	}
	if (g->count > shown)
		say_line("      and %zu more (--json lists all)", g->count - shown);
}

static void print_groups(const struct plan_causes *p, bool is_build)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct cause_group *g = &p->groups[i];
		AUTO_BUF struct buf text = { 0 };

		if (g->is_build != is_build)
			continue;
		buf_init(&text, PLAN_CAUSE_WORDS_MAX);
		add_title(&text, g);
		say_line("    %.*s", NF_SLICE_ARG(buf_slice(&text)));
		buf_clear(&text);
		plan_remedy_text(&text, &g->cause, is_build);
		if (text.len)
			say_line("      hint: %.*s", NF_SLICE_ARG(buf_slice(&text)));
		print_nodes(p, g);
	}
}

static size_t build_roots(const struct plan_causes *p)
{
	size_t count = 0;

	for (size_t i = 0; i < p->roots.count; i++)
		count += planner_node(p->opts.planner, p->roots.list[i].id)->build;
	return count;
}

static void print_builds(const struct plan_causes *p)
{
	size_t builds = planner_totals(p->opts.planner).build, roots = build_roots(p);

	if (!builds)
		return;
	say_line("%s", "");
	if (roots && roots < builds)
		say_line(
			"  must be built: %zu (%zu of them %s no other build; the other %zu %s on %s)",
			builds, roots, plural(roots, "needs", "need"), builds - roots,
			plural(builds - roots, "depends", "depend"),
			plural(roots, "it", "these"));
	else
		say_line("  must be built: %zu", builds);
	print_groups(p, true);
}

void plan_causes_print(const struct plan_causes *p)
{
	size_t unknown = planner_totals(p->opts.planner).unknown;

	print_builds(p);
	if (!unknown)
		return;
	say_line("%s", "");
	say_line("  unknown: %zu", unknown);
	print_groups(p, false);
}

/* ---- JSON ---- */

static void add_words(struct json_doc *doc, const struct query_cause *c, bool is_build)
{
	AUTO_BUF struct buf text = { 0 };
	struct nf_slice rest = nf_slice_str(c->signers ? c->signers : "");

	buf_init(&text, PLAN_CAUSE_WORDS_MAX);
	json_add_str(doc, "cause", cause_word(c->cause));
	json_add_number(doc, "exit", (uint64_t)nf_exit_status(c->code));
	if (c->cache)
		json_add_str(doc, "cache", c->cache);
	plan_remedy_detail(&text, c, is_build);
	json_add_slice(doc, "detail", buf_slice(&text));
	buf_clear(&text);
	plan_remedy_text(&text, c, is_build);
	json_add_slice(doc, "remedy", buf_slice(&text));
	if (c->cause != CAUSE_NOT_TRUSTED)
		return;
	json_begin_array(doc, "signers");
	while (rest.len)
		json_add_slice(doc, NULL, slice_cut(&rest, ' '));
	json_end(doc);
}

static void add_path(const struct plan_causes *p, struct json_doc *doc, const char *key,
		     uint32_t id)
{
	AUTO_FREE char *path =
		mem_printf(NF_STORE_DIR "/%s", planner_node(p->opts.planner, id)->base);

	json_add_str(doc, key, path);
}

void plan_causes_add_node(const struct plan_causes *p, struct json_doc *doc, uint32_t id)
{
	const struct query_cause c = cause_of(p, id);

	add_words(doc, &c, planner_node(p->opts.planner, id)->build);
	json_add_bool(doc, "isRoot", p->dependents[id] > 0);
	if (p->dependents[id])
		json_add_number(doc, "dependents", p->dependents[id] - 1);
}

void plan_causes_add_json(const struct plan_causes *p, struct json_doc *doc)
{
	json_begin_array(doc, "causes");
	for (size_t i = 0; i < p->count; i++) {
		const struct cause_group *g = &p->groups[i];

		json_begin_object(doc, NULL);
		json_add_str(doc, "status", g->is_build ? "build" : "unknown");
		json_add_number(doc, "count", g->count);
		add_words(doc, &g->cause, g->is_build);
		json_begin_array(doc, "paths");
		for (size_t k = 0; k < g->count; k++)
			add_path(p, doc, NULL, g->ids[k]);
		json_end(doc);
		json_end(doc);
	}
	json_end(doc);
}
