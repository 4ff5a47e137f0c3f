#include "fetch/sizes.h"

#include "base/codec.h"
#include "fetch/engine.h"

/* Maximum wait: a cache that is slow to answer must not delay the whole run. */
#define HOLD_MS 10000

/* Minimum size of the file in the pool. A re-encoded file is about as large as the
 * received one, often larger; for uncompressed ones nothing is known. */
static uint64_t least_size(const struct resolver_offer *s, int level)
{
	uint64_t size = s->file_size;
	enum codec codec;

	if (!codec_parse(&codec, nf_slice_str(s->compression)) || codec == CODEC_NONE ||
	    codec == CODEC_LZ4)
		return level == POOL_KEEP ? size : 0;
	return level == POOL_KEEP ? size : size - size / 4;
}

/* Of the sizes that caches report, the smallest: a single wrong one does no harm. */
uint64_t sizes_least(const struct resolver_node *n, int level)
{
	uint64_t least = UINT64_MAX;

	for (const struct resolver_offer *s = n->offers; s; s = s->next) {
		uint64_t size = least_size(s, level);

		least = size < least ? size : least;
	}
	return n->offers ? least : 0;
}

static void add_up(const struct engine *e, struct fetch_sizes *ret)
{
	*ret = (struct fetch_sizes){ .resolver = e->resolver,
				     .level = e->opts->level,
				     .here_bytes = e->here.bytes };
	for (uint32_t id = 0; id < resolver_count(e->resolver); id++) {
		const struct resolver_node *n = resolver_node(e->resolver, id);

		if (n->here || n->state != RESOLVER_KNOWN)
			continue;
		ret->paths++;
		ret->least_bytes += sizes_least(n, ret->level);
	}
}

void sizes_pump(struct engine *e)
{
	struct fetch_sizes sizes;
	struct nf_err why;
	int rc;

	if (!e->opts->check_sizes || e->sizes_checked ||
	    e->here.cursor != resolver_count(e->resolver) ||
	    resolver_open_count(e->resolver))
		return;
	e->sizes_checked = true;
	add_up(e, &sizes);
	rc = e->opts->check_sizes(e->opts->check_ctx, &sizes, &why);
	if (!rc)
		return;
	engine_fail(e, NULL, rc, why.text);
	e->stopping = true;
}

bool sizes_hold(const struct engine *e, int64_t now)
{
	return e->opts->check_sizes && e->opts->check_first && !e->sizes_checked &&
	       now - e->began_at < HOLD_MS;
}
