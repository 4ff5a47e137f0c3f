#include <nixferry/narinfo.h>

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"
#include "format/pathinfo_fill.h"

#define COMPRESSION_DEFAULT "bzip2"
#define NO_DERIVER	    "unknown-deriver"

void nf_narinfo_init(struct nf_narinfo *ni)
{
	*ni = (struct nf_narinfo){ 0 };
	nf_pathinfo_init(&ni->info);
}

void nf_narinfo_release(struct nf_narinfo *ni)
{
	nf_pathinfo_release(&ni->info);
	nf_narinfo_init(ni);
}

/* ---- values: each function parses that of one field ---- */

/* For text that is shown, sent or stored in space-separated lists. */
static bool is_word(struct nf_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
			return false;
	return s.len > 0;
}

/* As in Nix: it may begin with zeros and a '+'. */
static bool parse_number(uint64_t *ret, struct nf_slice value)
{
	slice_skip_prefix(&value, "+");
	while (value.len > 1 && value.ptr[0] == '0') {
		value.ptr++;
		value.len--;
	}
	return slice_parse_u64(value, ret);
}

static int take_number(uint64_t *ret, struct nf_slice value, uint64_t min, uint64_t max,
		       struct nf_err *err)
{
	uint64_t n;

	if (!parse_number(&n, value) || n < min)
		return err_set(err, NF_E_FORMAT, "not a number of %" PRIu64 " or more",
			       min);
	if (n > max)
		return err_set(err, NF_E_LIMIT,
			       "%" PRIu64 " is over the limit of %" PRIu64, n, max);
	*ret = n;
	return 0;
}

static int take_store_path(struct nf_narinfo *ni, struct nf_slice value,
			   struct nf_err *err)
{
	return nf_storepath_parse(&ni->info.path, value, err);
}

static int take_url(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	if (value.len > NARINFO_URL_MAX)
		return err_set(err, NF_E_LIMIT, "%zu bytes, over the limit of %llu",
			       value.len, NARINFO_URL_MAX);
	if (!is_word(value))
		return err_set(
			err, NF_E_FORMAT,
			"empty, or with a space or a character that is not printable ASCII");
	ni->url = value;
	return 0;
}

/* Only hints: one that cannot be read is ignored. */

static int take_compression(struct nf_narinfo *ni, struct nf_slice value,
			    struct nf_err *err)
{
	(void)err;
	ni->compression = is_word(value) ? value : (struct nf_slice){ 0 };
	return 0;
}

static int take_file_hash(struct nf_narinfo *ni, struct nf_slice value,
			  struct nf_err *err)
{
	(void)err;
	ni->has_file_hash = nf_hash_parse(&ni->file_hash, value, NULL) == 0;
	return 0;
}

static int take_file_size(struct nf_narinfo *ni, struct nf_slice value,
			  struct nf_err *err)
{
	(void)err;
	if (take_number(&ni->file_size, value, 0, NAR_SIZE_MAX, NULL))
		ni->file_size = 0;
	return 0;
}

static int take_nar_hash(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	int rc = nf_hash_parse(&ni->info.nar_hash, value, err);

	if (!rc && ni->info.nar_hash.algo != NF_SHA256)
		rc = err_set(err, NF_E_FORMAT, "%s, not sha256",
			     nf_hash_algo_name(ni->info.nar_hash.algo));
	return rc;
}

static int take_nar_size(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	return take_number(&ni->info.nar_size, value, 1, NAR_SIZE_MAX, err);
}

/* Nix accepts a second list if one of the two is empty. */
static int take_references(struct nf_narinfo *ni, struct nf_slice value,
			   struct nf_err *err)
{
	if (ni->info.nrefs && value.len)
		return err_set(err, NF_E_FORMAT, "a second one");
	return value.len ? pathinfo_take_refs(&ni->info, value, err) : 0;
}

static int take_deriver(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	(void)err;
	ni->info.deriver = (struct nf_slice){ 0 };
	if (value.len && !nf_slice_is(value, NO_DERIVER))
		pathinfo_take_deriver(&ni->info, value);
	return 0;
}

static int take_sig(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	(void)err;
	pathinfo_take_sig(&ni->info, value);
	return 0;
}

