#include "format/signature.h"

#include <nixferry/key.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

/* Maximum length of the DER encoding of two 384-bit numbers. */
#define ECDSA_P384_SIZE_MAX 104
#define DER_SEQUENCE	    0x30

bool signature_is_name(struct nf_slice name)
{
	if (name.len == 0 || name.len > KEY_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] > '~' || name.ptr[i] == ':')
			return false;
	return true;
}

struct nf_slice signature_signer(struct nf_slice sig)
{
	return slice_cut(&sig, ':');
}

static bool is_ml_dsa_size(size_t size)
{
	return size == 2420 || size == 3309 || size == 4627;
}

static bool is_ecdsa(const uint8_t *bytes, size_t size)
{
	return size > 2 && size <= ECDSA_P384_SIZE_MAX && size != NF_SIGNATURE_SIZE &&
	       bytes[0] == DER_SEQUENCE && bytes[1] == size - 2;
}

static bool is_known(const uint8_t *bytes, size_t size)
{
	return size == NF_SIGNATURE_SIZE || is_ml_dsa_size(size) || is_ecdsa(bytes, size);
}

/* The bytes of a signature (free()), decoded as Nix does. NULL if Nix cannot decode it,
 * or if it is longer than that of any algorithm. */
static uint8_t *decode_signature(struct nf_slice text, struct nf_slice *ret_name,
				 size_t *ret_size)
{
	struct nf_slice base64 = text;
	AUTO_FREE uint8_t *bytes = NULL;

	*ret_name = slice_cut(&base64, ':');
	if (!signature_is_name(*ret_name) || base64.len == 0 ||
	    base64.len > SIGNATURE_TEXT_MAX)
		return NULL;
	bytes = mem_alloc(base64.len);
	if (!base64_decode_loose(bytes, ret_size, base64) || *ret_size == 0)
		return NULL;
	return TAKE_PTR(bytes);
}

static struct nf_slice join(struct arena *a, struct nf_slice name, const char *base64)
{
	size_t len = strlen(base64);
	char *text = arena_alloc(a, name.len + 1 + len);

	memcpy(text, name.ptr, name.len);
	text[name.len] = ':';
	memcpy(text + name.len + 1, base64, len);
	return nf_slice(text, name.len + 1 + len);
}

struct nf_slice signature_normal(struct arena *a, struct nf_slice text)
{
	struct nf_slice name, normal;
	size_t size = 0;
	AUTO_FREE uint8_t *bytes = decode_signature(text, &name, &size);
	AUTO_FREE char *base64 = NULL;

	if (!bytes || !is_known(bytes, size))
		return (struct nf_slice){ 0 };
	base64 = mem_alloc(base64_len(size) + 1);
	base64_encode(base64, bytes, size);
	normal = nf_slice(text.ptr + name.len + 1, text.len - name.len - 1);
	if (nf_slice_is(normal, base64))
		return text;
	return join(a, name, base64);
}

bool signature_is_ed25519(struct nf_slice sig)
{
	slice_cut(&sig, ':');
	return sig.len == base64_len(NF_SIGNATURE_SIZE);
}

bool signature_is_readable(struct nf_slice text)
{
	struct nf_slice name;
	size_t size;
	AUTO_FREE uint8_t *bytes = decode_signature(text, &name, &size);

	return bytes != NULL;
}
