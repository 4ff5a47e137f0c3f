#include "format/bundle_head.h"

#include <assert.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/block_digest.h"
#include "format/bundle_keys.h"
#include "format/key_option.h"
#include "format/key_tally.h"
#include "format/tar.h"

/* [header] nixferry/manifest       [zeros to a multiple of 512]
 * [header] nixferry/manifest.sig   [zeros]    lines "KEYNAME:BASE64"
 * [header] nixferry/blocks         [zeros]    digests of each MiB of the payload */
#define MANIFEST_NAME "nixferry/manifest"
#define SIG_NAME      "nixferry/manifest.sig"
#define BLOCKS_NAME   "nixferry/blocks"
/* The first member of the payload. */
#define CACHE_INFO_NAME "nix-cache-info"

/* The signature covers this prefix and the manifest. So no signature that the same key
 * makes over something else (the fingerprint of a path) can pass for that of a
 * manifest. */
#define DOMAIN	   "nixferry-bundle-manifest-1\n"
#define DOMAIN_LEN (sizeof(DOMAIN) - 1)

/* Of the two lists of version 2. */
#define DIGESTS_MAX (2 * BUNDLE_BLOCKS_MAX * MANIFEST_DIGEST_SIZE)

void bundle_head_init(struct bundle_head *h)
{
	*h = (struct bundle_head){ 0 };
	manifest_init(&h->manifest);
}

void bundle_head_release(struct bundle_head *h)
{
	manifest_release(&h->manifest);
	free(h->sigs);
	for (size_t i = 0; i < h->trusted_count; i++)
		free(h->trusted[i]);
	free(h->trusted);
	free(h->signer);
	free(h->digests);
	bundle_head_init(h);
}

void nf_bundle_signers_release(struct nf_bundle_signers *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->names[i]);
	free(s->names);
	free(s->claimed);
	*s = (struct nf_bundle_signers){ 0 };
}

/* ---- reading ---- */

struct input {
	int fd;
	bool seekable;
	uint64_t at;
};

/* Reads the next LEN bytes. */
static int take(struct input *in, void *p, size_t len, struct nf_err *err)
{
	size_t got = len;
	int rc;

	if (in->seekable)
		rc = file_pread_all(in->fd, p, len, in->at, "head", err);
	else
		rc = file_read_stream(in->fd, p, len, &got, "head", err);
	if (!rc && got < len)
		rc = err_set(err, NF_E_FORMAT, "truncated in the head");
	in->at += len;
	return rc;
}

static int take_header(struct input *in, const char *name, uint64_t max,
		       uint64_t *ret_size, struct nf_err *err)
{
	bool first = in->at == 0;
	uint8_t header[TAR_UNIT];
	int rc = take(in, header, sizeof(header), err);

	if (rc == -NF_E_FORMAT && first)
		return err_set(err, NF_E_FORMAT, "not a nixferry bundle: too short");
	if (rc)
		return rc;
	if (!tar_header_match(header, name, ret_size)) {
		if (first)
			return err_set(err, NF_E_FORMAT, "not a nixferry bundle");
		return err_set(err, NF_E_FORMAT, "the header of '%s' is damaged", name);
	}
	if (*ret_size > max)
		return err_set(err, NF_E_LIMIT,
			       "'%s' has %llu bytes, over the limit of %llu", name,
			       (unsigned long long)*ret_size, (unsigned long long)max);
	return 0;
}

/* Reads the whole member NAME into memory, after PREFIX; *ret_len is the sum of both. A
 * zero follows. */
static int take_member(struct input *in, const char *name, uint64_t max,
		       const char *prefix, char **ret, size_t *ret_len,
		       struct nf_err *err)
{
	size_t before = strlen(prefix);
	AUTO_FREE char *bytes = NULL;
	uint64_t size = 0;
	uint64_t padded;
	int rc;

	rc = take_header(in, name, max, &size, err);
	if (rc)
		return rc;
	padded = tar_padded(size);
	bytes = mem_alloc(before + (size_t)padded + 1);
	bytes[before + padded] = '\0';
	memcpy(bytes, prefix, before);
	rc = take(in, bytes + before, (size_t)padded, err);
	if (rc)
		return rc;
	for (uint64_t i = size; i < padded; i++)
		if (bytes[before + i])
			return err_set(err, NF_E_FORMAT, "the padding of '%s' is damaged",
				       name);
	*ret_len = before + (size_t)size;
	*ret = TAKE_PTR(bytes);
	return 0;
}

/* Names are printed on terminals before anything is trusted. */
static bool is_printable(struct nf_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	return true;
}

static int parse_signers(struct nf_bundle_signers *signers, struct nf_slice sigs,
			 struct nf_err *err)
{
	size_t cap = 0;