/* Only those who rely on it need to know the algorithm. */
static int take_ca(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	(void)err;
	ni->info.left_out += value.len && !is_word(value);
	ni->info.ca = is_word(value) ? value : (struct nf_slice){ 0 };
	return 0;
}

/* ---- fields that only pools have ---- */

static int take_nodes(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	return take_number(&ni->inodes, value, 1, NAR_NODES_MAX, err);
}

static int take_xxh3(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	ni->has_xxh3 = base16_decode(ni->xxh3, sizeof(ni->xxh3), value);
	return ni->has_xxh3 ? 0 : err_set(err, NF_E_FORMAT, "not 32 hexadecimal digits");
}

static int take_level(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	uint64_t level = 0;
	int rc = take_number(&level, value, 1, UINT8_MAX, err);

	ni->level = (uint8_t)level;
	return rc;
}

static int take_by_store(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err)
{
	ni->by_store = nf_slice_is(value, "1");
	return ni->by_store ? 0 : err_set(err, NF_E_FORMAT, "not 1");
}

/* ---- lines ---- */

enum {
	REQUIRED = 1,
	ONCE = 2, /* repeated, it would be ambiguous; of a repeated hint, the last counts
		   */
	POOL = 4, /* meaningless outside a pool */
};

static const struct field {
	const char *key;
	int (*take)(struct nf_narinfo *ni, struct nf_slice value, struct nf_err *err);
	unsigned flags;
} fields[] = {
	{ "StorePath", take_store_path, REQUIRED | ONCE },
	{ "URL", take_url, REQUIRED },
	{ "Compression", take_compression, 0 },
	{ "FileHash", take_file_hash, 0 },
	{ "FileSize", take_file_size, 0 },
	{ "NarHash", take_nar_hash, REQUIRED | ONCE },
	{ "NarSize", take_nar_size, REQUIRED | ONCE },
	{ "References", take_references, 0 },
	{ "Deriver", take_deriver, 0 },
	{ "Sig", take_sig, 0 },
	{ "CA", take_ca, 0 },
	{ "Nixferry-Nodes", take_nodes, POOL | ONCE },
	{ "Nixferry-Xxh3", take_xxh3, POOL | ONCE },
	{ "Nixferry-Level", take_level, POOL | ONCE },
	{ "Nixferry-By-Store", take_by_store, POOL | ONCE },
};

/* Index of the field with that key; ARRAY_SIZE(fields) if there is none. */
static size_t find_field(struct nf_slice key)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(fields) && !nf_slice_is(key, fields[i].key))
		i++;
	return i;
}

struct reading {
	struct nf_narinfo *ni;
	unsigned seen;
	bool of_pool;
};

static int take_line(struct reading *r, struct nf_slice line, struct nf_err *err)
{
	struct nf_slice value = line;
	struct nf_slice key = slice_cut(&value, ':');
	size_t i = find_field(key);
	int rc;

	if (!value.ptr)
		return err_set(err, NF_E_FORMAT, "no ':'");
	if (i == ARRAY_SIZE(fields) || (!r->of_pool && (fields[i].flags & POOL)))
		return 0;
	if (value.len && !slice_skip_prefix(&value, " "))
		return err_set(err, NF_E_FORMAT, "no space after '%s:'", fields[i].key);
	if ((r->seen & 1U << i) && (fields[i].flags & ONCE))
		return err_set(err, NF_E_FORMAT, "a second %s", fields[i].key);
	r->seen |= 1U << i;
	rc = fields[i].take(r->ni, value, err);
	return rc ? err_prefix(err, rc, "%s", fields[i].key) : 0;
}

static int check_complete(unsigned seen, struct nf_err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if ((fields[i].flags & REQUIRED) && !(seen & 1U << i))
			return err_set(err, NF_E_FORMAT, "no %s", fields[i].key);
	return 0;
}

static int parse_narinfo(struct nf_narinfo *ni, struct nf_slice text, bool of_pool,
			 struct nf_err *err)
{
	struct reading r = { .ni = ni, .of_pool = of_pool };
	struct nf_slice rest;

