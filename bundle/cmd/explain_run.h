/* Runs a command and reads the log that it writes. */
#ifndef EXPLAIN_RUN_H
#define EXPLAIN_RUN_H

#include <stdbool.h>

#include "base/err.h"
#include "format/build_account.h"

struct explain_run {
	const char *const *argv;
	const char *save; /* the file that gets the lines with their times, or NULL */
	bool output_to_stderr; /* of the command */
};

/* What the command writes is passed through; on a terminal, messages take the place of
 * lines of internal-json. NF_E_SYS if the command fails: the log was still read. */
int explain_run(const struct explain_run *run, struct build_account_reader *reader,
		struct nf_err *err) MUST_CHECK;

#endif
