/* What little is read of JSON. */
#ifndef JSON_READ_H
#define JSON_READ_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/err.h"

/* The Boolean member KEY of the object TEXT; *ret is left where there is none.
 * NF_E_FORMAT if TEXT is no object or the member is of another type. */
int json_read_bool(struct nf_slice text, const char *key, bool *ret,
		   struct nf_err *err) MUST_CHECK;

#endif
