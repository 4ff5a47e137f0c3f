#include "base/json_read.h"

#include <jansson.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/mem.h"

static int load_object(json_t **ret, struct nf_slice text, size_t flags,
		       struct nf_err *err)
{
	AUTO(json_decrefp) json_t *doc = NULL;
	json_error_t why;

	if (text.len > JSON_MAX)
		return err_set(err, NF_E_LIMIT,
			       "JSON of %zu bytes, over the limit of %llu", text.len,
			       JSON_MAX);
	doc = json_loadb(text.ptr, text.len, flags | JSON_ALLOW_NUL, &why);
	if (!doc)
		return err_set(err, NF_E_FORMAT, "not valid JSON: %s", why.text);
	if (!json_is_object(doc))
		return err_set(err, NF_E_FORMAT, "JSON, but not an object");
	*ret = TAKE_PTR(doc);
	return 0;
}

int json_read_bool(struct nf_slice text, const char *key, bool *ret, struct nf_err *err)
{
	AUTO(json_decrefp) json_t *doc = NULL;
	const json_t *value;
	int rc;

	/* Accept numbers and strings that other JSON readers accept. */
	rc = load_object(&doc, text, JSON_DECODE_INT_AS_REAL, err);
	if (rc)
		return rc;
	value = json_object_get(doc, key);
	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return err_set(err, NF_E_FORMAT, "'%s' is not a Boolean", key);
	*ret = json_is_true(value);
	return 0;
}

/* ---- several members ---- */

struct json_read {
	json_t *object;
};

int json_read_open(struct json_read **ret, struct nf_slice text, struct nf_err *err)
{
	json_t *object = NULL;
	int rc = load_object(&object, text, 0, err);

	if (rc)
		return rc;
	*ret = mem_alloc(sizeof(**ret));
	(*ret)->object = object;
	return 0;
}

void json_read_close(struct json_read *o)
{
	if (!o)
		return;
	json_decref(o->object);
	free(o);
}

static bool value_text(const json_t *v, struct nf_slice *ret)
{
	if (!json_is_string(v))
		return false;
	*ret = nf_slice(json_string_value(v), json_string_length(v));
	return true;
}

static bool value_number(const json_t *v, uint64_t *ret)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

bool json_read_text(const struct json_read *o, const char *key, struct nf_slice *ret)
{
	return value_text(json_object_get(o->object, key), ret);
}

bool json_read_number(const struct json_read *o, const char *key, uint64_t *ret)
{
	return value_number(json_object_get(o->object, key), ret);
}

static const json_t *nth(const struct json_read *o, const char *key, size_t i)
{
	return json_array_get(json_object_get(o->object, key), i);
}

bool json_read_nth_text(const struct json_read *o, const char *key, size_t i,
			struct nf_slice *ret)
{
	return value_text(nth(o, key, i), ret);
}

bool json_read_nth_number(const struct json_read *o, const char *key, size_t i,
			  uint64_t *ret)
{
	return value_number(nth(o, key, i), ret);
}
