#include <nixferry/derivation.h>

#include <nixferry/storepath.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

/* Derive([(NAME,PATH,ALGO,HASH)...],[(DRV,[OUTPUT...])...],[SRC...],SYSTEM,BUILDER,
 *        [ARG...],[(NAME,VALUE)...])
 * without white space, every value a string in quotes. */

#define STORE_PREFIX NF_STORE_DIR "/"
#define VERSIONED    "DrvWithVersion("
/* Characters of output names, which become part of store path names. */
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._?="
/* A run of plain characters ends at one of these or at NUL. */
#define NOT_PLAIN "\"\\\n\r\t"

#define LIST_MIN 4

/* Strings are unescaped in place: TEXT is the derivation's own NUL-terminated copy. */
struct drv_parser {
	char *text;
	size_t len;
	size_t at;
	struct arena *arena;
	struct nf_err *err;
};

static int fail_at(struct drv_parser *p, size_t at, const char *what)
{
	return err_set(p->err, NF_E_FORMAT, "byte %zu: %s", at, what);
}

static int expect(struct drv_parser *p, const char *token)
{
	size_t len = strlen(token);

	if (p->len - p->at < len || memcmp(p->text + p->at, token, len) != 0)
		return err_set(p->err, NF_E_FORMAT, "byte %zu: no '%s'", p->at, token);
	p->at += len;
	return 0;
}

static bool is_next(const struct drv_parser *p, char c)
{
	return p->text[p->at] == c;
}

/* ---- strings ---- */

/* The character that '\' and C stand for, or 0. */
static char unescape(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case '"':
	case '\\':
		return c;
	default:
		return 0;
	}
}

static int stray(struct drv_parser *p)
{
	if (p->at == p->len)
		return fail_at(p, p->at, "the text ends inside a string");
	return fail_at(p, p->at, "an unescaped control character");
}

static int parse_string(struct drv_parser *p, struct nf_slice *ret)
{
	int rc = expect(p, "\"");
	char *start, *end;
	size_t run;

	if (rc)
		return rc;
	start = end = p->text + p->at;
	for (;;) {
		run = strcspn(p->text + p->at, NOT_PLAIN);
		memmove(end, p->text + p->at, run);
		end += run;
		p->at += run;
		if (is_next(p, '"'))
			break;
		if (!is_next(p, '\\'))
			return stray(p);
		*end = unescape(p->text[p->at + 1]);
		if (!*end)
			return fail_at(p, p->at, "an invalid escape");
		end++;
		p->at += 2;
	}
	p->at++;
	*ret = nf_slice(start, (size_t)(end - start));
	return 0;
}

static int parse_path(struct drv_parser *p, struct nf_slice *ret)
{
	struct nf_storepath checked;
	size_t at = p->at;
	int rc = parse_string(p, ret);

	if (rc)
		return rc;
	rc = nf_storepath_parse(&checked, *ret, p->err);
	if (rc)
		return err_prefix(p->err, rc, "byte %zu", at);
	slice_skip_prefix(ret, STORE_PREFIX);
	return 0;
}

static int parse_output_name(struct drv_parser *p, struct nf_slice *ret)
{
	size_t at = p->at;
	int rc = parse_string(p, ret);

	if (rc)
		return rc;
	/* Text always follows a string, at least its quote. */
	if (ret->len == 0 || ret->len > NF_STOREPATH_NAME_MAX ||
	    strspn(ret->ptr, NAME_CHARS) < ret->len)
		return fail_at(p, at, "an output without a name");
	return 0;
}

/* ---- lists ---- */

/* Describes the elements. The first member of each type is the slice by which elements
 * are sorted. */
struct element {
	size_t size;
	int (*parse)(struct drv_parser *p, void *item);
	bool is_sorted;
};

/* The capacity is always the next power of two, so it is not stored. */
static void *grow(struct drv_parser *p, void *items, size_t len, size_t size)
{
	void *larger;

	if (len && (len < LIST_MIN || (len & (len - 1))))
		return items;
	larger = arena_alloc(p->arena, (len ? 2 * len : LIST_MIN) * size);
	if (len)
		memcpy(larger, items, len * size);
	return larger;
}

static bool in_order(const void *before, const void *item)
{
	return nf_slice_cmp(*(const struct nf_slice *)before,
			    *(const struct nf_slice *)item) < 0;
}

static int parse_item(struct drv_parser *p, const struct element *e, char *items,
		      size_t len)
{
	char *item = items + len * e->size;
	size_t at = p->at;
	int rc;

	if (len == DERIVATION_ITEMS_MAX)
		return err_set(p->err, NF_E_LIMIT,
			       "byte %zu: a list of more than %llu elements", at,
			       DERIVATION_ITEMS_MAX);
	rc = e->parse(p, item);
	if (!rc && e->is_sorted && len && !in_order(item - e->size, item))
		rc = fail_at(p, at, "an unsorted list");
	return rc;
}

static int parse_list(struct drv_parser *p, const struct element *e, void **ret_items,
		      size_t *ret_len)
{
	int rc = expect(p, "[");
	void *items = NULL;
	size_t len = 0;

	if (!rc && is_next(p, ']'))
		return expect(p, "]");
	while (!rc) {
		items = grow(p, items, len, e->size);
		rc = parse_item(p, e, items, len);
		if (rc)
			break;
		len++;
		if (is_next(p, ']')) {
			*ret_items = items;
			*ret_len = len;
			return expect(p, "]");
		}
		rc = expect(p, ",");
	}
	return rc;
}

/* ---- elements ---- */

static int parse_plain(struct drv_parser *p, void *item)
{
	return parse_string(p, item);
}

