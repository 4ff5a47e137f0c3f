/* A cause in words, and what the user can do about it. Pure. */
#ifndef PLAN_REMEDY_H
#define PLAN_REMEDY_H

#include "base/buf.h"
#include "fetch/query.h"

/* Appends what the cause is, without the name of its cache. IS_BUILD: of what is to be
 * built, else of what is unknown. */
void plan_remedy_detail(struct buf *out, const struct query_cause *c, bool is_build);

/* Appends what can be done about it, or nothing. */
void plan_remedy_text(struct buf *out, const struct query_cause *c, bool is_build);

#endif
