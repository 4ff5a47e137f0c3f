/* NARs written as words, well-formed or not, for tests. */
#ifndef NAR_SCRIPT_H
#define NAR_SCRIPT_H

#include <nixferry/nar.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* Appends to OUT what the words of SCRIPT, separated by one space, stand for:
 *   ''      the empty string
 *   #N      a bare 64-bit number
 *   c*N     a string of N times the character c
 *   !s      the string s with a last padding byte that is not zero
 *   s       the string s; in it '@' stands for a NUL, '_' for a space, '~' for LF */
void nar_script(struct buf *out, const char *script);

#define NAR_FILE(text)	      "regular contents " text
#define NAR_EXE(text)	      "regular executable '' contents " text
#define NAR_LINK(target)      "symlink target " target
#define NAR_ROOT(node)	      "nix-archive-1 ( type " node " )"
#define NAR_DIR		      "nix-archive-1 ( type directory"
#define NAR_ENTRY(name, node) " entry ( name " name " node ( type " node " ) )"

/* The vectors whose Nix hash is known. */
struct nar_vector {
	const char *what;
	const char *script;
	size_t size;
	const char *hash;
};
extern const struct nar_vector nar_vectors[];
#define NAR_VECTORS 6

/* The vector with one object of each kind. */
#define NAR_VECTOR_TREE 5

/* Reads the NAR in runs of at most CHUNK bytes (0: one) and writes it back to OUT. */
int nar_rewrite(struct buf *out, struct nf_slice nar, size_t chunk, struct nf_err *err);

#endif
