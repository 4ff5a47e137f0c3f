#include "delta_fixture.h"

#include <string.h>

#include "base/mem.h"
#include "base/stream.h"
#include "delta/delta_apply.h"

struct memory_base {
	struct delta_base base;
	const char *bytes;
};

static int memory_read(struct delta_base *b, uint64_t offset, void *p, size_t len,
		       struct nf_err *err)
{
	(void)err;
	memcpy(p, ((struct memory_base *)b)->bytes + offset, len);
	return 0;
}

static void memory_close(struct delta_base *b)
{
	free(b);
}

struct delta_base *delta_fixture_base(struct nf_slice bytes)
{
	struct memory_base *m = mem_alloc(sizeof(*m));

	*m = (struct memory_base){ { bytes.len, memory_read, memory_close }, bytes.ptr };
	return &m->base;
}

struct hash_rewrite *delta_fixture_rewrite(void)
{
	static const struct nf_bundle_rewrite pair = { DELTA_FIXTURE_OLD,
						       DELTA_FIXTURE_NEW };

	return hash_rewrite_new(&pair, 1);
}

static int open_bytes(void *ctx, size_t i, struct delta_base **ret, struct nf_err *err)
{
	(void)i;
	(void)err;
	*ret = delta_fixture_base(*(const struct nf_slice *)ctx);
	return 0;
}

int delta_fixture_apply(struct buf *out, struct nf_slice bytes, struct nf_slice patch,
			uint64_t max, size_t chunk, struct nf_err *err)
{
	AUTO(hash_rewrite_freep) struct hash_rewrite *rewrite = delta_fixture_rewrite();
	const struct delta_apply_options opts = {
		.open = open_bytes,
		.ctx = &bytes,
		.count = 1,
		.rewrite = rewrite,
		.nar_size = max,
	};
	AUTO(source_closep)
	struct nf_source *in =
		delta_apply_source(source_of_memory(patch.ptr, patch.len, chunk), &opts);
	struct buf_sink sink;

	buf_sink_init(&sink, out);
	return source_copy(in, &sink.sink, err);
}
