/* A patch is refused or makes at most what it may; how its bytes arrive does not matter.
 * The first byte says how many of the next are the base. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "delta/delta_apply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MADE_MAX (256 * KIB)

struct fuzzed_base {
	struct delta_base base;
	const uint8_t *bytes;
};

static int memory_read(struct delta_base *b, uint64_t offset, void *p, size_t len,
		       struct nf_err *err)
{
	(void)err;
	assert(offset <= b->size && len <= b->size - offset);
	memcpy(p, ((struct fuzzed_base *)b)->bytes + offset, len);
	return 0;
}

static void memory_close(struct delta_base *b)
{
	free(b);
}

static int open_memory(void *ctx, size_t i, struct delta_base **ret, struct nf_err *err)
{
	struct fuzzed_base *m = mem_dup(ctx, sizeof(*m));

	(void)err;
	assert(i == 0);
	*ret = &m->base;
	return 0;
}

static int apply(struct buf *out, struct fuzzed_base *base, const uint8_t *patch,
		 size_t len, size_t chunk)
{
	static const struct nf_bundle_rewrite pair = {
		"0123456789abcdfghijklmnpqrsvwxyz",
		"zyxwvsrqpnmlkjihgfdcba9876543210",
	};
	AUTO(hash_rewrite_freep)
	struct hash_rewrite *rewrite = hash_rewrite_new(&pair, 1);
	const struct delta_apply_options opts = {
		.open = open_memory,
		.ctx = base,
		.count = 1,
		.rewrite = rewrite,
		.nar_size = MADE_MAX,
	};
	AUTO(source_closep)
	struct nf_source *in =
		delta_apply_source(source_of_memory(patch, len, chunk), &opts);
	struct buf_sink sink;

	buf_init(out, MADE_MAX);
	buf_sink_init(&sink, out);
	return source_copy(in, &sink.sink, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzzed_base base = { { 0, memory_read, memory_close }, data + 1 };
	AUTO_BUF struct buf whole = { 0 };
	AUTO_BUF struct buf parts = { 0 };
	const uint8_t *patch;
	int rc;

	if (size < 1 || size - 1 < data[0])
		return 0;
	base.base.size = data[0];
	patch = data + 1 + data[0];
	rc = apply(&whole, &base, patch, size - 1 - data[0], 0);
	assert(rc != -NF_E_LIMIT);
	assert(apply(&parts, &base, patch, size - 1 - data[0], 1 + size % 5) == rc);
	assert(whole.len == parts.len);
	assert(!whole.len || !memcmp(whole.ptr, parts.ptr, whole.len));
	return 0;
}
