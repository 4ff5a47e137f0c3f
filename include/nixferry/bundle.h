/* Bundles: one signed, portable file of verified NARs. docs/bundle-format.md describes
 * the format. */
#ifndef NIXFERRY_BUNDLE_H
#define NIXFERRY_BUNDLE_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/hash.h>
#include <nixferry/key.h>
#include <nixferry/storepath.h>
#include <nixferry/stream.h>
#include <nixferry/watch.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

NF_BEGIN_DECLS

/* "nix-cache-info", "HASH.narinfo", "nar/NARHASH.nar.zst" */
#define NF_MEMBER_NAME_MAX 99

/* Compression of a path whose NAR is a patch, in its narinfo. */
#define NF_BUNDLE_PATCH "patch"
/* Paths that a NAR may be made from. */
#define NF_BUNDLE_BASES_MAX 4

struct nf_bundle_member {
	char name[NF_MEMBER_NAME_MAX + 1];
	uint64_t offset; /* of the first content byte, relative to the start of the
			    payload */
	uint64_t size;
	struct nf_hash digest; /* SHA-256 of the content */
	uint64_t inodes;       /* number that a NAR unpacks to; 0 for other members */
	/* A NAR that is a patch: the required paths that it is made from, as indices in
	 * the bundle's terms. None: the member is the whole NAR. */
	uint32_t bases[NF_BUNDLE_BASES_MAX];
	unsigned base_count;
};

/* The newest version of the format, and the oldest that is read. */
#define NF_BUNDLE_VERSION     2
#define NF_BUNDLE_VERSION_MIN 1

/* A path that a target store must have, with the NAR hash (SHA-256) of its contents. */
struct nf_bundle_required {
	struct nf_storepath path;
	struct nf_hash nar_hash;
};

/* The hash part of a path, and the one of the path that takes its place. */
struct nf_bundle_rewrite {
	char from[33];
	char to[33];
};

/* What a bundle says about the targets that it is for; all of it may be 0 or NULL. Needs
 * version 2. */
struct nf_bundle_terms {
	/* Paths that the bundle refers to without carrying them. */
	const struct nf_bundle_required *required;
	size_t required_count;
	/* A target takes no bundle of a series with a lower serial than it had before:
	 * letters, digits and ".-_", up to 64 characters, the first a letter or digit. */
	const char *series;
	uint64_t serial;
	const char *expires; /* the last day, in UTC, on which to import it:
				"2027-01-31" */
	/* Base names of the paths whose closures were left out. For people only. */
	const char *const *made_from;
	size_t made_from_count;
	/* What patches replace in the required paths that they are made from. */
	const struct nf_bundle_rewrite *rewrites;
	size_t rewrite_count;
};

/* ---- reading ---- */

/* A bundle whose signature was verified; a bundle that was not never exists as an object.
 * Every byte that it returns was checked against the signed block digests first. */
struct nf_bundle;

/* The keys that signed a bundle, known without trusting it: "NAME" strings. */
struct nf_bundle_signers {
	char **names;
	size_t count;
	char *claimed; /* for a bundle that is not trusted: the key "NAME:BASE64" that it
			  lists and that verifies its signature, or NULL. Anyone can make
			  such a bundle: compare the key with the right one. */
};
void nf_bundle_signers_release(struct nf_bundle_signers *s);

/* Reads the head of FD (borrowed; a file, or a pipe at its current position) and verifies
 * its signature against RING. NAME is for messages. Errors: NF_E_TRUST (no signature,
 * unknown keys, which are named, too few keys (nf_keyring_set_needed), or a wrong
 * signature), NF_E_FORMAT (not a bundle,
 * truncated, damaged), NF_E_LIMIT, NF_E_UNSUPPORTED (a later version). RET_SIGNERS may be
 * NULL; it is also set if the signature is not trusted. */
int nf_bundle_open(struct nf_bundle **ret, int fd, const char *name,
		   const struct nf_keyring *ring, struct nf_bundle_signers *ret_signers,
		   struct nf_err *err) NF_MUST_CHECK;
void nf_bundle_free(struct nf_bundle *b);

