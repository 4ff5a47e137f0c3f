/* Unpacks a NAR into a tree with Nix's canonical metadata. */
#ifndef UNPACK_H
#define UNPACK_H

#include <nixferry/stream.h>
#include <stdint.h>

#include "base/err.h"
#include "store/tree_hashes.h"

/* What is to be known of a tree that is unpacked. */
struct unpack_notes {
	uint64_t inodes;	    /* the number of its objects */
	struct tree_hashes *hashes; /* its objects; NULL: do not hash them */
};

/* Unpacks SRC (borrowed; must verify its own bytes, see nar_checked_source) as NAME in
 * DIR_FD, where that name must not exist. Uses only *at calls with O_NOFOLLOW and O_EXCL.
 * Files get mode 0444 or 0555, directories 0555 (the topmost stays 0755 until
 * unpack_finish), times 1, whatever the umask. On failure a partial tree may remain.
 * NOTES may be NULL. */
int unpack_nar(struct nf_source *src, int dir_fd, const char *name,
	       struct unpack_notes *notes, struct nf_err *err) MUST_CHECK;

/* Moves NAME of FROM_FD to TO_NAME of TO_FD (same file system; replaces nothing) and
 * gives a topmost directory its final mode and time. */
int unpack_finish(int from_fd, const char *name, int to_fd, const char *to_name,
		  struct nf_err *err) MUST_CHECK;

/* The same, and what is there under TO_NAME moves to FROM_FD, as NAME or, where the file
 * system cannot exchange two names at once, as NAME with ".old" added. Nothing need be
 * there. */
int unpack_replace(int from_fd, const char *name, int to_fd, const char *to_name,
		   struct nf_err *err) MUST_CHECK;

#endif
