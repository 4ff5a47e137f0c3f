#include "http/route.h"

bool route_begin(struct route *r, const struct credentials *c, const char *url)
{
	*r = (struct route){ .credentials = c };
	if (!url_parse(&r->url, nf_slice_str(url)))
		return false;
	r->login = credentials_find(c, &r->url);
	return true;
}

int route_follow(struct route *r, const char *location, struct nf_err *err)
{
	const struct login *before = r->login;
	struct url next;

	if (r->redirects == ROUTE_REDIRECTS_MAX)
		return err_set(err, NF_E_LIMIT, "it redirects more than %d times",
			       ROUTE_REDIRECTS_MAX);
	if (!url_join(&next, r->url.text, location))
		return err_set(err, NF_E_FORMAT,
			       "it redirects to a URL that is not http or https");
	r->login = credentials_find(r->credentials, &next);
	if (!r->login && url_keeps_login(&r->url, &next))
		r->login = before;
	url_release(&r->url);
	r->url = next;
	r->redirects++;
	return 0;
}

void route_release(struct route *r)
{
	url_release(&r->url);
	*r = (struct route){ 0 };
}
