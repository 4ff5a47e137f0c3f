/* A cause as text, and advice for the user. Pure. */
#ifndef PLAN_REMEDY_H
#define PLAN_REMEDY_H

#include "base/buf.h"
#include "fetch/query.h"

/* Appends the cause, without the name of its cache. IS_BUILD: the path would have to be
 * built; else it is unknown. */
void plan_remedy_detail(struct buf *out, const struct query_cause *c, bool is_build);

/* Appends advice, or nothing. */
void plan_remedy_text(struct buf *out, const struct query_cause *c, bool is_build);

#endif
