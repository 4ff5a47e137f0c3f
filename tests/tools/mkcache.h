/* Makes binary caches without Nix: from real trees, from random ones, and from NARs that
 * no honest cache would serve. */
#ifndef MKCACHE_H
#define MKCACHE_H

#include <nixferry/key.h>
#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* In trees that refer to themselves, these 32 characters stand for the hash part of their
 * path. */
#define MKCACHE_SELF "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct mkcache_options {
	const char *cache; /* the directory; created if it is missing */
	const char *name;
	const char *tree;
	const char *nar;
	const char *kind;
	const char *compress;
	const char *sign; /* a secret key file, or NULL */
	const char *deriver;
	struct nf_storepath *refs;
	size_t nrefs;
	size_t refs_cap;
	bool self_ref;
	bool input_addressed;
	bool no_ca;
	bool as_pool; /* with the fields of a pool, one object per NAR */
	uint64_t paths;
	uint64_t seed;
	uint64_t max_size;
};

/* A NAR in memory that other programs can read too. */
struct mkcache_nar {
	int fd;
	char *bytes; /* mapped by mkcache_nar_map */
	size_t size;
};

int mkcache_nar_new(struct mkcache_nar *nar, struct nf_err *err) MUST_CHECK;
void mkcache_nar_release(struct mkcache_nar *nar);

/* False statements of the narinfo. */
struct mkcache_lies {
	uint64_t nar_size; /* 0: true value */
	bool nar_hash;
};

struct mkcache {
	int dir_fd;
	const struct mkcache_options *opts;
	struct nf_secret_key *key; /* NULL: unsigned */
};

int mkcache_open(struct mkcache *m, const struct mkcache_options *opts,
		 struct nf_err *err) MUST_CHECK;
void mkcache_close(struct mkcache *m);

/* Puts the NAR that was written to nar->fd into the cache as NAME, with the references of
 * OPTS and REFS, and returns its path. LIES may be NULL. */
int mkcache_put(struct mkcache *m, struct mkcache_nar *nar, const char *name,
		const struct nf_storepath *refs, size_t nrefs,
		const struct mkcache_lies *lies, struct nf_storepath *ret,
		struct nf_err *err) MUST_CHECK;

/* Replaces the signatures in a path's narinfo, which may have been edited. */
int mkcache_sign(struct mkcache *m, const struct nf_storepath *path,
		 struct nf_err *err) MUST_CHECK;

/* opts->paths random paths that refer to each other, all in the closure of the last;
 * each is printed. */
int mkcache_generate(struct mkcache *m, struct nf_err *err) MUST_CHECK;

/* A NAR of the hostile kind opts->kind. */
int mkcache_hostile(struct mkcache *m, struct nf_storepath *ret,
		    struct nf_err *err) MUST_CHECK;
/* The names of the kinds, one per line. */
void mkcache_hostile_list(void);

#endif