	while (sigs.len) {
		struct nf_slice line = slice_cut(&sigs, '\n');
		struct nf_slice rest = line;
		struct nf_slice name = slice_cut(&rest, ':');

		if (!sigs.ptr || !rest.ptr || name.len == 0 || name.len > KEY_NAME_MAX ||
		    !is_printable(line))
			return err_set(err, NF_E_FORMAT,
				       "line %zu of its signatures is not a signature",
				       signers->count + 1);
		MEM_GROW(signers->names, signers->count, cap);
		signers->names[signers->count++] = mem_strndup(name.ptr, name.len);
	}
	return 0;
}

static int untrusted(const struct nf_bundle_signers *signers, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	if (signers->count == 0)
		return err_set(err, NF_E_TRUST, "it has no signature");
	buf_init(&text, 5 * MANIFEST_SIG_MAX + KEY_OPTION_MAX);
	buf_add_str(&text, "signed by ");
	for (size_t i = 0; i < signers->count; i++)
		buf_addf(&text, "%s'%s'", i ? ", " : "", signers->names[i]);
	buf_add_str(&text, signers->count > 1 ? ", none of which is a trusted key; "
					      : ", which is not a trusted key; ");
	if (signers->claimed)
		buf_add_str(
			&text,
			"a forged bundle would show the forger's key: trust this one only if the bundle's maker gave it to you: ");
	else
		buf_add_str(
			&text,
			"to trust it, with the KEY that the bundle's maker gave you: ");
	key_option_add(&text, signers->names[0], signers->claimed);
	return err_set(err, NF_E_TRUST, "%s", text.ptr);
}

/* ---- what an untrusted bundle claims ---- */

static int skip(struct input *in, uint64_t len, struct nf_err *err)
{
	uint8_t bytes[4096];
	int rc = 0;

	if (in->seekable) {
		in->at += len;
		return 0;
	}
	while (!rc && len) {
		size_t n = len < sizeof(bytes) ? (size_t)len : sizeof(bytes);

		rc = take(in, bytes, n, err);
		len -= n;
	}
	return rc;
}

/* Of the keys that the bundle lists, returns the one that verifies its own signature:
 * "NAME:KEY" (free()), or NULL. That shows that the bundle is consistent, not who made
 * it. */
static char *claimed_key(struct input *in, struct nf_slice sigs, struct nf_slice message)
{
	AUTO(bundle_keys_release) struct bundle_keys keys = BUNDLE_KEYS_INIT;
	AUTO_FREE char *text = NULL;
	uint64_t size = 0;
	size_t len, index;

	if (take_header(in, BLOCKS_NAME, DIGESTS_MAX, &size, NULL) ||
	    skip(in, tar_padded(size), NULL) ||
	    take_member(in, CACHE_INFO_NAME, NIX_CACHE_INFO_MAX, "", &text, &len, NULL))
		return NULL;
	bundle_keys_parse(&keys, nf_slice(text, len));
	while (sigs.len) {
		struct nf_slice line = slice_cut(&sigs, '\n');

		if (!nf_keyring_find(keys.told, line, message.ptr, message.len, &index,
				     NULL))
			return nf_keyring_format(keys.told, index);
	}
	return NULL;
}

static int too_few(const struct key_tally *tally, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, 2 * MANIFEST_SIG_MAX);
	key_tally_add_shortage(&text, tally, nf_keyring_needed_of_bundle(tally->ring));
	return err_set(err, NF_E_TRUST, "%s", text.ptr);
}

/* A bad signature by a known key matters more than an unknown key. If no known key has
 * signed, returns 0 and an empty TALLY. */
static int check_signatures(struct key_tally *tally, struct nf_slice sigs,
			    struct nf_slice message, struct nf_err *err)
{
	struct nf_err one;
	int bad = 0;

	while (sigs.len) {
		struct nf_slice line = slice_cut(&sigs, '\n');
		struct nf_slice rest = line;
		struct nf_slice name = slice_cut(&rest, ':');
		size_t index;
		int rc = nf_keyring_find(tally->ring, line, message.ptr, message.len,
					 &index, &one);

		if (rc == 0)
			key_tally_add(tally, index);
		if (rc == 0 || bad || !nf_keyring_knows(tally->ring, name))
			continue;
		bad = rc;
		if (err)
			*err = one;
	}
	if (tally->count >= nf_keyring_needed_of_bundle(tally->ring))
		return 0;
	return tally->count ? too_few(tally, err) : bad;
}

static void take_trusted(struct bundle_head *h, const struct key_tally *tally)
{
	h->trusted = mem_calloc(tally->count, sizeof(*h->trusted));
	for (size_t i = 0; i < tally->count; i++)
		h->trusted[h->trusted_count++] =
			nf_keyring_format(tally->ring, tally->keys[i]);
	h->signer = mem_strndup(h->trusted[0], strcspn(h->trusted[0], ":"));
}

