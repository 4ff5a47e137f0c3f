#include "cmd/cache_options.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/scheduler.h"

#define SUBSTITUTER_DEFAULT "https://cache.nixos.org"

void substituter_list_release(struct substituter_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		substituter_release(&l->items[i]);
	free(l->items);
	*l = (struct substituter_list)SUBSTITUTER_LIST_INIT;
}

static int add(struct substituter_list *l, const char *url, struct nf_err *err)
{
	struct substituter s;
	int rc;

	rc = substituter_parse(&s, nf_slice_str(url), err);
	if (rc)
		return rc;
	if (l->count == SCHEDULER_CACHES_MAX) {
		substituter_release(&s);
		return err_set(err, NF_E_USAGE, "more than %d substituters",
			       SCHEDULER_CACHES_MAX);
	}
	l->items = mem_realloc(l->items, l->count + 1, sizeof(l->items[0]));
	l->items[l->count++] = s;
	return 0;
}

static int add_all(struct substituter_list *l, const struct cmd_args *a,
		   const char *option, struct nf_err *err)
{
	const char *url;
	int rc = 0;

	for (size_t i = 0; !rc && (url = cmd_args_nth(a, option, i)); i++)
		rc = add(l, url, err);
	return rc;
}

int cache_options_substituters(struct substituter_list *ret, const struct cmd_args *a,
			       struct nf_err *err)
{
	AUTO(substituter_list_release) struct substituter_list l = SUBSTITUTER_LIST_INIT;
	int rc = add_all(&l, a, "substituter", err);

	if (!rc && l.count == 0)
		rc = add(&l, SUBSTITUTER_DEFAULT, err);
	if (!rc)
		rc = add_all(&l, a, "extra-substituter", err);
	if (rc)
		return rc;
	*ret = l;
	l = (struct substituter_list)SUBSTITUTER_LIST_INIT;
	return 0;
}

int cache_options_connections(size_t *ret, const struct cmd_args *a, struct nf_err *err)
{
	uint64_t n;
	int rc = cmd_args_number(a, "connections", 1, CONNECTIONS_MAX, 0, &n, err);

	if (!rc)
		*ret = (size_t)n;
	return rc;
}
