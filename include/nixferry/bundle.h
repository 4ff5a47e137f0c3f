/* Bundles: one signed, portable file of verified NARs. The format is
 * docs/bundle-format.md. */
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

struct nf_bundle_member {
	char name[NF_MEMBER_NAME_MAX + 1];
	uint64_t offset; /* of the first content byte, from the start of the payload */
	uint64_t size;
	struct nf_hash digest; /* SHA-256 of the content */
	uint64_t inodes;       /* that a NAR unpacks to; 0 for others */
};

/* ---- reading ---- */

/* A bundle whose signature was verified: no other exists. Every byte that comes out of it
 * was checked against the signed block digests before anything else saw it. */
struct nf_bundle;

/* The keys that signed a bundle, told without trusting it: "NAME" strings. */
struct nf_bundle_signers {
	char **names;
	size_t count;
	char *claimed; /* of a bundle that is not trusted: the key "NAME:BASE64" that it
			  tells of and that verifies its signature, or NULL. Anybody can
			  make such a bundle: it must be compared with the right key. */
};
void nf_bundle_signers_release(struct nf_bundle_signers *s);

/* Reads the head of FD (borrowed; a file, or a pipe that is read from where it is) and
 * verifies its signature against RING. NAME is for messages. Errors: NF_E_TRUST (no
 * signature, unknown keys: named; a wrong signature), NF_E_FORMAT (no bundle, truncated,
 * damaged), NF_E_LIMIT, NF_E_UNSUPPORTED (a later version). RET_SIGNERS may be NULL; it
 * is filled also when the signature is not trusted. */
int nf_bundle_open(struct nf_bundle **ret, int fd, const char *name,
		   const struct nf_keyring *ring, struct nf_bundle_signers *ret_signers,
		   struct nf_err *err) NF_MUST_CHECK;
void nf_bundle_free(struct nf_bundle *b);

/* The name of the trusted key that signed it, and the key, "NAME:BASE64". */
const char *nf_bundle_signed_by(const struct nf_bundle *b);
const char *nf_bundle_signing_key(const struct nf_bundle *b);
bool nf_bundle_is_seekable(const struct nf_bundle *b);

/* The paths that the bundle was made for. */
size_t nf_bundle_root_count(const struct nf_bundle *b);
const struct nf_storepath *nf_bundle_root(const struct nf_bundle *b, size_t i);

/* In file order: nix-cache-info, all narinfos, then NARs, references first. */
size_t nf_bundle_member_count(const struct nf_bundle *b);
const struct nf_bundle_member *nf_bundle_member(const struct nf_bundle *b, size_t i);
/* Bytes after the head, and of the whole bundle. */
uint64_t nf_bundle_payload_size(const struct nf_bundle *b);
uint64_t nf_bundle_total_size(const struct nf_bundle *b);

/* The verified bytes of member I, exactly its size. The source must be closed before the
 * bundle is freed. Of a seekable bundle: in any order, from any threads. Of a stream:
 * members must be opened in increasing order, those left out are skipped; several may be
 * open and must then be read by a thread each (jobs that wait for a thread are fine where
 * threads take them in the members' order). Damage is NF_E_HASH naming the block, the
 * end of the file NF_E_FORMAT. */
int nf_bundle_member_source(struct nf_bundle *b, size_t i, struct nf_source **ret,
			    struct nf_err *err) NF_MUST_CHECK;

/* Verifies what member sources do not cover (tar headers, padding, the trailer) and that
 * nothing follows, after all members were read; for a stream this reads to its end. */
int nf_bundle_check_rest(struct nf_bundle *b, struct nf_err *err) NF_MUST_CHECK;

/* ---- writing ---- */

/* A member to be written: NAME, SIZE, DIGEST and NODES as above (offset is computed), and
 * either BYTES or a file: OPEN gives an fd (the writer closes it) whose first SIZE bytes
 * are the content; it is called from several threads, and more than once for a member.
 * XXH3 (where has_xxh3) must match what the file holds, else NF_E_HASH: bit rot. */
struct nf_bundle_input {
	char name[NF_MEMBER_NAME_MAX + 1];
	uint64_t size;
	struct nf_hash digest;
	uint64_t inodes;
	const void *bytes;
	int (*open)(void *ctx, size_t index, int *ret_fd, struct nf_err *err);
	bool has_xxh3;
	uint8_t xxh3[16];
};

struct nf_bundle_write_options {
	const struct nf_bundle_input *inputs; /* in file order */
	size_t input_count;
	const struct nf_storepath *roots;
	size_t root_count;
	const struct nf_secret_key *key;
	void *open_ctx;
	size_t jobs;		      /* threads that read and hash; 0: one a processor */
	const struct nf_watch *watch; /* may be NULL; its bytes are the payload's */
	uint64_t *ret_size;	      /* may be NULL; of the whole bundle, on success */
};

/* Writes the bundle to FD (borrowed): a regular file at offset 0 (written in parallel,
 * read once) or anything else (read twice: digests first). The same inputs, roots and key
 * give the same bytes. Nothing is synced. */
int nf_bundle_write(int fd, const char *name, const struct nf_bundle_write_options *opts,
		    struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