static int parse_src(struct drv_parser *p, void *item)
{
	return parse_path(p, item);
}

static int parse_wanted(struct drv_parser *p, void *item)
{
	return parse_output_name(p, item);
}

static int parse_output_path(struct drv_parser *p, struct nf_drv_output *o)
{
	if (p->len - p->at < 2 || memcmp(p->text + p->at, "\"\"", 2) != 0)
		return parse_path(p, &o->path);
	return parse_string(p, &o->path);
}

/* See the table in the header. */
static int check_kind(struct drv_parser *p, const struct nf_drv_output *o, size_t at)
{
	if (o->hash.len && !o->hash_algo.len)
		return fail_at(p, at, "an output hash without an algorithm");
	if (o->path.len && o->hash_algo.len && !o->hash.len)
		return fail_at(p, at, "a floating output with a path");
	if (o->hash.len && !o->path.len && !nf_slice_is(o->hash, "impure"))
		return fail_at(p, at, "a fixed output without a path");
	return 0;
}

static int parse_output(struct drv_parser *p, void *item)
{
	struct nf_drv_output *o = item;
	size_t at = p->at;
	int rc = expect(p, "(");

	if (!rc)
		rc = parse_output_name(p, &o->name);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_output_path(p, o);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_string(p, &o->hash_algo);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_string(p, &o->hash);
	if (!rc)
		rc = expect(p, ")");
	return rc ? rc : check_kind(p, o, at);
}

static int parse_input(struct drv_parser *p, void *item)
{
	static const struct element wanted = { sizeof(struct nf_slice), parse_wanted,
					       true };
	struct nf_drv_input *in = item;
	void *outputs = NULL;
	size_t at = p->at + 1;
	int rc = expect(p, "(");

	*in = (struct nf_drv_input){ 0 };
	if (!rc)
		rc = parse_path(p, &in->drv);
	if (!rc && !slice_ends_with(in->drv, ".drv"))
		rc = fail_at(p, at, "an input that is not a derivation");
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_list(p, &wanted, &outputs, &in->noutputs);
	in->outputs = outputs;
	return rc ? rc : expect(p, ")");
}

static int parse_var(struct drv_parser *p, void *item)
{
	struct nf_drv_var *var = item;
	int rc = expect(p, "(");

	if (!rc)
		rc = parse_string(p, &var->name);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_string(p, &var->value);
	return rc ? rc : expect(p, ")");
}

/* ---- document ---- */

static int parse_lists(struct drv_parser *p, struct nf_derivation *d)
{
	static const struct element output = { sizeof(struct nf_drv_output), parse_output,
					       true };
	static const struct element input = { sizeof(struct nf_drv_input), parse_input,
					      true };
	static const struct element src = { sizeof(struct nf_slice), parse_src, true };
	void *outputs = NULL, *inputs = NULL, *srcs = NULL;
	size_t at = p->at;
	int rc = parse_list(p, &output, &outputs, &d->noutputs);

	if (!rc && d->noutputs == 0)
		rc = fail_at(p, at, "no outputs");
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_list(p, &input, &inputs, &d->ninputs);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_list(p, &src, &srcs, &d->nsrcs);
	d->outputs = outputs;
	d->inputs = inputs;
	d->srcs = srcs;
	return rc;
}

static int parse_program(struct drv_parser *p, struct nf_derivation *d)
{
	static const struct element arg = { sizeof(struct nf_slice), parse_plain, false };
	static const struct element var = { sizeof(struct nf_drv_var), parse_var, true };
	void *args = NULL, *env = NULL;
	int rc = parse_string(p, &d->system);

	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_string(p, &d->builder);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_list(p, &arg, &args, &d->nargs);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_list(p, &var, &env, &d->nenv);
	d->args = args;
	d->env = env;
	return rc;
}

static int refuse_version(struct drv_parser *p)
{
	struct nf_slice version;
	int rc;

	p->at = strlen(VERSIONED);
	rc = parse_string(p, &version);
	if (rc)
		return rc;
	if (nf_slice_is(version, "xp-dyn-drv"))
		return err_set(p->err, NF_E_UNSUPPORTED,
			       "it uses dynamic derivations ('xp-dyn-drv')");
	return err_set(p->err, NF_E_UNSUPPORTED, "it has the version '%.*s'",
		       NF_SLICE_ARG(version));
}

static int parse_derivation(struct drv_parser *p, struct nf_derivation *d)
{
	int rc;

	if (strncmp(p->text, VERSIONED, strlen(VERSIONED)) == 0)
		return refuse_version(p);
	rc = expect(p, "Derive(");
	if (!rc)
		rc = parse_lists(p, d);
	if (!rc)
		rc = expect(p, ",");
	if (!rc)
		rc = parse_program(p, d);
	if (!rc)
		rc = expect(p, ")");
	if (!rc && p->at < p->len)
		rc = fail_at(p, p->at, "unexpected text after the end");
	return rc;
}

int nf_derivation_parse(struct nf_derivation *d, struct nf_slice text, struct nf_err *err)
{
	struct drv_parser p = { .len = text.len, .err = err };

	*d = (struct nf_derivation){ 0 };
	if (text.len > DERIVATION_MAX)
		return err_set(err, NF_E_LIMIT,
			       "a derivation of %zu bytes, over the limit of %llu",
			       text.len, DERIVATION_MAX);
	p.arena = d->arena = mem_alloc(sizeof(*d->arena));
	arena_init(d->arena);
	p.text = arena_strndup(d->arena, text.ptr, text.len);
	return parse_derivation(&p, d);
}