/* The name of the first trusted key that signed it, and the key, "NAME:BASE64". */
const char *nf_bundle_signed_by(const struct nf_bundle *b);
const char *nf_bundle_signing_key(const struct nf_bundle *b);
/* All different trusted keys that signed it, "NAME:BASE64"; at least one. */
size_t nf_bundle_trusted_key_count(const struct nf_bundle *b);
const char *nf_bundle_trusted_key(const struct nf_bundle *b, size_t i);
bool nf_bundle_is_seekable(const struct nf_bundle *b);

/* Version of its format, and its terms, which live as long as the bundle. */
unsigned nf_bundle_version(const struct nf_bundle *b);
const struct nf_bundle_terms *nf_bundle_terms(const struct nf_bundle *b);

/* The paths that the bundle was made for. */
size_t nf_bundle_root_count(const struct nf_bundle *b);
const struct nf_storepath *nf_bundle_root(const struct nf_bundle *b, size_t i);

/* In file order: nix-cache-info, all narinfos, then NARs, references first. */
size_t nf_bundle_member_count(const struct nf_bundle *b);
const struct nf_bundle_member *nf_bundle_member(const struct nf_bundle *b, size_t i);
/* Size of everything after the head, and of the whole bundle. */
uint64_t nf_bundle_payload_size(const struct nf_bundle *b);
uint64_t nf_bundle_total_size(const struct nf_bundle *b);

/* The verified bytes of member I, exactly its size. Close the source before freeing the
 * bundle. Seekable bundle: open members in any order, on any thread. Stream: open members
 * in increasing order; members in between are skipped; several may be open, each read by
 * its own thread (jobs may wait for a thread if threads take them in the members' order).
 * Damage is NF_E_HASH, which names the block; a premature end is NF_E_FORMAT. */
int nf_bundle_member_source(struct nf_bundle *b, size_t i, struct nf_source **ret,
			    struct nf_err *err) NF_MUST_CHECK;

/* After all members were read: verifies what they do not cover (tar headers, padding, the
 * trailer) and that nothing follows. Reads a stream to its end. */
int nf_bundle_check_rest(struct nf_bundle *b, struct nf_err *err) NF_MUST_CHECK;

/* ---- writing ---- */

/* A member to be written: NAME, SIZE, DIGEST and NODES as above (offset is computed), and
 * either BYTES or a file: OPEN returns an fd, which the writer closes, whose SIZE
 * bytes from FILE_OFFSET on are the content. It is called on several threads, and more
 * than once for a member. If has_xxh3, XXH3 must match the content of the file; otherwise
 * NF_E_HASH: bit rot. A patch has BASES, each of which the terms require. */
struct nf_bundle_input {
	char name[NF_MEMBER_NAME_MAX + 1];
	uint64_t size;
	struct nf_hash digest;
	uint64_t inodes;
	const void *bytes;
	int (*open)(void *ctx, size_t index, int *ret_fd, struct nf_err *err);
	uint64_t file_offset;
	bool has_xxh3;
	uint8_t xxh3[16];
	const struct nf_storepath *bases[NF_BUNDLE_BASES_MAX];
	unsigned base_count;
};

struct nf_bundle_write_options {
	const struct nf_bundle_input *inputs; /* in file order */
	size_t input_count;
	const struct nf_storepath *roots;
	size_t root_count;
	const struct nf_secret_key *key;
	unsigned version;		     /* of the format; 0: the newest */
	const struct nf_bundle_terms *terms; /* in any order; may be NULL */
	void *open_ctx;
	size_t jobs; /* threads that read and hash; 0: one per processor */
	const struct nf_watch *watch; /* may be NULL; counts bytes of the payload */
	uint64_t *ret_size; /* may be NULL; size of the whole bundle, set on success */
};

/* Writes the bundle to FD (borrowed): a regular file at offset 0 (written in parallel,
 * inputs read once) or anything else (inputs read twice: digests first). The same inputs,
 * roots, terms and key give the same bytes. Does not sync. */
int nf_bundle_write(int fd, const char *name, const struct nf_bundle_write_options *opts,
		    struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
