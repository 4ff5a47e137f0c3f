#include <nixferry/derivation.h>

#include <nixferry/storepath.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json_read.h"

#define STORE_PREFIX NF_STORE_DIR "/"

void nf_derivation_release(struct nf_derivation *d)
{
	if (d->arena) {
		arena_release(d->arena);
		free(d->arena);
	}
	*d = (struct nf_derivation){ 0 };
}

static const void *find_item(const void *items, size_t len, size_t size,
			     struct nf_slice key)
{
	const char *list = items;

	while (len) {
		const char *middle = list + len / 2 * size;
		int order = nf_slice_cmp(key, *(const struct nf_slice *)middle);

		if (order == 0)
			return middle;
		if (order > 0) {
			list = middle + size;
			len--;
		}
		len /= 2;
	}
	return NULL;
}

const struct nf_drv_output *nf_derivation_output(const struct nf_derivation *d,
						 struct nf_slice name)
{
	return find_item(d->outputs, d->noutputs, sizeof(*d->outputs), name);
}

const struct nf_drv_var *nf_derivation_var(const struct nf_derivation *d,
					   struct nf_slice name)
{
	return find_item(d->env, d->nenv, sizeof(*d->env), name);
}

int nf_derivation_allow_substitutes(const struct nf_derivation *d, bool *ret,
				    struct nf_err *err)
{
	const struct nf_drv_var *json = nf_derivation_var(d, NF_SLICE_LIT("__json"));
	const struct nf_drv_var *var =
		nf_derivation_var(d, NF_SLICE_LIT("allowSubstitutes"));
	int rc = 0;

	*ret = true;
	if (json)
		rc = json_read_bool(json->value, "allowSubstitutes", ret, err);
	else if (var)
		*ret = nf_slice_is(var->value, "1");
	return rc ? err_prefix(err, rc, "its structured attributes") : 0;
}

/* ---- formatting ---- */

static void add_string(struct buf *b, struct nf_slice s)
{
	static const char codes[256] = {
		['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
	};
	size_t from = 0;

	buf_add_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		char code = codes[(unsigned char)s.ptr[i]];

		if (!code)
			continue;
		buf_add(b, s.ptr + from, i - from);
		buf_add_char(b, '\\');
		buf_add_char(b, code);
		from = i + 1;
	}
	buf_add(b, s.ptr + from, s.len - from);
	buf_add_char(b, '"');
}

static void add_path(struct buf *b, struct nf_slice base)
{
	buf_add_str(b, base.len ? "\"" STORE_PREFIX : "\"");
	buf_add_slice(b, base);
	buf_add_char(b, '"');
}

static void add_strings(struct buf *b, const struct nf_slice *list, size_t len,
			void (*add)(struct buf *b, struct nf_slice s))
{
	buf_add_char(b, '[');
	for (size_t i = 0; i < len; i++) {
		if (i)
			buf_add_char(b, ',');
		add(b, list[i]);
	}
	buf_add_char(b, ']');
}

static void add_outputs(struct buf *b, const struct nf_derivation *d)
{
	for (size_t i = 0; i < d->noutputs; i++) {
		buf_add_str(b, i ? ",(" : "(");
		add_string(b, d->outputs[i].name);
		buf_add_char(b, ',');
		add_path(b, d->outputs[i].path);
		buf_add_char(b, ',');
		add_string(b, d->outputs[i].hash_algo);
		buf_add_char(b, ',');
		add_string(b, d->outputs[i].hash);
		buf_add_char(b, ')');
	}
}

static void add_inputs(struct buf *b, const struct nf_derivation *d)
{
	for (size_t i = 0; i < d->ninputs; i++) {
		buf_add_str(b, i ? ",(" : "(");
		add_path(b, d->inputs[i].drv);
		buf_add_char(b, ',');
		add_strings(b, d->inputs[i].outputs, d->inputs[i].noutputs, add_string);
		buf_add_char(b, ')');
	}
}

static void add_env(struct buf *b, const struct nf_derivation *d)
{
	for (size_t i = 0; i < d->nenv; i++) {
		buf_add_str(b, i ? ",(" : "(");
		add_string(b, d->env[i].name);
		buf_add_char(b, ',');
		add_string(b, d->env[i].value);
		buf_add_char(b, ')');
	}
}

char *nf_derivation_format(const struct nf_derivation *d, size_t *ret_len)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "Derive([");
	add_outputs(&b, d);
	buf_add_str(&b, "],[");
	add_inputs(&b, d);
	buf_add_str(&b, "],");
	add_strings(&b, d->srcs, d->nsrcs, add_path);
	buf_add_char(&b, ',');
	add_string(&b, d->system);
	buf_add_char(&b, ',');
	add_string(&b, d->builder);
	buf_add_char(&b, ',');
	add_strings(&b, d->args, d->nargs, add_string);
	buf_add_str(&b, ",[");
	add_env(&b, d);
	buf_add_str(&b, "])");
	*ret_len = b.len;
	return buf_take(&b);
}
