/* Reads members of JSON objects. */
#ifndef JSON_READ_H
#define JSON_READ_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Reads the Boolean member KEY of the object TEXT; *ret is unchanged if there is none.
 * NF_E_FORMAT if TEXT is not an object or the member has another type. */
int json_read_bool(struct nf_slice text, const char *key, bool *ret,
		   struct nf_err *err) MUST_CHECK;

/* An object with several members of interest. What it returns is valid until it is
 * closed. */
struct json_read;

/* NF_E_FORMAT if TEXT is not an object, or has a whole number beyond 63 bits. */
int json_read_open(struct json_read **ret, struct nf_slice text,
		   struct nf_err *err) MUST_CHECK;
void json_read_close(struct json_read *o);
DEFINE_CLEANUP(struct json_read *, json_read_close)

/* False if there is no such member or it has another type. A number is whole and not
 * negative. */
bool json_read_text(const struct json_read *o, const char *key, struct nf_slice *ret);
bool json_read_number(const struct json_read *o, const char *key, uint64_t *ret);
/* The same for element I of the member KEY, an array. */
bool json_read_nth_text(const struct json_read *o, const char *key, size_t i,
			struct nf_slice *ret);
bool json_read_nth_number(const struct json_read *o, const char *key, size_t i,
			  uint64_t *ret);

#endif
