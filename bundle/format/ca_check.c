#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/ca.h"

/* The NAR of a single non-executable file: these bytes, its size in 8 bytes, its content,
 * zeros up to a multiple of 8, and the end. */
static const char file_head[] = "\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0"
				"\x01\0\0\0\0\0\0\0(\0\0\0\0\0\0\0"
				"\x04\0\0\0\0\0\0\0type\0\0\0\0"
				"\x07\0\0\0\0\0\0\0regular\0"
				"\x08\0\0\0\0\0\0\0contents";
static const char file_end[] = "\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0";

#define HEAD_LEN (sizeof(file_head) - 1)
#define END_LEN	 (sizeof(file_end) - 1)
#define SIZE_LEN 8

/* Parses only such a NAR, in runs of any length. */
struct file_nar {
	uint64_t at; /* bytes read */
	uint64_t size;
	bool bad;
};

struct ca_check {
	const struct nf_pathinfo *info;
	struct ca ca;
	struct hash_modulo *hash; /* NULL if comparing the NarHash is enough */
	struct file_nar file;	  /* for texts and flat files */
};

int ca_check_new(struct ca_check **ret, const struct nf_pathinfo *info,
		 struct nf_err *err)
{
	bool self = nf_pathinfo_has_ref(info, nf_storepath_base(&info->path));
	struct nf_slice modulus = { 0 };
	struct ca_check *c;
	struct ca ca;
	int rc;

	rc = ca_parse(&ca, info->ca, err);
	if (rc)
		return rc;
	c = mem_calloc(1, sizeof(*c));
	c->info = info;
	c->ca = ca;
	if (ca.method == CA_NAR && self)
		modulus = nf_storepath_hash(&info->path);
	if (ca.method != CA_NAR || self || ca.hash.algo != info->nar_hash.algo)
		c->hash = hash_modulo_new(ca.hash.algo, modulus);
	*ret = c;
	return 0;
}

void ca_check_free(struct ca_check *c)
{
	if (!c)
		return;
	hash_modulo_free(c->hash);
	free(c);
}

/* ---- the NAR of a single file ---- */

static uint64_t padding(uint64_t size)
{
	return -size % 8;
}

/* The one byte that is valid at this position after the content. */
static char expected_behind(const struct file_nar *f)
{
	uint64_t behind = f->at - HEAD_LEN - SIZE_LEN - f->size;
	uint64_t pad = padding(f->size);

	return behind < pad ? '\0' : file_end[behind - pad];
}

static uint64_t total(const struct file_nar *f)
{
	return HEAD_LEN + SIZE_LEN + f->size + padding(f->size) + END_LEN;
}

static void take_byte(struct file_nar *f, char c)
{
	if (f->at < HEAD_LEN)
		f->bad |= c != file_head[f->at];
	else if (f->at < HEAD_LEN + SIZE_LEN)
		f->size |= (uint64_t)(unsigned char)c << (8 * (f->at - HEAD_LEN));
	else
		f->bad |= f->at >= total(f) || c != expected_behind(f);
	f->at++;
	/* Larger sizes could overflow the sums. */
	if (f->at == HEAD_LEN + SIZE_LEN && f->size > NAR_SIZE_MAX)
		f->bad = true;
}

/* How many of the next LEN bytes are content. */
static size_t content_in(const struct file_nar *f, size_t len)
{
	uint64_t begin = HEAD_LEN + SIZE_LEN;
	uint64_t left;

	if (f->at < begin || f->at >= begin + f->size)
		return 0;
	left = begin + f->size - f->at;
	return left < len ? (size_t)left : len;
}

static void update_file(struct ca_check *c, const char *p, size_t len)
{
	struct file_nar *f = &c->file;

	while (len && !f->bad) {
		size_t n = content_in(f, len);

		if (n) {
			hash_modulo_update(c->hash, p, n);
			f->at += n;
		} else {
			n = 1;
			take_byte(f, *p);
		}
		p += n;
		len -= n;
	}
}

static bool is_whole(const struct file_nar *f)
{
	return !f->bad && f->at >= HEAD_LEN + SIZE_LEN && f->at == total(f);
}

/* ---- the check ---- */

void ca_check_update(struct ca_check *c, const void *p, size_t len)
{
	if (c->ca.method != CA_NAR)
		update_file(c, p, len);
	else if (c->hash)
		hash_modulo_update(c->hash, p, len);
}

int ca_check_final(struct ca_check *c, struct nf_err *err)
{
	char want[NF_HASH_TEXT_MAX], got[NF_HASH_TEXT_MAX];
	struct nf_hash actual = c->info->nar_hash;

	if (c->ca.method != CA_NAR && !is_whole(&c->file))
		return err_set(err, NF_E_HASH,
			       "content address '%.*s': not a single non-executable file",
			       NF_SLICE_ARG(c->info->ca));
	if (c->hash && !hash_modulo_final(c->hash, &actual))
		return err_set(err, NF_E_LIMIT,
			       "it refers to itself more than %llu times",
			       CA_SELF_REFS_MAX);
	if (nf_hash_eq(&actual, &c->ca.hash))
		return 0;
	return err_set(err, NF_E_HASH, "content address: expected %s, got %s",
		       nf_hash_format(want, &c->ca.hash, NF_NIX32),
		       nf_hash_format(got, &actual, NF_NIX32));
}
