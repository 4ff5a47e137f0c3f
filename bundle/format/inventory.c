#include "format/inventory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/slice.h"

/*   nixferry-inventory 1
 *   HASH-NAME NARHASH-NIX32         any number, sorted by HASH-NAME
 *   signature NAME:BASE64           none or one, at the end
 */
#define VERSION_KEY "nixferry-inventory "
#define SIGNATURE   "signature "
/* So that no signature over something else passes for that of an inventory. */
#define DOMAIN "nixferry-inventory-signature-1\n"

void inventory_release(struct inventory *inv)
{
	free(inv->items);
	*inv = (struct inventory){ 0 };
}

void inventory_add(struct inventory *inv, const struct nf_storepath *path,
		   const struct nf_hash *nar_hash)
{
	MEM_GROW(inv->items, inv->count, inv->cap);
	inv->items[inv->count++] = (struct nf_bundle_required){ *path, *nar_hash };
}

static int compare_items(const void *a, const void *b)
{
	const struct nf_bundle_required *x = a, *y = b;

	return nf_storepath_cmp(&x->path, &y->path);
}

void inventory_sort(struct inventory *inv)
{
	size_t kept = 0, next;

	if (inv->count)
		qsort(inv->items, inv->count, sizeof(*inv->items), compare_items);
	for (size_t i = 0; i < inv->count; i = next) {
		bool same = true;

		for (next = i + 1; next < inv->count &&
				   !compare_items(&inv->items[i], &inv->items[next]);
		     next++)
			same = same && nf_hash_eq(&inv->items[i].nar_hash,
						  &inv->items[next].nar_hash);
		if (same)
			inv->items[kept++] = inv->items[i];
	}
	inv->count = kept;
}

void inventory_init(struct inventory *inv, const struct nf_bundle_required *paths,
		    size_t count)
{
	*inv = (struct inventory){ 0 };
	if (count)
		inv->items = mem_dup(paths, count * sizeof(*paths));
	inv->count = inv->cap = count;
	inventory_sort(inv);
}

static int compare_base(const void *key, const void *item)
{
	const struct nf_slice *base = key;
	const struct nf_bundle_required *r = item;

	return nf_slice_cmp(*base, nf_storepath_base(&r->path));
}

const struct nf_bundle_required *inventory_find(const struct inventory *inv,
						struct nf_slice base)
{
	if (!inv->count)
		return NULL;
	return bsearch(&base, inv->items, inv->count, sizeof(*inv->items), compare_base);
}

void inventory_merge(struct inventory *inv, const struct inventory *other)
{
	for (size_t i = 0; i < other->count; i++)
		inventory_add(inv, &other->items[i].path, &other->items[i].nar_hash);
	inventory_sort(inv);
}

void inventory_intersect(struct inventory *inv, const struct inventory *other)
{
	size_t kept = 0;

	for (size_t i = 0; i < inv->count; i++) {
		const struct nf_bundle_required *r =
			inventory_find(other, nf_storepath_base(&inv->items[i].path));

		if (r && nf_hash_eq(&r->nar_hash, &inv->items[i].nar_hash))
			inv->items[kept++] = inv->items[i];
	}
	inv->count = kept;
}

/* ---- parse ---- */

bool inventory_is_text(struct nf_slice text)
{
	return slice_skip_prefix(&text, VERSION_KEY);
}

static int parse_version(struct nf_slice *text, struct nf_err *err)
{
	struct nf_slice line = slice_cut(text, '\n');
	uint64_t version = 0;

	if (!text->ptr || !slice_skip_prefix(&line, VERSION_KEY) ||
	    !slice_parse_u64(line, &version))
		return err_set(err, NF_E_FORMAT, "not an inventory");
	if (version != 1)
		return err_set(err, NF_E_UNSUPPORTED,
			       "unknown inventory version %" PRIu64
			       ": only version 1 is supported",
			       version);
	return 0;
}