	nf_narinfo_init(ni);
	if (text.len > NARINFO_MAX)
		return err_set(err, NF_E_LIMIT, "%zu bytes, over the limit of %llu",
			       text.len, NARINFO_MAX);
	if (text.len && memchr(text.ptr, '\0', text.len))
		return err_set(err, NF_E_FORMAT, "it contains a NUL");
	rest = arena_slice(pathinfo_arena(&ni->info), text);
	for (size_t number = 1; rest.len; number++) {
		struct nf_slice line = slice_cut(&rest, '\n');
		int rc;

		if (!rest.ptr)
			return err_set(err, NF_E_FORMAT, "line %zu: no line feed",
				       number);
		rc = take_line(&r, line, err);
		if (rc)
			return err_prefix(err, rc, "line %zu", number);
	}
	if (ni->compression.len == 0)
		ni->compression = NF_SLICE_LIT(COMPRESSION_DEFAULT);
	pathinfo_unique_sigs(&ni->info);
	return check_complete(r.seen, err);
}

int nf_narinfo_parse(struct nf_narinfo *ni, struct nf_slice text, struct nf_err *err)
{
	return parse_narinfo(ni, text, false, err);
}

int nf_narinfo_parse_pool(struct nf_narinfo *ni, struct nf_slice text, struct nf_err *err)
{
	return parse_narinfo(ni, text, true, err);
}

int nf_narinfo_parse_for(struct nf_narinfo *ni, const struct nf_storepath *wanted,
			 struct nf_slice text, struct nf_err *err)
{
	int rc = nf_narinfo_parse(ni, text, err);

	if (!rc && nf_storepath_cmp(&ni->info.path, wanted) != 0)
		rc = err_set(err, NF_E_FORMAT, "it describes '%s', not '%s'",
			     ni->info.path.base, wanted->base);
	return rc;
}

/* ---- format ---- */

static void add_slice(struct buf *out, const char *key, struct nf_slice value)
{
	buf_add_str(out, key);
	buf_add_slice(out, value);
	buf_add_char(out, '\n');
}

static void add_hash(struct buf *out, const char *key, const struct nf_hash *hash)
{
	char text[NF_HASH_TEXT_MAX];

	add_slice(out, key, nf_slice_str(nf_hash_format(text, hash, NF_NIX32)));
}

static void add_number(struct buf *out, const char *key, uint64_t n)
{
	buf_addf(out, "%s%" PRIu64 "\n", key, n);
}

static void add_facts(struct buf *out, const struct nf_pathinfo *info)
{
	add_hash(out, "NarHash: ", &info->nar_hash);
	add_number(out, "NarSize: ", info->nar_size);
	buf_add_str(out, "References: ");
	for (size_t i = 0; i < info->nrefs; i++) {
		if (i)
			buf_add_char(out, ' ');
		buf_add_slice(out, info->refs[i]);
	}
	buf_add_char(out, '\n');
	if (info->deriver.len)
		add_slice(out, "Deriver: ", info->deriver);
	for (size_t i = 0; i < info->nsigs; i++)
		add_slice(out, "Sig: ", info->sigs[i]);
	if (info->ca.len)
		add_slice(out, "CA: ", info->ca);
}

static void add_extensions(struct buf *out, const struct nf_narinfo *ni)
{
	char xxh3[2 * sizeof(ni->xxh3) + 1];

	if (ni->inodes)
		add_number(out, "Nixferry-Nodes: ", ni->inodes);
	if (ni->has_xxh3) {
		base16_encode(xxh3, ni->xxh3, sizeof(ni->xxh3));
		add_slice(out, "Nixferry-Xxh3: ", nf_slice_str(xxh3));
	}
	if (ni->level)
		add_number(out, "Nixferry-Level: ", ni->level);
	if (ni->by_store)
		add_number(out, "Nixferry-By-Store: ", 1);
}

char *nf_narinfo_format(const struct nf_narinfo *ni, size_t *ret_len)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	buf_addf(&out, "StorePath: " NF_STORE_DIR "/%s\n", ni->info.path.base);
	add_slice(&out, "URL: ", ni->url);
	add_slice(&out, "Compression: ", ni->compression);
	if (ni->has_file_hash)
		add_hash(&out, "FileHash: ", &ni->file_hash);
	if (ni->file_size)
		add_number(&out, "FileSize: ", ni->file_size);
	add_facts(&out, &ni->info);
	add_extensions(&out, ni);
	*ret_len = out.len;
	return buf_take(&out);
}
