/* Byte streams. A source is pulled, a sink is pushed into. Both are embedded as the first
 * member of what implements them. */
#ifndef NIXFERRY_STREAM_H
#define NIXFERRY_STREAM_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/slice.h>

NF_BEGIN_DECLS

struct nf_source {
	/* The next run of bytes, valid until the next call or the close. An empty run is
	 * the end; after it, and after an error, next is not called again. */
	int (*next)(struct nf_source *s, struct nf_slice *ret, struct nf_err *err);
	/* Frees the source and what it took over. */
	void (*close)(struct nf_source *s);
};

struct nf_sink {
	int (*write)(struct nf_sink *s, const void *p, size_t len, struct nf_err *err);
};

NF_END_DECLS

#endif
