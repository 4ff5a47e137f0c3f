#include <nixferry/key.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <sodium.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/err.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/signature.h"

#define SECRET_KEY_SIZE 64
/* Characters of a secret key in base64, or of most of it. */
#define KEY_TEXT_MIN 60

_Static_assert(NF_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");
_Static_assert(NF_PUBLIC_KEY_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(SECRET_KEY_SIZE == crypto_sign_SECRETKEYBYTES, "Ed25519");

struct public_key {
	char *name;
	uint8_t bytes[NF_PUBLIC_KEY_SIZE];
};

struct nf_keyring {
	struct public_key *keys;
	size_t count;
	size_t cap;
	size_t needed_of_bundle, needed_of_path; /* signatures */
};

/* Everything here is in guarded memory, which is not aligned. */
struct nf_secret_key {
	char name[KEY_NAME_MAX + 1];
	uint8_t bytes[SECRET_KEY_SIZE]; /* the seed, then the public half */
};

/* May be called repeatedly and on any thread; fails only without a source of
 * randomness. */
static void start_sodium(void)
{
	if (sodium_init() < 0)
		abort();
}

/* While a secret is in memory, the process leaves no core dump, and processes of the same
 * user cannot trace it. */
static struct {
	pthread_mutex_t lock;
	size_t count;
	int was_dumpable;
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hold(void)
{
	pthread_mutex_lock(&held.lock);
	if (held.count++ == 0) {
		held.was_dumpable = prctl(PR_GET_DUMPABLE);
		prctl(PR_SET_DUMPABLE, 0);
	}
	pthread_mutex_unlock(&held.lock);
}

static void release(void)
{
	pthread_mutex_lock(&held.lock);
	/* 2 cannot be set. */
	if (--held.count == 0 && held.was_dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1);
	pthread_mutex_unlock(&held.lock);
}

/* Memory that is locked, left out of core dumps, and wiped when it is freed. */
static void *secret_alloc(size_t size)
{
	void *p;

	start_sodium();
	hold();
	p = sodium_malloc(size);
	if (!p)
		abort();
	return p;
}

static void secret_drop(void *p)
{
	if (!p)
		return;
	sodium_free(p);
	release();
}

static void secret_free(void *p)
{
	secret_drop(*(void **)p);
}

/* ---- text ---- */

/* Splits "NAME:BASE64". WHAT is for the error, which never quotes possibly secret
 * text. */
static int split(struct nf_slice text, struct nf_slice *ret_name,
		 struct nf_slice *ret_base64, const char *what, struct nf_err *err)
{
	struct nf_slice name = slice_cut(&text, ':');

	if (!text.ptr)
		return err_set(err, NF_E_FORMAT, "%s: no ':' after its name", what);
	if (!signature_is_name(name))
		return err_set(
			err, NF_E_FORMAT,
			"%s: its name must have 1 to %d printable characters and no space",
			what, KEY_NAME_MAX);
	*ret_name = name;
	*ret_base64 = text;
	return 0;
}

static size_t text_size(const char *name, size_t size)
{
	return strlen(name) + 1 + base64_len(size) + 1;
}

/* OUT has room for text_size bytes. */
static char *join(char *out, const char *name, const uint8_t *bytes, size_t size)
{
	size_t len = strlen(name);

	memcpy(out, name, len);
	out[len] = ':';
	base64_encode(out + len + 1, bytes, size);
	return out;
}

static char *new_text(const char *name, const uint8_t *bytes, size_t size)
{
	return join(mem_alloc(text_size(name, size)), name, bytes, size);
}

/* ---- public keys ---- */

struct nf_keyring *nf_keyring_new(void)
{
	struct nf_keyring *ring = mem_calloc(1, sizeof(*ring));

	start_sodium();
	nf_keyring_set_needed(ring, 1, 1);
	return ring;
}

void nf_keyring_free(struct nf_keyring *ring)
{
	if (!ring)
		return;
	for (size_t i = 0; i < ring->count; i++)
		free(ring->keys[i].name);
	free(ring->keys);
	free(ring);
}

static bool has_name(const struct public_key *key, struct nf_slice name)
{
	return nf_slice_is(name, key->name);
}

static bool has_key(const struct nf_keyring *ring, struct nf_slice name,
		    const uint8_t bytes[NF_PUBLIC_KEY_SIZE])
{
	for (size_t i = 0; i < ring->count; i++)
		if (has_name(&ring->keys[i], name) &&
		    memcmp(ring->keys[i].bytes, bytes, NF_PUBLIC_KEY_SIZE) == 0)
			return true;
	return false;
}

static void add_key(struct nf_keyring *ring, struct nf_slice name,
		    const uint8_t bytes[NF_PUBLIC_KEY_SIZE])
{
	if (has_key(ring, name, bytes))
		return;
	MEM_GROW(ring->keys, ring->count, ring->cap);
	ring->keys[ring->count].name = mem_strndup(name.ptr, name.len);
	memcpy(ring->keys[ring->count].bytes, bytes, NF_PUBLIC_KEY_SIZE);
	ring->count++;
}

int nf_keyring_add(struct nf_keyring *ring, struct nf_slice text, struct nf_err *err)
{
	uint8_t bytes[NF_PUBLIC_KEY_SIZE];
	struct nf_slice name, base64;
	int rc;

	rc = split(slice_trim(text), &name, &base64, "public key", err);
	if (rc)
		return rc;
	if (!base64_decode(bytes, sizeof(bytes), base64))
		return err_set(err, NF_E_FORMAT,
			       "public key '%.*s': not 32 bytes in base64",
			       NF_SLICE_ARG(name));
	add_key(ring, name, bytes);
	return 0;
}

void nf_keyring_add_all(struct nf_keyring *ring, const struct nf_keyring *from)
{
	for (size_t i = 0; i < from->count; i++)
		add_key(ring, nf_slice_str(from->keys[i].name), from->keys[i].bytes);
	if (from->needed_of_bundle > ring->needed_of_bundle)
		ring->needed_of_bundle = from->needed_of_bundle;
	if (from->needed_of_path > ring->needed_of_path)
		ring->needed_of_path = from->needed_of_path;
}

void nf_keyring_set_needed(struct nf_keyring *ring, size_t of_bundle, size_t of_path)
{
	assert(of_bundle >= 1 && of_bundle <= NF_SIGNATURES_NEEDED_MAX);
	assert(of_path >= 1 && of_path <= NF_SIGNATURES_NEEDED_MAX);
	ring->needed_of_bundle = of_bundle;
	ring->needed_of_path = of_path;
}

size_t nf_keyring_needed_of_bundle(const struct nf_keyring *ring)
{
	return ring->needed_of_bundle;
}

size_t nf_keyring_needed_of_path(const struct nf_keyring *ring)
{
	return ring->needed_of_path;
}

bool nf_keyring_is_same_key(const struct nf_keyring *ring, size_t i, size_t k)
{
	return memcmp(ring->keys[i].bytes, ring->keys[k].bytes, NF_PUBLIC_KEY_SIZE) == 0;
}

size_t nf_keyring_count(const struct nf_keyring *ring)
{
	return ring->count;
}

const char *nf_keyring_name(const struct nf_keyring *ring, size_t i)
{
	return ring->keys[i].name;
}

const char *nf_keyring_known_name(const struct nf_keyring *ring, struct nf_slice name)
{
	for (size_t i = 0; i < ring->count; i++)
		if (nf_slice_is(name, ring->keys[i].name))
			return ring->keys[i].name;
	return NULL;
}

char *nf_keyring_format(const struct nf_keyring *ring, size_t i)
{
	return new_text(ring->keys[i].name, ring->keys[i].bytes, NF_PUBLIC_KEY_SIZE);
}

/* ---- signatures ---- */

bool nf_keyring_knows(const struct nf_keyring *ring, struct nf_slice name)
{
	for (size_t i = 0; i < ring->count; i++)
		if (has_name(&ring->keys[i], name))
			return true;
	return false;
}

int nf_keyring_find(const struct nf_keyring *ring, struct nf_slice sig,
		    const void *message, size_t len, size_t *ret_index,
		    struct nf_err *err)
{
	uint8_t bytes[NF_SIGNATURE_SIZE];
	struct nf_slice name, base64;
	int rc;

	rc = split(sig, &name, &base64, "signature", err);
	if (rc)
		return rc;
	if (!nf_keyring_knows(ring, name))
		return err_set(err, NF_E_TRUST,
			       "signed by '%.*s', which is not a trusted key",
			       NF_SLICE_ARG(name));
	if (!base64_decode(bytes, sizeof(bytes), base64))
		return err_set(err, NF_E_FORMAT,
			       "the signature by '%.*s' is not 64 bytes in base64",
			       NF_SLICE_ARG(name));
	for (size_t i = 0; i < ring->count; i++)
		if (has_name(&ring->keys[i], name) &&
		    crypto_sign_verify_detached(bytes, message, len,
						ring->keys[i].bytes) == 0) {
			*ret_index = i;
			return 0;
		}
	return err_set(err, NF_E_TRUST, "the signature by '%.*s' is wrong",
		       NF_SLICE_ARG(name));
}

int nf_keyring_verify(const struct nf_keyring *ring, struct nf_slice sig,
		      const void *message, size_t len, struct nf_err *err)
{
	size_t index;

	return nf_keyring_find(ring, sig, message, len, &index, err);
}

char *nf_sign(const struct nf_secret_key *key, const void *message, size_t len)
{
	uint8_t sig[NF_SIGNATURE_SIZE];

	crypto_sign_detached(sig, NULL, message, len, key->bytes);
	return new_text(key->name, sig, sizeof(sig));
}

/* ---- secret keys ---- */

DEFINE_CLEANUP(struct nf_secret_key *, nf_secret_key_free)

static struct nf_secret_key *secret_key_new(struct nf_slice name)
{
	struct nf_secret_key *key = secret_alloc(sizeof(*key));

	memcpy(key->name, name.ptr, name.len);
	key->name[name.len] = '\0';
	return key;
}

/* With the public half of another key, nobody could verify a signature, and signing would
 * reveal the secret. */
static bool halves_match(const struct nf_secret_key *key)
{
	AUTO(secret_free) uint8_t *derived = secret_alloc(SECRET_KEY_SIZE);
	uint8_t public_half[NF_PUBLIC_KEY_SIZE];

	crypto_sign_seed_keypair(public_half, derived, key->bytes);
	return sodium_memcmp(derived, key->bytes, SECRET_KEY_SIZE) == 0;
}

int nf_secret_key_parse(struct nf_secret_key **ret, struct nf_slice text,
			struct nf_err *err)
{
	AUTO(nf_secret_key_freep) struct nf_secret_key *key = NULL;
	struct nf_slice name, base64;
	int rc;

	rc = split(slice_trim(text), &name, &base64, "secret key", err);
	if (rc)
		return rc;
	key = secret_key_new(name);
	if (!base64_decode(key->bytes, SECRET_KEY_SIZE, base64))
		return err_set(err, NF_E_FORMAT,
			       "secret key '%s': not 64 bytes in base64", key->name);
	if (!halves_match(key))
		return err_set(err, NF_E_FORMAT,
			       "secret key '%s': its public half belongs to another key",
			       key->name);
	*ret = TAKE_PTR(key);
	return 0;
}

/* As ssh requires; a key that belongs to root may be readable by a group. */
static int check_secrecy(int fd, const char *file, struct nf_err *err)
{
	struct stat st;
	uid_t user = geteuid();

	if (fstat(fd, &st))
		return err_sys(err, "secret key '%s'", file);
	if (st.st_uid != user && st.st_uid != 0)
		return err_set(
			err, NF_E_USAGE,
			"secret key '%s' belongs to user %u, who can read it: use another key",
			file, st.st_uid);
	if (st.st_mode & (st.st_uid == user ? S_IRWXG | S_IRWXO : S_IRWXO))
		return err_set(
			err, NF_E_USAGE,
			"secret key '%s' can be read by other users (mode %04o): change its mode to 0600",
			file, st.st_mode & 07777);
	return 0;
}

/* A name that is taken for a file's, but long enough for a key, is not to be shown. */
static bool may_be_key(const char *file)
{
	const char *colon = strchr(file, ':');

	return colon && strlen(colon + 1) >= KEY_TEXT_MIN;
}

int nf_secret_key_read(struct nf_secret_key **ret, const char *file, struct nf_err *err)
{
	AUTO(secret_free) char *text = secret_alloc(KEY_FILE_MAX + 1);
	AUTO_FD int fd = -1;
	size_t len = 0;
	int rc = file_open_input(&fd, file, err);

	if (rc && may_be_key(file))
		return err_set(
			err, NF_E_USAGE,
			"secret key: give the name of its file, not the key itself");
	if (rc == -NF_E_MISSING)
		return err_set(err, NF_E_USAGE, "secret key '%s': no such file", file);
	if (rc)
		return err_prefix(err, rc, "secret key");
	rc = check_secrecy(fd, file, err);
	if (!rc)
		rc = file_read_stream(fd, text, KEY_FILE_MAX + 1, &len, file, err);
	if (rc)
		return rc;
	if (len > KEY_FILE_MAX)
		return err_set(err, NF_E_LIMIT, "secret key '%s': over %llu bytes", file,
			       KEY_FILE_MAX);
	rc = nf_secret_key_parse(ret, nf_slice(text, len), err);
	return rc ? err_prefix(err, rc, "'%s'", file) : 0;
}

int nf_secret_key_generate(struct nf_secret_key **ret, struct nf_slice name,
			   struct nf_err *err)
{
	uint8_t public_half[NF_PUBLIC_KEY_SIZE];

	if (!signature_is_name(name))
		return err_set(
			err, NF_E_USAGE,
			"a key's name has 1 to %d printable characters, no space and no ':'",
			KEY_NAME_MAX);
	*ret = secret_key_new(name);
	crypto_sign_keypair(public_half, (*ret)->bytes);
	return 0;
}

void nf_secret_key_free(struct nf_secret_key *key)
{
	secret_drop(key);
}

const char *nf_secret_key_name(const struct nf_secret_key *key)
{
	return key->name;
}

char *nf_secret_key_public(const struct nf_secret_key *key)
{
	return new_text(key->name, key->bytes + SECRET_KEY_SIZE - NF_PUBLIC_KEY_SIZE,
			NF_PUBLIC_KEY_SIZE);
}

char *nf_secret_key_text(const struct nf_secret_key *key)
{
	char *text = secret_alloc(text_size(key->name, SECRET_KEY_SIZE));

	return join(text, key->name, key->bytes, SECRET_KEY_SIZE);
}

void nf_secret_text_free(char *text)
{
	secret_drop(text);
}
