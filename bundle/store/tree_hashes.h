/* The objects of a tree, noted while its NAR is read, each with the hash that names it in
 * a store's directory of links: the SHA-256 of the NAR of that file or link alone. */
#ifndef TREE_HASHES_H
#define TREE_HASHES_H

#include <nixferry/hash.h>
#include <nixferry/nar.h>
#include <nixferry/stream.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct tree_object {
	enum nf_nar_kind kind;	    /* DIRECTORY, LEAVE, FILE or SYMLINK */
	const char *name;	    /* empty for the topmost object and for LEAVE */
	const struct nf_hash *hash; /* of a FILE or SYMLINK */
};

struct tree_hashes {
	struct tree_object *objects;
	size_t len, cap;
	struct arena arena;	      /* names and hashes */
	struct nf_nar_writer *writer; /* of the NAR of the open file */
	struct hasher *hasher;	      /* and its hash */
	struct nf_sink sink;	      /* between the two */
};

void tree_hashes_init(struct tree_hashes *t);
void tree_hashes_release(struct tree_hashes *t);

/* Notes the next event of a NAR. Of a tree with more than TREE_OBJECTS_MAX objects it
 * notes the first ones. */
void tree_hashes_note(struct tree_hashes *t, const struct nf_nar_event *ev);

#endif
