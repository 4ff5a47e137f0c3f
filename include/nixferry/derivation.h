/* Derivations: the contents of .drv files.
 * Source of the format: Nix, doc/manual/source/protocols/derivation-aterm.md and
 * src/libstore/derivations.cc. */
#ifndef NIXFERRY_DERIVATION_H
#define NIXFERRY_DERIVATION_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>

NF_BEGIN_DECLS

/* Kinds of outputs:
 *                path    hash_algo   hash
 *   by inputs    known   empty       empty
 *   fixed        known   "r:sha256"  base16
 *   floating     empty   "r:sha256"  empty      path known only after building
 *   impure       empty   "r:sha256"  "impure"   likewise
 *   deferred     empty   empty       empty      likewise: an input floats
 * The algorithm and the hash are not looked into. */
struct nf_drv_output {
	struct nf_slice name; /* "out" */
	struct nf_slice path; /* base name, checked, or empty */
	struct nf_slice hash_algo;
	struct nf_slice hash;
};

/* A derivation that must exist before this one can be built. */
struct nf_drv_input {
	struct nf_slice drv;	  /* base name, checked, ends in ".drv" */
	struct nf_slice *outputs; /* names of the required outputs, sorted, unique */
	size_t noutputs;
};

struct nf_drv_var {
	struct nf_slice name;
	struct nf_slice value;
};

/* All slices point into memory that the struct owns. Every list but args is sorted by
 * its elements' first member, without duplicates. */
struct nf_derivation {
	struct nf_drv_output *outputs;
	size_t noutputs; /* > 0 */
	struct nf_drv_input *inputs;
	size_t ninputs;
	struct nf_slice *srcs; /* base names, checked */
	size_t nsrcs;
	struct nf_slice system;
	struct nf_slice builder;
	struct nf_slice *args;
	size_t nargs;
	struct nf_drv_var *env;
	size_t nenv;
	struct arena *arena; /* private */
};

/* Accepts only what Nix writes, byte for byte: a parsed derivation formats to the same
 * text. NF_E_FORMAT names the offset. NF_E_UNSUPPORTED names the variant with dynamic
 * derivations (DrvWithVersion("xp-dyn-drv",...)) or a later one. D is always
 * initialised. */
int nf_derivation_parse(struct nf_derivation *d, struct nf_slice text,
			struct nf_err *err) NF_MUST_CHECK;
void nf_derivation_release(struct nf_derivation *d);

/* The text of the .drv file (free()). */
char *nf_derivation_format(const struct nf_derivation *d, size_t *ret_len);

/* The output or variable of that name, or NULL. */
const struct nf_drv_output *nf_derivation_output(const struct nf_derivation *d,
						 struct nf_slice name);
const struct nf_drv_var *nf_derivation_var(const struct nf_derivation *d,
					   struct nf_slice name);

/* Whether outputs may come from a cache instead of being built: the attribute
 * allowSubstitutes, by default true. NF_E_FORMAT if structured attributes are not a JSON
 * object or contain something other than a Boolean there. */
int nf_derivation_allow_substitutes(const struct nf_derivation *d, bool *ret,
				    struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