/* The manifest and its signatures; *RET_MESSAGE (free()) is what they sign. */
static int read_signed(struct bundle_head *h, struct input *in,
		       const struct nf_keyring *ring,
		       struct nf_bundle_signers *ret_signers, char **ret_message,
		       size_t *ret_len, struct nf_err *err)
{
	struct key_tally tally = { .ring = ring };
	struct nf_slice sigs, message;
	size_t sigs_len = 0;
	int rc;

	rc = take_member(in, MANIFEST_NAME, MANIFEST_MAX, DOMAIN, ret_message, ret_len,
			 err);
	if (!rc)
		rc = take_member(in, SIG_NAME, MANIFEST_SIG_MAX, "", &h->sigs, &sigs_len,
				 err);
	if (rc)
		return rc;
	sigs = nf_slice(h->sigs, sigs_len);
	message = nf_slice(*ret_message, *ret_len);
	rc = parse_signers(ret_signers, sigs, err);
	if (!rc)
		rc = check_signatures(&tally, sigs, message, err);
	if (!rc && !tally.count) {
		ret_signers->claimed = claimed_key(in, sigs, message);
		return untrusted(ret_signers, err);
	}
	if (!rc)
		take_trusted(h, &tally);
	return rc;
}

int bundle_head_read(struct bundle_head *h, int fd, bool seekable,
		     const struct nf_keyring *ring, struct nf_bundle_signers *ret_signers,
		     struct nf_err *err)
{
	struct input in = { .fd = fd, .seekable = seekable };
	AUTO_FREE char *message = NULL;
	size_t len = 0;
	char *digests;
	int rc;

	bundle_head_init(h);
	rc = read_signed(h, &in, ring, ret_signers, &message, &len, err);
	if (rc)
		return rc;
	rc = manifest_parse(&h->manifest,
			    nf_slice(message + DOMAIN_LEN, len - DOMAIN_LEN), err);
	if (rc)
		return err_prefix(err, rc, "manifest");
	rc = take_member(&in, BLOCKS_NAME, DIGESTS_MAX, "", &digests, &h->digests_len,
			 err);
	if (rc)
		return rc;
	h->digests = (uint8_t *)digests;
	h->size = in.at;
	return 0;
}

/* ---- writing ---- */

/* What a signature signs. There is only one text of a manifest: that of one that was read
 * is the text that was read. */
static int format_message(struct buf *message, const struct manifest *m,
			  struct nf_err *err)
{
	buf_init(message, DOMAIN_LEN + MANIFEST_MAX);
	buf_add(message, DOMAIN, DOMAIN_LEN);
	manifest_format(message, m);
	if (buf_failed(message))
		return err_set(err, NF_E_LIMIT, "the manifest exceeds %llu bytes",
			       MANIFEST_MAX);
	return 0;
}

static void add_signature(struct buf *sigs, const struct buf *message,
			  const struct nf_secret_key *key)
{
	AUTO_FREE char *sig = nf_sign(key, message->ptr, message->len);

	buf_addf(sigs, "%s\n", sig);
}

static void add_members(struct buf *out, const struct buf *message,
			const struct buf *sigs, const uint8_t *digests,
			size_t digests_len)
{
	tar_add_member(out, MANIFEST_NAME, message->ptr + DOMAIN_LEN,
		       message->len - DOMAIN_LEN);
	tar_add_member(out, SIG_NAME, sigs->ptr, sigs->len);
	tar_add_member(out, BLOCKS_NAME, digests, digests_len);
	assert(!buf_failed(out));
}

int bundle_head_format(struct buf *out, struct manifest *m, const uint8_t *digests,
		       const struct nf_secret_key *key, struct nf_err *err)
{
	AUTO_BUF struct buf message = { 0 };
	AUTO_BUF struct buf sigs = { 0 };
	int rc;

	block_digest_pin(m, digests);
	rc = format_message(&message, m, err);
	if (rc)
		return rc;
	buf_init(&sigs, MANIFEST_SIG_MAX);
	add_signature(&sigs, &message, key);
	add_members(out, &message, &sigs, digests, block_digest_len(m));
	return 0;
}

/* Ed25519 is deterministic: a key makes one signature of a manifest. */
static bool has_line(const char *text, struct nf_slice line)
{
	struct nf_slice rest = nf_slice_str(text);

	while (rest.len)
		if (nf_slice_eq(slice_cut(&rest, '\n'), line))
			return true;
	return false;
}

int bundle_head_countersign(struct buf *out, const struct bundle_head *h,
			    const struct nf_secret_key *key, bool *ret_had,
			    struct nf_err *err)
{
	AUTO_BUF struct buf message = { 0 };
	AUTO_BUF struct buf sigs = { 0 };
	size_t before;
	int rc = format_message(&message, &h->manifest, err);

	if (rc)
		return rc;
	buf_init(&sigs, MANIFEST_SIG_MAX);
	buf_add_str(&sigs, h->sigs);
	before = sigs.len;
	add_signature(&sigs, &message, key);
	if (buf_failed(&sigs))
		return err_set(err, NF_E_LIMIT, "its signatures would exceed %llu bytes",
			       MANIFEST_SIG_MAX);
	*ret_had = has_line(h->sigs, nf_slice(sigs.ptr + before, sigs.len - before - 1));
	if (*ret_had)
		return 0;
	add_members(out, &message, &sigs, h->digests, h->digests_len);
	return 0;
}
