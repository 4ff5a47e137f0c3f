/* Tells a running garbage collector of paths that it must keep, over the socket that
 * collectors of every Nix version listen on. */
#ifndef GC_CLIENT_H
#define GC_CLIENT_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/target.h"

struct gc_client {
	const struct target *target; /* borrowed */
	int fd;			     /* -1 if not connected */
};

void gc_client_init(struct gc_client *c, const struct target *t);
void gc_client_close(struct gc_client *c);

/* Sends paths by their base names. *ret_told is true once the collector has acknowledged
 * all of them, false if none can be reached or it ended. An acknowledgement can take as
 * long as the collector needs to delete a path. */
int gc_client_tell(struct gc_client *c, const struct nf_slice *bases, size_t count,
		   bool *ret_told, struct nf_err *err) MUST_CHECK;

#endif
