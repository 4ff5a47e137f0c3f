/* Hard links between the files of a store that have the same contents, as `nix-store
 * --optimise` makes them: STORE/.links holds a link to each file and symbolic link, named
 * after its hash. The first file of a tree with a new hash is linked in a directory of
 * our own, and from there into .links once it is on the disk.
 * Source: Nix, src/libstore/optimise-store.cc. */
#ifndef STORE_LINKS_H
#define STORE_LINKS_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/progress.h"
#include "store/target.h"
#include "store/tree_hashes.h"

struct store_links;

/* Opens or creates STORE/.links. TEMP_FD, private and in the same file system, receives
 * the new links and temporary names. All arguments are borrowed. */
int store_links_open(struct store_links **ret, const struct target *t, int temp_fd,
		     struct progress *progress, struct nf_err *err) MUST_CHECK;
void store_links_free(struct store_links *l);
DEFINE_CLEANUP(struct store_links *, store_links_free)

/* Replaces the objects of the tree NAME in TEMP_FD, which was unpacked while OBJECTS were
 * noted, by links to those with the same contents. An existing link is used only if it is
 * what unpacking would have made. Any thread. */
int store_links_share(struct store_links *l, const char *name,
		      const struct tree_hashes *objects, struct nf_err *err) MUST_CHECK;

/* The new links whose files a later target_sync will have written. One thread at a
 * time. */
struct store_links_batch {
	struct arena arena;
	const char **names;
	size_t len, cap;
};

int store_links_collect(struct store_links *l, struct store_links_batch *ret,
			struct nf_err *err) MUST_CHECK;
/* Moves them into STORE/.links. A note reports what cannot be moved. */
void store_links_publish(struct store_links *l, const struct store_links_batch *b);
void store_links_batch_release(struct store_links_batch *b);

/* How many objects were replaced by links, and the sum of their sizes. */
void store_links_tell(struct store_links *l, uint64_t *ret_count, uint64_t *ret_bytes);

#endif