static int parse_line(struct inventory *inv, struct nf_slice line, struct nf_err *err)
{
	struct nf_bundle_required item = { .nar_hash.algo = NF_SHA256 };
	struct nf_slice rest = line;
	struct nf_slice base = slice_cut(&rest, ' ');
	int rc = nf_storepath_parse_base(&item.path, base, err);

	if (rc)
		return rc;
	if (!rest.ptr ||
	    !nix32_decode(item.nar_hash.bytes, nf_hash_size(NF_SHA256), rest))
		return err_set(err, NF_E_FORMAT, "'%s' has no SHA-256 hash in Nix32",
			       item.path.base);
	if (inv->count &&
	    nf_storepath_cmp(&inv->items[inv->count - 1].path, &item.path) >= 0)
		return err_set(err, NF_E_FORMAT, "'%s' is out of order", item.path.base);
	inventory_add(inv, &item.path, &item.nar_hash);
	return 0;
}

static struct buf signed_message(struct nf_slice text)
{
	struct buf message;

	buf_init(&message, strlen(DOMAIN) + text.len);
	buf_add_str(&message, DOMAIN);
	buf_add_slice(&message, text);
	return message;
}

/* SIGNED is all that precedes the signature. */
static int check_signature(struct nf_slice signed_text, struct nf_slice sig,
			   const struct nf_keyring *ring, char **ret_signer,
			   struct nf_err *err)
{
	AUTO_BUF struct buf message = signed_message(signed_text);
	struct nf_slice rest = sig;
	struct nf_slice name = slice_cut(&rest, ':');
	size_t index;
	int rc;

	if (!nf_keyring_knows(ring, name))
		return 0;
	rc = nf_keyring_find(ring, sig, message.ptr, message.len, &index, err);
	if (!rc)
		*ret_signer = mem_strndup(name.ptr, name.len);
	return rc;
}

static int parse_lines(struct inventory *inv, struct nf_slice text,
		       const struct nf_keyring *ring, char **ret_signer,
		       struct nf_err *err)
{
	const char *start = text.ptr;
	size_t number = 1;
	int rc = parse_version(&text, err);

	while (!rc && text.len) {
		struct nf_slice line = slice_cut(&text, '\n');
		struct nf_slice sig = line;

		number++;
		if (!text.ptr)
			rc = err_set(err, NF_E_FORMAT, "no line feed at the end");
		else if (!slice_skip_prefix(&sig, SIGNATURE))
			rc = parse_line(inv, line, err);
		else if (text.len)
			rc = err_set(err, NF_E_FORMAT, "text after the signature");
		else
			rc = check_signature(nf_slice(start, (size_t)(line.ptr - start)),
					     sig, ring, ret_signer, err);
	}
	return rc ? err_prefix(err, rc, "line %zu", number) : 0;
}

int inventory_parse(struct inventory *ret, struct nf_slice text,
		    const struct nf_keyring *ring, char **ret_signer, struct nf_err *err)
{
	AUTO_FREE char *signer = NULL;
	int rc;

	*ret = (struct inventory){ 0 };
	*ret_signer = NULL;
	rc = parse_lines(ret, text, ring, &signer, err);
	if (rc)
		inventory_release(ret);
	else
		*ret_signer = TAKE_PTR(signer);
	return rc;
}

/* ---- format ---- */

void inventory_format(struct buf *out, const struct inventory *inv,
		      const struct nf_secret_key *key)
{
	size_t start = out->len;
	char hash[64];

	buf_add_str(out, VERSION_KEY "1\n");
	for (size_t i = 0; i < inv->count; i++) {
		nix32_encode(hash, inv->items[i].nar_hash.bytes, nf_hash_size(NF_SHA256));
		buf_addf(out, "%s %s\n", inv->items[i].path.base, hash);
	}
	if (key && !buf_failed(out)) {
		AUTO_BUF struct buf message =
			signed_message(nf_slice(out->ptr + start, out->len - start));
		AUTO_FREE char *sig = nf_sign(key, message.ptr, message.len);

		buf_addf(out, SIGNATURE "%s\n", sig);
	}
}
