#include "config/substituter_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void substituter_list_release(struct substituter_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		substituter_release(&l->items[i]);
	free(l->items);
	*l = (struct substituter_list)SUBSTITUTER_LIST_INIT;
}

static struct substituter *find_url(struct substituter_list *l, const char *url)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->items[i].url, url) == 0)
			return &l->items[i];
	return NULL;
}

/* The index for S: that of the entry that it replaces, or a new one. */
static int find_place(struct substituter_list *l, const struct substituter *s,
		      struct substituter **ret, struct nf_err *err)
{
	*ret = find_url(l, s->url);
	if (*ret) {
		substituter_release(*ret);
		return 0;
	}
	if (l->count == SUBSTITUTER_LIST_MAX)
		return err_set(err, NF_E_USAGE, "more than %d substituters",
			       SUBSTITUTER_LIST_MAX);
	l->items = mem_realloc(l->items, l->count + 1, sizeof(l->items[0]));
	*ret = &l->items[l->count++];
	return 0;
}

int substituter_list_add(struct substituter_list *l, const char *text, bool any_parameter,
			 const struct substituter **ret, struct nf_err *err)
{
	struct substituter s, *place;
	int rc;

	rc = substituter_parse(&s, nf_slice_str(text), err);
	if (rc)
		return rc;
	if (s.unknown && !any_parameter)
		rc = err_set(err, NF_E_USAGE, "substituter '%s': unknown parameters: %s",
			     s.url, s.unknown);
	if (!rc)
		rc = find_place(l, &s, &place, err);
	if (rc) {
		substituter_release(&s);
		return rc;
	}
	*place = s;
	*ret = place;
	return 0;
}

void substituter_list_trust(struct substituter_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		l->items[i].trusted = true;
}
