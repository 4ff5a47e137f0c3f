/* Reads single members of JSON objects. */
#ifndef JSON_READ_H
#define JSON_READ_H

#include <nixferry/slice.h>
#include <stdbool.h>

#include "base/err.h"

/* Reads the Boolean member KEY of the object TEXT; *ret is unchanged if there is none.
 * NF_E_FORMAT if TEXT is not an object or the member has another type. */
int json_read_bool(struct nf_slice text, const char *key, bool *ret,
		   struct nf_err *err) MUST_CHECK;

#endif
