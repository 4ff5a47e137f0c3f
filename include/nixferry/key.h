/* Ed25519 keys and signatures in Nix's text form "NAME:BASE64", so that Nix can verify
 * what nixferry signed. Source of the format: Nix,
 * src/libutil/signature/local-keys.cc. */
#ifndef NIXFERRY_KEY_H
#define NIXFERRY_KEY_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/pathinfo.h>
#include <nixferry/slice.h>
#include <stdbool.h>

NF_BEGIN_DECLS

#define NF_SIGNATURE_SIZE  64
#define NF_PUBLIC_KEY_SIZE 32
#define NF_DEFAULT_PUBLIC_KEY                                                            \
	"cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

/* A set of trusted public keys. Several keys may have the same name. */
struct nf_keyring;

struct nf_keyring *nf_keyring_new(void);
void nf_keyring_free(struct nf_keyring *ring);

/* "NAME:BASE64" of 32 bytes; surrounding white space is allowed. */
int nf_keyring_add(struct nf_keyring *ring, struct nf_slice text,
		   struct nf_err *err) NF_MUST_CHECK;
/* Adds every key of FROM; from then on, at least as many signatures are needed as with
 * FROM. */
void nf_keyring_add_all(struct nf_keyring *ring, const struct nf_keyring *from);
size_t nf_keyring_count(const struct nf_keyring *ring);

/* How many different keys of the ring must have signed a bundle (for nf_bundle_open) and
 * a path (for nf_trust_pathinfo; a content address needs none). The default is 1; the
 * maximum is NF_SIGNATURES_NEEDED_MAX. A key with two names is one key. */
#define NF_SIGNATURES_NEEDED_MAX 64
void nf_keyring_set_needed(struct nf_keyring *ring, size_t of_bundle, size_t of_path);
size_t nf_keyring_needed_of_bundle(const struct nf_keyring *ring);
size_t nf_keyring_needed_of_path(const struct nf_keyring *ring);

/* Whether the I-th and the K-th are one key with two names. */
bool nf_keyring_is_same_key(const struct nf_keyring *ring, size_t i, size_t k);

/* The name of the I-th key (I < count). */
const char *nf_keyring_name(const struct nf_keyring *ring, size_t i);
/* The ring's own copy of the name of a key; NULL if it has no key of that name. */
const char *nf_keyring_known_name(const struct nf_keyring *ring, struct nf_slice name);
/* "NAME:BASE64" of the I-th key; the caller frees it. */
char *nf_keyring_format(const struct nf_keyring *ring, size_t i);

/* Checks one signature "NAME:BASE64" over a message. Returns 0 only if a key of that name
 * is in the ring and verifies it. NF_E_TRUST for an unknown name or a wrong signature, as
 * the text says; NF_E_FORMAT for a signature that cannot be read. */
int nf_keyring_verify(const struct nf_keyring *ring, struct nf_slice sig,
		      const void *message, size_t len, struct nf_err *err) NF_MUST_CHECK;

/* The same; also returns which key verified it. */
int nf_keyring_find(const struct nf_keyring *ring, struct nf_slice sig,
		    const void *message, size_t len, size_t *ret_index,
		    struct nf_err *err) NF_MUST_CHECK;

/* Whether a key of that name is in the ring. */
bool nf_keyring_knows(const struct nf_keyring *ring, struct nf_slice name);

/* A secret key; its memory is locked if the system allows it, left out of core dumps, and
 * wiped when freed. While there is one, the process is not dumpable (PR_SET_DUMPABLE). */
struct nf_secret_key;

int nf_secret_key_parse(struct nf_secret_key **ret, struct nf_slice text,
			struct nf_err *err) NF_MUST_CHECK;
int nf_secret_key_read(struct nf_secret_key **ret, const char *file,
		       struct nf_err *err) NF_MUST_CHECK;
/* Generates a random key. */
int nf_secret_key_generate(struct nf_secret_key **ret, struct nf_slice name,
			   struct nf_err *err) NF_MUST_CHECK;
void nf_secret_key_free(struct nf_secret_key *key);

const char *nf_secret_key_name(const struct nf_secret_key *key);
/* "NAME:BASE64" of the public half and of the whole key; the caller frees both (the
 * second with nf_secret_text_free, which wipes it). */
char *nf_secret_key_public(const struct nf_secret_key *key);
char *nf_secret_key_text(const struct nf_secret_key *key);
void nf_secret_text_free(char *text);

/* "NAME:BASE64" over a message; the caller's (free()). */
char *nf_sign(const struct nf_secret_key *key, const void *message, size_t len);

/* The signed text of a path: "1;PATH;sha256:NIX32;SIZE;REF,REF..." (full paths). The
 * caller frees it. */
char *nf_pathinfo_fingerprint(const struct nf_pathinfo *info);

NF_END_DECLS

#endif
