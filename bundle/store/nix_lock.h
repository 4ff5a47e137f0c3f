/* The locks by which processes that write to a store keep out of each other's way, as Nix
 * takes them. All are flock's, wait for whoever has them, which is told by a note, and
 * give up with NF_E_INTR, or after half an hour with NF_E_SYS. */
#ifndef NIX_LOCK_H
#define NIX_LOCK_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/progress.h"
#include "store/target.h"

/* Keeps collectors out, and nobody else: while it is held, all that is valid stays, and
 * what is not valid is not swept up. *ret_fd is the caller's and holds the lock. */
int nix_lock_collector(int *ret_fd, const struct target *t, struct progress *progress,
		       struct nf_err *err) MUST_CHECK;

/* Whoever has a path's lock, and only he, may look whether it is valid, put a tree in its
 * place and register it. */
struct path_locks {
	int store_fd; /* borrowed */
	int *fds;
	const char **bases; /* borrowed */
	size_t len;
	bool *is_left; /* set by the caller, may be NULL: a file could not be removed */
};

/* Takes the locks of paths, named by their base names (borrowed) in any order. Each takes
 * a file descriptor. L is initialised in any case, but for is_left. */
int path_locks_take(struct path_locks *l, const struct target *t,
		    const char *const *bases, size_t count, struct progress *progress,
		    struct nf_err *err) MUST_CHECK;
/* Gives them back, and removes their files. What cannot be removed is left to a later
 * path_locks_sweep. */
void path_locks_release(struct path_locks *l);

/* Whether a path of that base name is valid. */
typedef int (*path_is_valid_fn)(void *ctx, struct nf_slice base, bool *ret,
				struct nf_err *err);

/* Removes the files of locks of valid paths that nobody has: killed processes left them.
 */
int path_locks_sweep(const struct target *t, path_is_valid_fn is_valid, void *ctx,
		     struct nf_err *err) MUST_CHECK;

#endif
