/* The locks that keep processes writing to a store from interfering with each other,
 * compatible with Nix. All use flock and wait for the holder, which a note reports. They
 * give up with NF_E_INTR when interrupted, or after half an hour with NF_E_SYS. */
#ifndef NIX_LOCK_H
#define NIX_LOCK_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/progress.h"
#include "store/target.h"

/* Locks an open file: HOW is LOCK_SH or LOCK_EX. Errors name FILE; notes for the user
 * name WHAT. */
int nix_lock_wait(int fd, int how, const char *file, const char *what,
		  struct progress *progress, struct nf_err *err) MUST_CHECK;

/* Removes the locked file FD, then marks it as Nix does, so a process that waits for the
 * lock learns that the file is no longer the lock. False, with errno, if the file stays.
 */
bool nix_lock_remove(int dir_fd, const char *name, int fd);

/* What a note calls a collector in a target (%s). */
#define NIX_LOCK_COLLECTOR "the garbage collector running in '%s'"

/* Keeps only garbage collectors out. While it is held, valid paths stay, and paths that
 * are not valid are not deleted. *ret_fd, which the caller closes, holds the lock. */
int nix_lock_collector(int *ret_fd, const struct target *t, struct progress *progress,
		       struct nf_err *err) MUST_CHECK;

/* Only the holder of a path's lock may check whether it is valid, move a tree into its
 * place and register it. */
struct path_locks {
	int dir_fd; /* borrowed */
	int *fds;
	const char **bases; /* borrowed */
	size_t len;
	bool *is_left; /* set by the caller, may be NULL: reports a file that could not be
			  removed */
};

/* Locks paths, named by their base names (borrowed) in any order. Each lock takes a file
 * descriptor. Always initialises L except for is_left. */
int path_locks_take(struct path_locks *l, const struct target *t,
		    const char *const *bases, size_t count, struct progress *progress,
		    struct nf_err *err) MUST_CHECK;
/* Takes the lock of a profile, which is a file beside the profile; DIR_FD is the
 * directory of profiles. */
int path_locks_take_profile(struct path_locks *l, const struct target *t, int dir_fd,
			    const char *name, struct progress *progress,
			    struct nf_err *err) MUST_CHECK;
/* Releases the locks and removes their files. A file that cannot be removed is left for a
 * later path_locks_sweep. */
void path_locks_release(struct path_locks *l);

/* Whether the path with that base name is valid. */
typedef int (*path_is_valid_fn)(void *ctx, struct nf_slice base, bool *ret,
				struct nf_err *err);

/* Removes the lock files of valid paths that no process holds: killed processes left
 * them. */
int path_locks_sweep(const struct target *t, path_is_valid_fn is_valid, void *ctx,
		     struct nf_err *err) MUST_CHECK;

#endif
