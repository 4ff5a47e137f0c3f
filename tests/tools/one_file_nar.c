#include "one_file_nar.h"

#include <nixferry/nar.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/stream.h"

static void must_succeed(int rc, const struct nf_err *err)
{
	if (!rc)
		return;
	fprintf(stderr, "one_file_nar: %s\n", err->text);
	abort();
}

static void write_event(struct nf_nar_writer *w, struct nf_nar_event ev)
{
	struct nf_err err;

	must_succeed(nf_nar_write(w, &ev, &err), &err);
}

void one_file_nar(struct buf *out, const void *content, size_t len)
{
	struct nf_nar_writer *w;
	struct buf_sink sink;

	buf_sink_init(&sink, out);
	w = nf_nar_writer_new(&sink.sink);
	write_event(w, (struct nf_nar_event){ .kind = NF_NAR_FILE, .size = len });
	if (len)
		write_event(w, (struct nf_nar_event){ .kind = NF_NAR_DATA,
						      .data = nf_slice(content, len) });
	write_event(w, (struct nf_nar_event){ .kind = NF_NAR_FILE_END });
	write_event(w, (struct nf_nar_event){ .kind = NF_NAR_END });
	nf_nar_writer_free(w);
}

void one_file_nar_random(struct buf *out, uint64_t seed, size_t len)
{
	AUTO_FREE char *content = mem_alloc(len + 1);
	uint64_t x = 88172645463325252ULL + seed;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		content[i] = (char)(x >> 40 & 0x7f);
	}
	one_file_nar(out, content, len);
}

void one_file_nar_encode(struct buf *out, const struct buf *nar, int level)
{
	AUTO(zstd_encoder_freep) struct zstd_encoder *e = zstd_encoder_new(level);
	struct buf_sink sink;
	struct nf_err err;

	buf_sink_init(&sink, out);
	must_succeed(zstd_encoder_start(e, &sink.sink, nar->len, &err), &err);
	must_succeed(sink_write(zstd_encoder_sink(e), nar->ptr, nar->len, &err), &err);
	must_succeed(zstd_encoder_finish(e, &err), &err);
}
