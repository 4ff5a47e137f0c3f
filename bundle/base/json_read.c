#include "base/json_read.h"

#include <jansson.h>

#include "base/cleanup.h"
#include "base/limits.h"

int json_read_bool(struct nf_slice text, const char *key, bool *ret, struct nf_err *err)
{
	AUTO(json_decrefp) json_t *doc = NULL;
	const json_t *value;
	json_error_t why;

	if (text.len > JSON_MAX)
		return err_set(err, NF_E_LIMIT,
			       "JSON of %zu bytes, over the limit of %llu", text.len,
			       JSON_MAX);
	/* Accept numbers and strings that other JSON readers accept. */
	doc = json_loadb(text.ptr, text.len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL,
			 &why);
	if (!doc)
		return err_set(err, NF_E_FORMAT, "not valid JSON: %s", why.text);
	if (!json_is_object(doc))
		return err_set(err, NF_E_FORMAT, "JSON, but not an object");
	value = json_object_get(doc, key);
	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return err_set(err, NF_E_FORMAT, "'%s' is not a Boolean", key);
	*ret = json_is_true(value);
	return 0;
}
