#include "base/hash.h"

#include <stdatomic.h>
#include <string.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <openssl/evp.h>
#include <sodium.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/encoding.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"

static const struct {
	const char *name;
	size_t size;
	const EVP_MD *(*md)(void);
} algos[] = {
	[NF_MD5] = { "md5", 16, EVP_md5 },
	[NF_SHA1] = { "sha1", 20, EVP_sha1 },
	[NF_SHA256] = { "sha256", 32, EVP_sha256 },
	[NF_SHA512] = { "sha512", 64, EVP_sha512 },
};

size_t nf_hash_size(enum nf_hash_algo algo)
{
	return algos[algo].size;
}

const char *nf_hash_algo_name(enum nf_hash_algo algo)
{
	return algos[algo].name;
}

bool nf_hash_algo_parse(enum nf_hash_algo *ret, struct nf_slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(algos); i++) {
		if (nf_slice_is(name, algos[i].name)) {
			*ret = (enum nf_hash_algo)i;
			return true;
		}
	}
	return false;
}

int nf_hash_parse_digest(struct nf_hash *h, enum nf_hash_algo algo,
			 struct nf_slice digest, struct nf_err *err)
{
	size_t size = nf_hash_size(algo);
	bool good = false;

	*h = (struct nf_hash){ .algo = algo };
	if (digest.len == 2 * size)
		good = base16_decode(h->bytes, size, digest);
	else if (digest.len == nix32_len(size))
		good = nix32_decode(h->bytes, size, digest);
	else if (digest.len == base64_len(size))
		good = base64_decode(h->bytes, size, digest);
	else
		return err_set(err, NF_E_FORMAT,
			       "hash '%.*s' has the wrong length for %s",
			       (int)(digest.len < 150 ? digest.len : 150), digest.ptr,
			       nf_hash_algo_name(algo));
	if (!good)
		return err_set(err, NF_E_FORMAT, "hash '%.*s' is not a valid %s hash",
			       NF_SLICE_ARG(digest), nf_hash_algo_name(algo));
	return 0;
}

/* "ALGO:DIGEST" or "ALGO-BASE64". */
int nf_hash_parse(struct nf_hash *h, struct nf_slice text, struct nf_err *err)
{
	struct nf_slice digest = text;
	struct nf_slice name = slice_cut(&digest, ':');
	bool sri = !digest.ptr;
	enum nf_hash_algo algo;

	*h = (struct nf_hash){ 0 };
	if (sri) {
		digest = text;
		name = slice_cut(&digest, '-');
	}
	if (!digest.ptr)
		return err_set(err, NF_E_FORMAT, "hash '%.*s' does not name an algorithm",
			       (int)(text.len < 150 ? text.len : 150), text.ptr);
	if (!nf_hash_algo_parse(&algo, name))
		return err_set(err, NF_E_UNSUPPORTED,
			       "hash algorithm '%.*s' is not supported",
			       (int)(name.len < 32 ? name.len : 32), name.ptr);
	if (sri && digest.len != base64_len(nf_hash_size(algo)))
		return err_set(err, NF_E_FORMAT,
			       "hash '%.*s' has the wrong length for %s",
			       (int)(text.len < 150 ? text.len : 150), text.ptr,
			       nf_hash_algo_name(algo));
	return nf_hash_parse_digest(h, algo, digest, err);
}

char *nf_hash_format(char out[NF_HASH_TEXT_MAX], const struct nf_hash *h,
		     enum nf_hash_form form)
{
	size_t size = nf_hash_size(h->algo);
	char *at = stpcpy(out, nf_hash_algo_name(h->algo));

	*at++ = form == NF_SRI ? '-' : ':';
	switch (form) {
	case NF_HEX:
		base16_encode(at, h->bytes, size);
		break;
	case NF_NIX32:
		nix32_encode(at, h->bytes, size);
		break;
	case NF_BASE64:
	case NF_SRI:
		base64_encode(at, h->bytes, size);
		break;
	}
	return out;
}

bool nf_hash_eq(const struct nf_hash *a, const struct nf_hash *b)
{
	return a->algo == b->algo &&
	       memcmp(a->bytes, b->bytes, nf_hash_size(a->algo)) == 0;
}

struct hasher {
	EVP_MD_CTX *ctx;
	enum nf_hash_algo algo;
};

/* OpenSSL fails here only when out of memory or without the algorithm. */
static void must(int good)
{
	if (!good)
		abort();
}

struct hasher *hasher_new(enum nf_hash_algo algo)
{
	struct hasher *h = mem_alloc(sizeof(*h));

	h->algo = algo;
	h->ctx = EVP_MD_CTX_new();
	must(h->ctx != NULL);
	must(EVP_DigestInit_ex(h->ctx, algos[algo].md(), NULL));
	return h;
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hasher_update(struct hasher *h, const void *p, size_t len)
{
	must(EVP_DigestUpdate(h->ctx, p, len));
}

void hasher_final(struct hasher *h, struct nf_hash *ret)
{
	*ret = (struct nf_hash){ .algo = h->algo };
	must(EVP_DigestFinal_ex(h->ctx, ret->bytes, NULL));
}

void hash_bytes(struct nf_hash *ret, enum nf_hash_algo algo, const void *p, size_t len)
{
	*ret = (struct nf_hash){ .algo = algo };
	must(EVP_Digest(p, len, ret->bytes, NULL, algos[algo].md(), NULL));
}

void blake2b(uint8_t out[BLAKE2B_SIZE], const void *p, size_t len)
{
	must(sodium_init() >= 0 &&
	     crypto_generichash(out, BLAKE2B_SIZE, p, len, NULL, 0) == 0);
}

#if defined(__x86_64__) || defined(__i386__)
static bool has_sha_ni(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* In a virtual machine, cpuid costs a switch to the hypervisor: it runs once. */
bool hash_sha256_is_fast(void)
{
	static atomic_int known; /* 1: no, 2: yes */
	int is = atomic_load_explicit(&known, memory_order_relaxed);

	if (!is) {
		is = has_sha_ni() ? 2 : 1;
		atomic_store_explicit(&known, is, memory_order_relaxed);
	}
	return is == 2;
}
#elif defined(__aarch64__)
bool hash_sha256_is_fast(void)
{
	return getauxval(AT_HWCAP) & HWCAP_SHA2;
}
#else
bool hash_sha256_is_fast(void)
{
	return false;
}
#endif

uint64_t xxh3_64(const void *p, size_t len)
{
	return XXH3_64bits(p, len);
}

struct xxh3 {
	XXH3_state_t *state;
};

struct xxh3 *xxh3_new(void)
{
	struct xxh3 *x = mem_alloc(sizeof(*x));

	x->state = XXH3_createState();
	must(x->state != NULL);
	XXH3_128bits_reset(x->state);
	return x;
}

void xxh3_free(struct xxh3 *x)
{
	if (!x)
		return;
	XXH3_freeState(x->state);
	free(x);
}

void xxh3_update(struct xxh3 *x, const void *p, size_t len)
{
	XXH3_128bits_update(x->state, p, len);
}

void xxh3_final(struct xxh3 *x, uint8_t out[XXH3_128_SIZE])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(x->state));
	memcpy(out, canonical.digest, XXH3_128_SIZE);
}
