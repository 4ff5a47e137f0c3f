/* What must be built or is unknown, grouped by its cause, with what can be done about it.
 */
#ifndef PLAN_CAUSES_H
#define PLAN_CAUSES_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "cmd/json.h"
#include "fetch/query.h"
#include "plan/planner.h"

/* Room for the words of one cause. */
#define PLAN_CAUSE_WORDS_MAX 4096

struct plan_causes;

struct plan_causes_options {
	const struct planner *planner; /* finished */
	const struct query *query;
	/* What to say where no cache is configured; NULL: that. */
	const char *no_substituter;
};

/* Borrows what OPTS names; the query is not needed for groups. */
struct plan_causes *plan_causes_new(const struct plan_causes_options *opts);
void plan_causes_free(struct plan_causes *c);
DEFINE_CLEANUP(struct plan_causes *, plan_causes_free)

/* On stdout: what must be built, and what is unknown. */
void plan_causes_print(const struct plan_causes *c);

/* Of one node that is to be built or unknown: "cause", "detail", "remedy" and more. */
void plan_causes_add_node(const struct plan_causes *c, struct json_doc *doc, uint32_t id);

/* What the cause of a node is, in a few words; and what can be done, empty if nothing. */
void plan_causes_detail(const struct plan_causes *c, uint32_t id, struct buf *out);
void plan_causes_remedy(const struct plan_causes *c, uint32_t id, struct buf *out);

/* ---- groups, the gravest first; also after the query is freed ---- */

size_t plan_causes_count(const struct plan_causes *c);
bool plan_causes_is_build(const struct plan_causes *c, size_t i);
int plan_causes_code(const struct plan_causes *c, size_t i); /* NF_E_... */
/* Appends the cause and what can be done about it; the second with the number of paths
 * before it. */
void plan_causes_words(const struct plan_causes *c, size_t i, struct buf *out);
void plan_causes_group(const struct plan_causes *c, size_t i, struct buf *out);

/* "causes": one object for each group. */
void plan_causes_add_json(const struct plan_causes *c, struct json_doc *doc);

#endif
