/* What the NAR reader accepts, the writer reproduces byte by byte; how the source is
 * split does not matter. */
#include <nixferry/nar.h>

#include <assert.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int rewrite(struct nf_nar_reader *r, struct nf_nar_writer *w, struct nf_err *err)
{
	struct nf_nar_event ev;
	int rc;

	do {
		rc = nf_nar_next(r, &ev, err);
		if (rc)
			return rc;
		rc = nf_nar_write(w, &ev, err);
		assert(!rc);
	} while (ev.kind != NF_NAR_END);
	return 0;
}

static int check_nar(const uint8_t *data, size_t size, size_t chunk, struct nf_err *err)
{
	struct nf_source *src = source_of_memory(data, size, chunk);
	int rc = nf_nar_check(src, NULL, err);

	source_close(src);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf again = { 0 };
	AUTO(source_closep) struct nf_source *src = nf_source_of_memory(data, size);
	struct nf_nar_reader *r = nf_nar_reader_new(src);
	struct buf_sink sink;
	struct nf_nar_writer *w;
	struct nf_err err, err_in_parts;
	int rc;

	/* The writer closes a link that in a truncated archive is still open. */
	buf_init(&again, size + 64);
	buf_sink_init(&sink, &again);
	w = nf_nar_writer_new(&sink.sink);
	rc = rewrite(r, w, &err);
	if (!rc)
		assert(nf_slice_eq(buf_slice(&again),
				   nf_slice((const char *)data, size)));
	assert(check_nar(data, size, 1 + size % 13, &err_in_parts) == rc);
	if (rc)
		assert(!strcmp(err.text, err_in_parts.text));
	nf_nar_writer_free(w);
	nf_nar_reader_free(r);
	return 0;
}
