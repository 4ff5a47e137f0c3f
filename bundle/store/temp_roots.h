/* Nix's temporary roots, by which a process protects paths from garbage collectors while
 * it runs: paths that it has found valid, and paths that it is about to make valid. */
#ifndef TEMP_ROOTS_H
#define TEMP_ROOTS_H

#include <nixferry/slice.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/progress.h"
#include "store/target.h"

struct temp_roots;

/* Creates this process's file of temporary roots. Waits for a collector that is running,
 * then keeps collectors waiting until temp_roots_allow_gc. T and PROGRESS are borrowed.
 */
int temp_roots_open(struct temp_roots **ret, const struct target *t,
		    struct progress *progress, struct nf_err *err) MUST_CHECK;
/* Removes the file. */
void temp_roots_free(struct temp_roots *r);
DEFINE_CLEANUP(struct temp_roots *, temp_roots_free)

/* From now on collectors may run; they keep the paths that were added. */
void temp_roots_allow_gc(struct temp_roots *r);

/* Protects the path with that base name. If a collector is running, tells it so and waits
 * until it ends: what it has begun to delete, it may delete even so. After this call, a
 * path that is valid stays valid. Any thread. */
int temp_roots_add(struct temp_roots *r, struct nf_slice base,
		   struct nf_err *err) MUST_CHECK;

/* Call this when GC roots keep the paths. A collector that listed the roots before these
 * were made, and reads the temporary roots after our file is gone, would know neither: it
 * is told all paths that were added. */
int temp_roots_hand_over(struct temp_roots *r, struct nf_err *err) MUST_CHECK;

#endif
