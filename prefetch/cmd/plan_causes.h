/* Paths that must be built or are unknown, grouped by cause, with advice. */
#ifndef PLAN_CAUSES_H
#define PLAN_CAUSES_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "cmd/json.h"
#include "fetch/query.h"
#include "plan/planner.h"

/* Room for the text of one cause. */
#define PLAN_CAUSE_WORDS_MAX 4096

struct plan_causes;

struct plan_causes_options {
	const struct planner *planner; /* finished */
	const struct query *query;
	/* The text for "no cache is configured"; NULL for that one. */
	const char *no_substituter;
};

/* Borrows what OPTS names; groups do not need the query. */
struct plan_causes *plan_causes_new(const struct plan_causes_options *opts);
void plan_causes_free(struct plan_causes *c);
DEFINE_CLEANUP(struct plan_causes *, plan_causes_free)

/* Prints on stdout what must be built, and what is unknown. */
void plan_causes_print(const struct plan_causes *c);

/* Adds "cause", "detail", "remedy" and more for one node that must be built or is
 * unknown. */
void plan_causes_add_node(const struct plan_causes *c, struct json_doc *doc, uint32_t id);

/* Returns the cause of the node in a few words; and advice, which may be empty. */
void plan_causes_detail(const struct plan_causes *c, uint32_t id, struct buf *out);
void plan_causes_remedy(const struct plan_causes *c, uint32_t id, struct buf *out);

/* ---- groups, the most severe first; usable after the query is freed ---- */

size_t plan_causes_count(const struct plan_causes *c);
bool plan_causes_is_build(const struct plan_causes *c, size_t i);
int plan_causes_code(const struct plan_causes *c, size_t i); /* NF_E_... */
/* Append the cause and the advice; the second begins with the number of paths. */
void plan_causes_words(const struct plan_causes *c, size_t i, struct buf *out);
void plan_causes_group(const struct plan_causes *c, size_t i, struct buf *out);

/* Adds "causes": one object per group. */
void plan_causes_add_json(const struct plan_causes *c, struct json_doc *doc);

#endif
