/* Byte streams. Data is pulled from a source and pushed into a sink. Both are embedded as
 * the first member of their implementation. */
#ifndef NIXFERRY_STREAM_H
#define NIXFERRY_STREAM_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/slice.h>
#include <stddef.h>
#include <stdint.h>

NF_BEGIN_DECLS

struct nf_source {
	/* Returns the next run of bytes, valid until the next call or the close. An empty
	 * run is the end; after it, and after an error, next must not be called again. */
	int (*next)(struct nf_source *s, struct nf_slice *ret, struct nf_err *err);
	/* Frees the source and those that it owns. */
	void (*close)(struct nf_source *s);
};

struct nf_sink {
	int (*write)(struct nf_sink *s, const void *p, size_t len, struct nf_err *err);
};

/* Sources that do not fail before their first next; each is to be closed.
 *
 * Bytes that the caller keeps until then. */
struct nf_source *nf_source_of_memory(const void *bytes, size_t len);
/* The bytes that read() returns from FD (borrowed) until the end: a pipe, or a file from
 * its current position on. */
struct nf_source *nf_source_of_fd(int fd);
/* SIZE bytes of FD (borrowed) from OFFSET on, by pread(); fewer is NF_E_FORMAT
 * ("truncated"). SIZE of UINT64_MAX: until the end of the file. */
struct nf_source *nf_source_of_fd_range(int fd, uint64_t offset, uint64_t size);

NF_END_DECLS

#endif
