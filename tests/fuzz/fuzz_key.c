/* Keys and signatures: a key that is read is printed as it was; no signature that was not
 * made with the key verifies. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include <nixferry/key.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char message[] = "message";

static void trim(struct nf_slice *s)
{
	static const char space[] = " \t\r\n";

	while (s->len && memchr(space, s->ptr[0], 4)) {
		s->ptr++;
		s->len--;
	}
	while (s->len && memchr(space, s->ptr[s->len - 1], 4))
		s->len--;
}

static void try_public(struct nf_slice text)
{
	struct nf_keyring *ring = nf_keyring_new();
	char *printed;

	if (nf_keyring_add(ring, text, NULL) == 0) {
		trim(&text);
		printed = nf_keyring_format(ring, 0);
		assert(nf_slice_is(text, printed));
		assert(nf_keyring_add(ring, nf_slice_str(printed), NULL) == 0);
		assert(nf_keyring_count(ring) == 1);
		free(printed);
	}
	nf_keyring_free(ring);
}

static void try_signature(struct nf_slice text)
{
	struct nf_keyring *ring = nf_keyring_new();

	assert(nf_keyring_add(ring, NF_SLICE_LIT(NF_DEFAULT_PUBLIC_KEY), NULL) == 0);
	assert(nf_keyring_verify(ring, text, message, sizeof(message), NULL) != 0);
	nf_keyring_free(ring);
}

static void try_secret(struct nf_slice text)
{
	struct nf_secret_key *key;
	struct nf_keyring *ring;
	char *printed, *sig;

	if (nf_secret_key_parse(&key, text, NULL))
		return;
	trim(&text);
	printed = nf_secret_key_text(key);
	assert(nf_slice_is(text, printed));
	nf_secret_text_free(printed);

	ring = nf_keyring_new();
	printed = nf_secret_key_public(key);
	assert(nf_keyring_add(ring, nf_slice_str(printed), NULL) == 0);
	sig = nf_sign(key, message, sizeof(message));
	assert(nf_keyring_verify(ring, nf_slice_str(sig), message, sizeof(message),
				 NULL) == 0);
	free(sig);
	free(printed);
	nf_keyring_free(ring);
	nf_secret_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_slice text = nf_slice((const char *)data, size);

	try_public(text);
	try_signature(text);
	try_secret(text);
	return 0;
}
