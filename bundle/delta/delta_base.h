/* What a patch is made from: the NAR of a base, read at any place. */
#ifndef DELTA_BASE_H
#define DELTA_BASE_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct delta_base {
	uint64_t size;
	/* Reads exactly LEN bytes; those at OFFSET are within its size. One thread at a
	 * time. */
	int (*read)(struct delta_base *b, uint64_t offset, void *p, size_t len,
		    struct nf_err *err);
	void (*close)(struct delta_base *b);
};

static inline void delta_base_close(struct delta_base *b)
{
	b->close(b);
}
DEFINE_CLEANUP(struct delta_base *, delta_base_close)

/* A NAR in a file, which is taken over. */
struct delta_base *delta_base_of_file(int fd, uint64_t size);

/* A tree: PATH below DIR_FD (borrowed). What another process changes meanwhile is an
 * error, or leads to other bytes: the result must be verified. */
int delta_base_of_tree(struct delta_base **ret, int dir_fd, const char *path,
		       struct nf_err *err) MUST_CHECK;

#endif
