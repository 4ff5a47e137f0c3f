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

/* Enters the sandbox, which leaves only the pool in DIR, and opens it. No command creates
 * it, so that a mistyped name is reported: *RET stays NULL if the default pool does not
 * exist. Commands that only read need no write access. */
int cmd_pool_open(struct pool **ret, const char *dir, const struct cmd_args *args,
		  struct ui *ui, struct nf_err *err) MUST_CHECK;

/* DOC is NULL for text output. */
int cmd_pool_gc_run(const char *dir, const struct cmd_args *args, struct json_doc *doc,
		    struct ui *ui, struct nf_err *err) MUST_CHECK;

#endif
