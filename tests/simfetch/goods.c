#include "goods.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tools/one_file_nar.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/mem.h"
#include "must.h"

#define FILE_MAX (2 * (uint64_t)GOODS_SIZE_MAX)

void goods_keys_make(struct goods_keys *k)
{
	AUTO_FREE char *public = NULL;
	struct nf_err err;

	MUST(nf_secret_key_generate(&k->trusted, NF_SLICE_LIT("sim-1"), &err), &err);
	MUST(nf_secret_key_generate(&k->unknown, NF_SLICE_LIT("other-1"), &err), &err);
	public = nf_secret_key_public(k->trusted);
	k->ring = nf_keyring_new();
	MUST(nf_keyring_add(k->ring, nf_slice_str(public), &err), &err);
}

void goods_keys_release(struct goods_keys *k)
{
	nf_secret_key_free(k->trusted);
	nf_secret_key_free(k->unknown);
	nf_keyring_free(k->ring);
}

/* ---- a path ---- */

static void make_path(struct goods *g, uint32_t seed)
{
	struct nf_hash inner;
	char name[32];
	struct nf_err err;

	snprintf(name, sizeof(name), "path-%" PRIu32, seed);
	hash_bytes(&inner, NF_SHA256, name, strlen(name));
	MUST(nf_storepath_make(&g->info.path, "output:out", &inner, nf_slice_str(name),
			       &err),
	     &err);
}

static void sign_goods(struct goods *g, const struct goods_keys *k)
{
	AUTO_FREE char *fingerprint = nf_pathinfo_fingerprint(&g->info);
	struct nf_err err;

	g->sig = nf_sign(k->trusted, fingerprint, strlen(fingerprint));
	g->unknown_sig = nf_sign(k->unknown, fingerprint, strlen(fingerprint));
	nf_pathinfo_add_sig(&g->info, nf_slice_str(g->sig));
	MUST(nf_trust_pathinfo(&g->trusted, &g->info, k->ring, &err), &err);
}

static void add_refs(struct goods *g, const struct goods *const *refs, size_t count)
{
	struct nf_err err;

	for (size_t i = 0; i < count; i++)
		MUST(nf_pathinfo_add_ref(&g->info, nf_storepath_base(&refs[i]->info.path),
					 &err),
		     &err);
}

void goods_make(struct goods *g, const struct goods_keys *k, uint32_t seed, size_t size,
		const struct goods *const *refs, size_t ref_count)
{
	struct goods_file *plain = &g->files[GOODS_PLAIN];

	*g = (struct goods){ 0 };
	nf_pathinfo_init(&g->info);
	make_path(g, seed);
	buf_init(&plain->bytes, FILE_MAX);
	one_file_nar_random(&plain->bytes, seed, size);
	plain->size = plain->bytes.len;
	hash_bytes(&g->info.nar_hash, NF_SHA256, plain->bytes.ptr, plain->bytes.len);
	memcpy(plain->sha256, g->info.nar_hash.bytes, 32);
	g->info.nar_size = plain->size;
	add_refs(g, refs, ref_count);
	sign_goods(g, k);
}

void goods_make_bulk(struct goods *g, const struct goods_keys *k, uint32_t seed,
		     const uint64_t sizes[GOODS_ENCODINGS],
		     const struct goods *const *refs, size_t ref_count)
{
	struct nf_hash hash;

	*g = (struct goods){ 0 };
	nf_pathinfo_init(&g->info);
	make_path(g, seed);
	for (uint32_t i = 0; i < GOODS_ENCODINGS; i++) {
		const uint32_t key[] = { seed, i };

		hash_bytes(&hash, NF_SHA256, key, sizeof(key));
		memcpy(g->files[i].sha256, hash.bytes, 32);
		g->files[i].size = sizes[i];
	}
	g->info.nar_hash = hash;
	g->info.nar_size = 4 * sizes[GOODS_ZSTD];
	add_refs(g, refs, ref_count);
	sign_goods(g, k);
}

void goods_release(struct goods *g)
{
	nf_pathinfo_release(&g->info);
	for (int i = 0; i < GOODS_ENCODINGS; i++)
		buf_release(&g->files[i].bytes);
	free(g->sig);
	free(g->unknown_sig);
}

const struct goods_file *goods_file(struct goods *g, enum goods_encoding encoding)
{
	struct goods_file *f = &g->files[encoding];
	struct nf_hash hash;

	if (f->size)
		return f;
	buf_init(&f->bytes, FILE_MAX);
	one_file_nar_encode(&f->bytes, &g->files[GOODS_PLAIN].bytes,
			    encoding == GOODS_ZSTD ? 1 : 12);
	f->size = f->bytes.len;
	hash_bytes(&hash, NF_SHA256, f->bytes.ptr, f->bytes.len);
	memcpy(f->sha256, hash.bytes, sizeof(f->sha256));
	return f;
}

/* ---- narinfos ---- */

static void add_file(const struct goods_file *f, unsigned faults, struct buf *out)
{
	char hash[GOODS_HASH_MAX];

	if (!(faults & INFO_NO_HASH)) {
		nix32_encode(hash, f->sha256, sizeof(f->sha256));
		buf_addf(out, "FileHash: sha256:%s\n", hash);
	}
	if (!(faults & INFO_NO_SIZE))
		buf_addf(out, "FileSize: %" PRIu64 "\n",
			 f->size + (faults & INFO_WRONG_SIZE ? 7 : 0));
}

static void add_facts(const struct goods *g, unsigned faults, struct buf *out)
{
	struct nf_hash hash = g->info.nar_hash;
	char text[GOODS_HASH_MAX];

	hash.bytes[0] ^= faults & INFO_FORGED ? 1 : 0;
	nix32_encode(text, hash.bytes, 32);
	buf_addf(out, "NarHash: sha256:%s\nNarSize: %" PRIu64 "\nReferences:", text,
		 g->info.nar_size);
	for (size_t i = 0; i < g->info.nrefs; i++) {
		buf_add_char(out, ' ');
		buf_add_slice(out, g->info.refs[i]);
	}
	buf_add_char(out, '\n');
	if (!(faults & INFO_UNSIGNED))
		buf_addf(out, "Sig: %s\n",
			 faults & INFO_UNKNOWN_KEY ? g->unknown_sig : g->sig);
}

static const char *codec_of(enum goods_encoding encoding, unsigned faults)
{
	if (faults & INFO_OTHER_CODEC)
		return "xz";
	return encoding == GOODS_PLAIN ? "none" : "zstd";
}

void goods_narinfo(struct goods *g, enum goods_encoding encoding, unsigned faults,
		   const char *url, struct buf *out)
{
	const char *base = g->info.path.base;

	if (faults & INFO_GARBAGE) {
		buf_add_str(out, "<html>\n<p>Welcome to the hotel\n");
		return;
	}
	buf_addf(out, "StorePath: %s/%s%s\nURL: %s\nCompression: %s\n", NF_STORE_DIR,
		 faults & INFO_OTHER_PATH ? "00000000000000000000000000000000" : base,
		 faults & INFO_OTHER_PATH ? base + NF_STOREPATH_HASH_LEN : "", url,
		 codec_of(encoding, faults));
	add_file(goods_file(g, encoding), faults, out);
	add_facts(g, faults, out);
}
