/* "pool gc". */
#ifndef CMD_POOL_GC_H
#define CMD_POOL_GC_H

#include "cmd/cmd_args.h"
#include "cmd/json.h"
#include "cmd/ui.h"
#include "pool/pool.h"

/* --older-than --max-size --keep */
extern const struct cmd_option_group cmd_pool_gc_group;

/* NF_E_USAGE if one of these options was given to "pool WHAT", which is not "gc". */
int cmd_pool_gc_refuse(const struct cmd_args *args, const char *what,
		       struct nf_err *err) MUST_CHECK;

/* POOL is NULL if it does not exist; DOC is NULL for text output. */
int cmd_pool_gc_run(struct pool *pool, const struct cmd_args *args, struct json_doc *doc,
		    struct ui *ui, struct nf_err *err) MUST_CHECK;

#endif
