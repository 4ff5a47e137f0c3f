#include "nar_script.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/stream.h"

const struct nar_vector nar_vectors[NAR_VECTORS] = {
	{ "an empty file", NAR_ROOT(NAR_FILE("''")), 112,
	  "sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p" },
	{ "an empty directory", NAR_DIR " )", 96,
	  "sha256:0sjjj9z1dhilhpc8pq4154czrb79z9cm044jvn75kxcjv6v5l2m5" },
	{ "a symbolic link", NAR_ROOT(NAR_LINK("a")), 120,
	  "sha256:090zpj9rwzj3l364fps2vqw1zz7r2s5p27mfq0a2yrihinh73m5j" },
	{ "a file", NAR_ROOT(NAR_FILE("hello~")), 120,
	  "sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw" },
	{ "a program", NAR_ROOT(NAR_EXE("#!/bin/sh~echo_hi~")), 168,
	  "sha256:183p8jhjfcpk6kac6hxwp4gzp9brkvkibylz27jfbvgd5kqcq2jy" },
	{ "a tree",
	  NAR_DIR NAR_ENTRY("a", NAR_FILE("hello~")) NAR_ENTRY("link", NAR_LINK("a"))
		  NAR_ENTRY("run", NAR_EXE("#!/bin/sh~echo_hi~")) NAR_ENTRY(
			  "sub", "directory" NAR_ENTRY("empty", NAR_FILE("''"))) " )",
	  1072, "sha256:12pvxj31l7s8hj1g8qb8byva8mvamxh3psvydwc4qhjp967vssjx" },
};

static void add_u64(struct buf *out, uint64_t value)
{
	uint64_t little = htole64(value);

	buf_add(out, &little, sizeof(little));
}

static void end_string(struct buf *out, size_t len, char padding)
{
	for (size_t i = len; i % 8; i++)
		buf_add_char(out, i % 8 == 7 ? padding : '\0');
}

static void add_literal(struct buf *out, struct nf_slice word, char padding)
{
	add_u64(out, word.len);
	for (size_t i = 0; i < word.len; i++) {
		char c = word.ptr[i];

		buf_add_char(out, c == '@' ? '\0' : c == '_' ? ' ' : c == '~' ? '\n' : c);
	}
	end_string(out, word.len, padding);
}

static void add_word(struct buf *out, struct nf_slice word)
{
	if (nf_slice_is(word, "''")) {
		add_u64(out, 0);
	} else if (word.ptr[0] == '#' && word.len > 1 && word.ptr[1] != '!') {
		add_u64(out, strtoull(word.ptr + 1, NULL, 10));
	} else if (word.ptr[0] == '!') {
		add_literal(out, nf_slice(word.ptr + 1, word.len - 1), 1);
	} else if (word.len > 2 && word.ptr[1] == '*') {
		size_t n = strtoull(word.ptr + 2, NULL, 10);

		add_u64(out, n);
		for (size_t i = 0; i < n; i++)
			buf_add_char(out, word.ptr[0]);
		end_string(out, n, '\0');
	} else {
		add_literal(out, word, '\0');
	}
}

void nar_script(struct buf *out, const char *script)
{
	while (*script) {
		size_t len = strcspn(script, " ");

		add_word(out, nf_slice(script, len));
		script += len;
		script += *script == ' ';
	}
}

static int rewrite(struct nf_nar_reader *r, struct nf_nar_writer *w, struct nf_err *err)
{
	struct nf_nar_event ev;
	int rc;

	do {
		rc = nf_nar_next(r, &ev, err);
		if (!rc)
			rc = nf_nar_write(w, &ev, err);
	} while (!rc && ev.kind != NF_NAR_END);
	return rc;
}

int nar_rewrite(struct buf *out, struct nf_slice nar, size_t chunk, struct nf_err *err)
{
	struct nf_source *src = source_of_memory(nar.ptr, nar.len, chunk);
	struct nf_nar_reader *r = nf_nar_reader_new(src);
	struct buf_sink sink;
	struct nf_nar_writer *w;
	int rc;

	buf_sink_init(&sink, out);
	w = nf_nar_writer_new(&sink.sink);
	rc = rewrite(r, w, err);
	nf_nar_writer_free(w);
	nf_nar_reader_free(r);
	source_close(src);
	return rc;
}
