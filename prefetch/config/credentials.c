#include "config/credentials.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct credential_place {
	char *origin;
	char *name, *password;
	struct login login; /* borrows from them */
};

struct credentials {
	struct credential_place *places;
	size_t count;
};

static void add_place(struct credentials *c, const struct netrc *n,
		      const struct substituter *s)
{
	struct url url;
	const struct netrc_entry *e;
	struct credential_place *p = &c->places[c->count];

	if (!url_parse(&url, nf_slice_str(s->url)))
		return;
	e = netrc_find(n, url.host);
	if (e) {
		p->origin = TAKE_PTR(url.origin);
		p->name = mem_strdup(e->login ? e->login : "");
		p->password = mem_strdup(e->password ? e->password : "");
		p->login = (struct login){ p->name, p->password };
		c->count++;
	}
	url_release(&url);
}

struct credentials *credentials_new(const struct netrc *n, const struct substituter *list,
				    size_t count)
{
	struct credentials *c = mem_calloc(1, sizeof(*c));

	c->places = mem_calloc(count + 1, sizeof(c->places[0]));
	for (size_t i = 0; i < count; i++)
		if (list[i].kind == SUBSTITUTER_HTTP)
			add_place(c, n, &list[i]);
	return c;
}

void credentials_free(struct credentials *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++) {
		free(c->places[i].origin);
		free(c->places[i].name);
		free(c->places[i].password);
	}
	free(c->places);
	free(c);
}

const struct login *credentials_find(const struct credentials *c, const struct url *url)
{
	for (size_t i = 0; c && i < c->count; i++)
		if (strcmp(c->places[i].origin, url->origin) == 0)
			return &c->places[i].login;
	return NULL;
}
