#include "cmd/json.h"

#include <assert.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cmd/human.h"

/* 15 digits, to show 0.1 rather than 0.10000000000000001. ASCII only, because a terminal
 * obeys some other characters, too. */
#define FORMAT (JSON_REAL_PRECISION(15) | JSON_ENSURE_ASCII)

struct json_doc {
	json_t *open[JSON_DEPTH_MAX]; /* [0] is owned, the others are parts of it */
	size_t depth;
};

/* Jansson fails only when out of memory. */
static json_t *must(json_t *value)
{
	if (!value)
		abort();
	return value;
}

/* Takes ownership of VALUE. */
static void add_value(struct json_doc *d, const char *key, json_t *value)
{
	json_t *to = d->open[d->depth];
	int rc;

	assert((key != NULL) == json_is_object(to));
	rc = key ? json_object_set_new(to, key, must(value))
		 : json_array_append_new(to, must(value));
	if (rc)
		abort();
}

static void begin_container(struct json_doc *d, const char *key, json_t *value)
{
	add_value(d, key, value);
	assert(d->depth + 1 < JSON_DEPTH_MAX);
	d->open[++d->depth] = value;
}

struct json_doc *json_doc_new(void)
{
	struct json_doc *d = mem_calloc(1, sizeof(*d));

	d->open[0] = must(json_object());
	return d;
}

void json_doc_free(struct json_doc *d)
{
	if (!d)
		return;
	json_decref(d->open[0]);
	free(d);
}

void json_begin_object(struct json_doc *d, const char *key)
{
	begin_container(d, key, json_object());
}

void json_begin_array(struct json_doc *d, const char *key)
{
	begin_container(d, key, json_array());
}

void json_end(struct json_doc *d)
{
	assert(d->depth > 0);
	d->depth--;
}

void json_add_slice(struct json_doc *d, const char *key, struct nf_slice s)
{
	json_t *value = json_stringn(s.ptr ? s.ptr : "", s.len);
	AUTO_BUF struct buf clean = { 0 };

	/* Jansson rejects invalid UTF-8. */
	buf_init(&clean, s.len + 1);
	if (!value) {
		human_clean(&clean, s);
		value = json_stringn(clean.ptr, clean.len);
	}
	add_value(d, key, value);
}

void json_add_str(struct json_doc *d, const char *key, const char *s)
{
	json_add_slice(d, key, nf_slice_str(s));
}

void json_add_number(struct json_doc *d, const char *key, uint64_t n)
{
	add_value(d, key, json_integer((json_int_t)n));
}

void json_add_ratio(struct json_doc *d, const char *key, uint64_t n, uint64_t of)
{
	add_value(d, key,
		  json_real((double)(uint64_t)(1000.0 * (double)n / (double)of + 0.5) /
			    1000));
}

void json_add_bool(struct json_doc *d, const char *key, bool b)
{
	add_value(d, key, json_boolean(b));
}

void json_add_null(struct json_doc *d, const char *key)
{
	add_value(d, key, json_null());
}

char *json_line(const struct json_doc *d)
{
	char *text = json_dumps(d->open[0], JSON_COMPACT | FORMAT);

	if (!text)
		abort();
	return text;
}

void json_print(const struct json_doc *d, FILE *out)
{
	/* A write error stays in OUT's error flag. */
	(void)!json_dumpf(d->open[0], out, JSON_INDENT(2) | FORMAT);
	fputc('\n', out);
}
