#include <nixferry/storepath.h>

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/slice.h"

/* Maximum length of wrong text that a message quotes. */
#define QUOTE_MAX 255
/* Size of a folded SHA-256: 32 characters of Nix32. */
#define FOLDED_SIZE 20
/* The shortest base name: hash part, dash, one character. */
#define BASE_MIN (NF_STOREPATH_HASH_LEN + 2)

static int refuse(struct nf_err *err, struct nf_slice text, const char *why)
{
	int len = text.len > QUOTE_MAX ? QUOTE_MAX : (int)text.len;

	return err_set(err, NF_E_FORMAT, "'%.*s%s' is not a store path: %s", len,
		       text.ptr, text.len > QUOTE_MAX ? "..." : "", why);
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("+-._?=", c));
}

/* Returns what is wrong with a name, or NULL. */
static const char *name_fault(struct nf_slice name)
{
	if (name.len == 0)
		return "its name is empty";
	if (name.len > NF_STOREPATH_NAME_MAX)
		return "its name is longer than 211 bytes";
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return "its name contains an invalid character";
	/* The part before the first dash must not be "." or "..". */
	name = slice_cut(&name, '-');
	if (nf_slice_is(name, ".") || nf_slice_is(name, ".."))
		return "its name begins with the component '.' or '..'";
	return NULL;
}

bool nf_storepath_is_hash(struct nf_slice text)
{
	if (text.len != NF_STOREPATH_HASH_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!nix32_is_alphabet(text.ptr[i]))
			return false;
	return true;
}

static const char *base_fault(struct nf_slice base)
{
	if (base.len < BASE_MIN)
		return "it is too short";
	if (!nf_storepath_is_hash(nf_slice(base.ptr, NF_STOREPATH_HASH_LEN)))
		return "its hash part is not 32 characters of Nix32";
	if (base.ptr[NF_STOREPATH_HASH_LEN] != '-')
		return "no '-' follows its hash part";
	return name_fault(nf_slice(base.ptr + NF_STOREPATH_HASH_LEN + 1,
				   base.len - NF_STOREPATH_HASH_LEN - 1));
}

static int parse_base(struct nf_storepath *sp, struct nf_slice base, struct nf_slice text,
		      struct nf_err *err)
{
	const char *fault = base_fault(base);

	if (fault)
		return refuse(err, text, fault);
	sp->len = (unsigned char)base.len;
	memcpy(sp->base, base.ptr, base.len);
	sp->base[base.len] = '\0';
	return 0;
}

int nf_storepath_parse_base(struct nf_storepath *sp, struct nf_slice text,
			    struct nf_err *err)
{
	return parse_base(sp, text, text, err);
}

int nf_storepath_parse(struct nf_storepath *sp, struct nf_slice text, struct nf_err *err)
{
	struct nf_slice base = text;

	if (!slice_skip_prefix(&base, NF_STORE_DIR "/"))
		return refuse(err, text, "it is not in " NF_STORE_DIR);
	return parse_base(sp, base, text, err);
}

int nf_storepath_parse_below(struct nf_storepath *sp, struct nf_slice text,
			     struct nf_slice *ret_below, struct nf_err *err)
{
	struct nf_slice rest = text;
	struct nf_slice base;
	int rc;

	if (!slice_skip_prefix(&rest, NF_STORE_DIR "/"))
		return refuse(err, text, "it is not in " NF_STORE_DIR);
	base = slice_cut(&rest, '/');
	rc = parse_base(sp, base, text, err);
	if (rc)
		return rc;
	if (ret_below)
		*ret_below =
			nf_slice(base.ptr + base.len,
				 (size_t)(text.ptr + text.len - base.ptr) - base.len);
	return 0;
}

char *nf_storepath_format(char out[NF_STOREPATH_TEXT_MAX], const struct nf_storepath *sp)
{
	memcpy(out, NF_STORE_DIR "/", sizeof(NF_STORE_DIR));
	memcpy(out + sizeof(NF_STORE_DIR), sp->base, (size_t)sp->len + 1);
	return out;
}

struct nf_slice nf_storepath_base(const struct nf_storepath *sp)
{
	return nf_slice(sp->base, sp->len);
}

struct nf_slice nf_storepath_hash(const struct nf_storepath *sp)
{
	return nf_slice(sp->base, NF_STOREPATH_HASH_LEN);
}

struct nf_slice nf_storepath_name(const struct nf_storepath *sp)
{
	return nf_slice(sp->base + NF_STOREPATH_HASH_LEN + 1,
			(size_t)sp->len - NF_STOREPATH_HASH_LEN - 1);
}

bool nf_storepath_is_drv(const struct nf_storepath *sp)
{
	return slice_ends_with(nf_storepath_name(sp), ".drv");
}

int nf_storepath_cmp(const struct nf_storepath *a, const struct nf_storepath *b)
{
	return nf_slice_cmp(nf_storepath_base(a), nf_storepath_base(b));
}

static void fold(uint8_t out[FOLDED_SIZE], const struct nf_hash *h)
{
	memset(out, 0, FOLDED_SIZE);
	for (size_t i = 0; i < nf_hash_size(h->algo); i++)
		out[i % FOLDED_SIZE] ^= h->bytes[i];
}

int nf_storepath_make(struct nf_storepath *sp, const char *type,
		      const struct nf_hash *inner, struct nf_slice name,
		      struct nf_err *err)
{
	const char *fault = name_fault(name);
	AUTO_FREE char *fingerprint = NULL;
	char hex[2 * NF_HASH_SIZE_MAX + 1];
	uint8_t folded[FOLDED_SIZE];
	struct nf_hash outer;

	assert(inner->algo == NF_SHA256);
	if (fault)
		return refuse(err, name, fault);
	base16_encode(hex, inner->bytes, nf_hash_size(inner->algo));
	fingerprint = mem_printf("%s:sha256:%s:" NF_STORE_DIR ":%.*s", type, hex,
				 NF_SLICE_ARG(name));
	hash_bytes(&outer, NF_SHA256, fingerprint, strlen(fingerprint));
	fold(folded, &outer);

	nix32_encode(sp->base, folded, FOLDED_SIZE);
	sp->base[NF_STOREPATH_HASH_LEN] = '-';
	memcpy(sp->base + NF_STOREPATH_HASH_LEN + 1, name.ptr, name.len);
	sp->len = (unsigned char)(NF_STOREPATH_HASH_LEN + 1 + name.len);
	sp->base[sp->len] = '\0';
	return 0;
}
