#include "fetch/lookup_why.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "fetch/cache.h"
#include "fetch/wanted_nar.h"

/* Nobody would read a message with more key names. */
#define SIGNERS_MAX 8

struct lookup_why lookup_why_of(int code, const char *text)
{
	return (struct lookup_why){ cause_of_code(code), code, text };
}

struct lookup_why lookup_why_gone(const struct cache *c)
{
	if (!c->refused)
		return lookup_why_of(NF_E_NET, cache_why_gone(c));
	return (struct lookup_why){ c->refused_cause, c->refused_code, c->refused };
}

void lookup_why_absent(struct cache *c, uint32_t node)
{
	static const struct resolver_reason absent = { .cause = CAUSE_ABSENT };

	resolver_not_found(c->engine->resolver, node, &absent);
	wanted_nar_answered(c->engine, node);
}

/* The fault of an answer may begin with the name of the path. */
static const char *without_path(const struct cache *c, uint32_t node, const char *text)
{
	const char *base = resolver_node(c->engine->resolver, node)->base;
	AUTO_FREE char *prefix = mem_printf("path '%s': ", base);
	struct nf_slice rest = nf_slice_str(text);

	return slice_skip_prefix(&rest, prefix) ? rest.ptr : text;
}

/* As in struct resolver_reason. */
static char *unknown_signers(const struct nf_pathinfo *info,
			     const struct nf_keyring *keys)
{
	AUTO_BUF struct buf names = { 0 };
	size_t count = 0;

	buf_init(&names, NARINFO_MAX);
	for (size_t i = 0; i < info->nsigs && count < SIGNERS_MAX; i++) {
		struct nf_slice rest = info->sigs[i], name = slice_cut(&rest, ':');

		if (name.len == 0 || nf_keyring_known_name(keys, name))
			continue;
		buf_addf(&names, "%s%.*s", count++ ? " " : "", NF_SLICE_ARG(name));
	}
	return count ? buf_take(&names) : NULL;
}

static void tell(struct cache *c, uint32_t node, const struct lookup_why *why,
		 const struct nf_pathinfo *info)
{
	AUTO_FREE char *signers =
		info ? unknown_signers(info, c->engine->opts->keys) : NULL;
	AUTO_FREE char *whole = mem_printf("cache '%s': %s", c->conf->url, why->text);
	const struct resolver_reason reason = {
		.cause = why->cause,
		.code = why->code,
		.cache = c->index,
		.text = whole,
		.detail = without_path(c, node, why->text),
		.signers = signers,
		.is_signed = info && info->nsigs > 0,
	};

	resolver_not_found(c->engine->resolver, node, &reason);
	wanted_nar_answered(c->engine, node);
}

void lookup_why_tell(struct cache *c, uint32_t node, const struct lookup_why *why)
{
	tell(c, node, why, NULL);
}

void lookup_why_useless(struct cache *c, uint32_t node, const struct nf_narinfo *ni,
			int rc, const char *text)
{
	const struct lookup_why why = lookup_why_of(rc, text);

	tell(c, node, &why, rc == -NF_E_TRUST ? &ni->info : NULL);
}
