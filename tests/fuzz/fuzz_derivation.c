/* Derivations: what is parsed prints the same text, in order, and is found by name. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include <nixferry/derivation.h>
#include <nixferry/storepath.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_path(struct nf_slice base)
{
	struct nf_storepath sp;

	assert(nf_storepath_parse_base(&sp, base, NULL) == 0);
}

static void holds(const struct nf_derivation *d)
{
	assert(d->noutputs > 0);
	for (size_t i = 0; i < d->noutputs; i++) {
		assert(nf_derivation_output(d, d->outputs[i].name) == &d->outputs[i]);
		if (d->outputs[i].path.len)
			is_path(d->outputs[i].path);
	}
	for (size_t i = 0; i < d->ninputs; i++)
		is_path(d->inputs[i].drv);
	for (size_t i = 0; i < d->nsrcs; i++)
		is_path(d->srcs[i]);
	for (size_t i = 0; i < d->nenv; i++)
		assert(nf_derivation_var(d, d->env[i].name) == &d->env[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_derivation d;
	struct nf_err err;
	size_t len;
	char *text;
	bool allowed;

	if (nf_derivation_parse(&d, nf_slice((const char *)data, size), &err) == 0) {
		holds(&d);
		text = nf_derivation_format(&d, &len);
		assert(len == size && memcmp(text, data, size) == 0);
		free(text);
		if (nf_derivation_allow_substitutes(&d, &allowed, &err))
			assert(err.text[0]);
	} else {
		assert(err.text[0]);
	}
	nf_derivation_release(&d);
	return 0;
}
