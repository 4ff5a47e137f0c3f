#include "base/progress_source.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stream.h"

struct counted {
	struct nf_source source;
	struct nf_source *in;
	struct progress *progress;
	enum progress_count which;
	uint64_t passed;
	bool ended;
};

static int counted_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct counted *c = (struct counted *)s;
	int rc = source_next(c->in, ret, err);

	if (rc)
		return rc;
	c->ended = ret->len == 0;
	c->passed += ret->len;
	progress_add(c->progress, c->which, ret->len);
	return 0;
}

static void counted_close(struct nf_source *s)
{
	struct counted *c = (struct counted *)s;

	if (!c->ended)
		progress_add(c->progress, c->which, -c->passed);
	source_close(c->in);
	free(c);
}

struct nf_source *progress_source(struct nf_source *in, struct progress *p,
				  enum progress_count which)
{
	struct counted *c = mem_calloc(1, sizeof(*c));

	c->source = (struct nf_source){ counted_next, counted_close };
	c->in = in;
	c->progress = p;
	c->which = which;
	return &c->source;
}
