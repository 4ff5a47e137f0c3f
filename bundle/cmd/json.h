/* JSON documents, built from the outside in. Only json.c and base/json_read.c use
 * jansson. */
#ifndef JSON_H
#define JSON_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 8

struct json_doc;

/* The document is an object; members are first added to it. KEY is NULL inside an array.
 * Bytes that are not UTF-8 become '?'. */
struct json_doc *json_doc_new(void);
void json_doc_free(struct json_doc *d);
DEFINE_CLEANUP(struct json_doc *, json_doc_free)

void json_begin_object(struct json_doc *d, const char *key);
void json_begin_array(struct json_doc *d, const char *key);
/* Ends the innermost object or array: members are again added to the one around it. */
void json_end(struct json_doc *d);

void json_add_str(struct json_doc *d, const char *key, const char *s);
void json_add_slice(struct json_doc *d, const char *key, struct nf_slice s);
void json_add_number(struct json_doc *d, const char *key, uint64_t n);
/* N / OF, with three decimals. OF must not be 0. */
void json_add_ratio(struct json_doc *d, const char *key, uint64_t n, uint64_t of);
void json_add_bool(struct json_doc *d, const char *key, bool b);
void json_add_null(struct json_doc *d, const char *key);

/* The whole document on one line, without a newline (free()). */
char *json_line(const struct json_doc *d);

/* The whole document, indented, with a newline. */
void json_print(const struct json_doc *d, FILE *out);

#endif
