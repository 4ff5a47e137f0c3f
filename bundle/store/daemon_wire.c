#include "store/daemon_wire.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "format/signature.h"

#define ALIGN	8
#define HEX_MAX (2 * NF_HASH_SIZE_MAX)

/* Kinds of messages. */
#define STDERR_NEXT	      0x6f6c6d67
#define STDERR_LAST	      0x616c7473
#define STDERR_ERROR	      0x63787470
#define STDERR_START_ACTIVITY 0x53545254
#define STDERR_STOP_ACTIVITY  0x53544f50
#define STDERR_RESULT	      0x52534c54

/* ---- what is sent ---- */

static size_t padding(uint64_t len)
{
	return (size_t)(-len % ALIGN);
}

static void put_padding(struct buf *out, size_t len)
{
	static const char zeros[ALIGN];

	buf_add(out, zeros, padding(len));
}

void daemon_put_number(struct buf *out, uint64_t n)
{
	uint8_t bytes[sizeof(n)];

	for (size_t i = 0; i < sizeof(n); i++)
		bytes[i] = (uint8_t)(n >> (8 * i));
	buf_add(out, bytes, sizeof(bytes));
}

void daemon_put_string(struct buf *out, struct nf_slice s)
{
	daemon_put_number(out, s.len);
	buf_add_slice(out, s);
	put_padding(out, s.len);
}

void daemon_put_path(struct buf *out, struct nf_slice base)
{
	size_t len = strlen(NF_STORE_DIR "/") + base.len;

	daemon_put_number(out, len);
	buf_add_str(out, NF_STORE_DIR "/");
	buf_add_slice(out, base);
	put_padding(out, len);
}

/* Older versions of Nix know no signatures but Ed25519. */
static void put_sigs(struct buf *out, const struct nf_pathinfo *info)
{
	size_t count = 0;

	for (size_t i = 0; i < info->nsigs; i++)
		count += signature_is_ed25519(info->sigs[i]);
	daemon_put_number(out, count);
	for (size_t i = 0; i < info->nsigs; i++)
		if (signature_is_ed25519(info->sigs[i]))
			daemon_put_string(out, info->sigs[i]);
}

void daemon_put_info(struct buf *out, const struct nf_pathinfo *info)
{
	char hash[HEX_MAX + 1];

	if (info->deriver.len)
		daemon_put_path(out, info->deriver);
	else
		daemon_put_string(out, nf_slice_str(""));
	base16_encode(hash, info->nar_hash.bytes, nf_hash_size(info->nar_hash.algo));
	daemon_put_string(out, nf_slice_str(hash));
	daemon_put_number(out, info->nrefs);
	for (size_t i = 0; i < info->nrefs; i++)
		daemon_put_path(out, info->refs[i]);
	daemon_put_number(out, 0); /* the time of registration */
	daemon_put_number(out, info->nar_size);
	daemon_put_number(out, 0); /* not built here */
	put_sigs(out, info);
	daemon_put_string(out, info->ca);
}

/* ---- what comes ---- */

static int get_bytes(struct daemon_in *in, void *ret, size_t len, struct nf_err *err)
{
	uint8_t *to = ret;

	while (len) {
		size_t part;

		if (in->pos == in->len) {
			int rc = in->fill(in->ctx, in->bytes, sizeof(in->bytes), &in->len,
					  err);

			in->pos = 0;
			if (rc) {
				in->len = 0;
				return rc;
			}
		}
		part = in->len - in->pos < len ? in->len - in->pos : len;
		memcpy(to, in->bytes + in->pos, part);
		in->pos += part;
		to += part;
		len -= part;
	}
	return 0;
}

int daemon_get_number(struct daemon_in *in, uint64_t *ret, struct nf_err *err)
{
	uint8_t bytes[sizeof(*ret)];
	int rc = get_bytes(in, bytes, sizeof(bytes), err);

	*ret = 0;
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(bytes); i++)
		*ret |= (uint64_t)bytes[i] << (8 * i);
	return 0;
}

int daemon_get_bool(struct daemon_in *in, bool *ret, struct nf_err *err)
{
	uint64_t n;
	int rc = daemon_get_number(in, &n, err);

	*ret = n != 0;
	return rc;
}

int daemon_get_count(struct daemon_in *in, uint64_t max, uint64_t *ret,
		     struct nf_err *err)
{
	int rc = daemon_get_number(in, ret, err);

	if (!rc && *ret > max)
		rc = err_set(err, NF_E_LIMIT, "%llu items, over the limit of %llu",
			     (unsigned long long)*ret, (unsigned long long)max);
	return rc;
}

static int get_padding(struct daemon_in *in, uint64_t len, struct nf_err *err)
{
	uint8_t bytes[ALIGN] = { 0 };
	int rc = get_bytes(in, bytes, padding(len), err);

	for (size_t i = 0; !rc && i < sizeof(bytes); i++)
		if (bytes[i])
			rc = err_set(err, NF_E_FORMAT, "padding that is not zero");
	return rc;
}

int daemon_get_string(struct daemon_in *in, struct buf *text, struct nf_err *err)
{
	char part[512];
	uint64_t len, left;
	int rc = daemon_get_number(in, &len, err);

	buf_clear(text);
	if (!rc && len > text->max)
		rc = err_set(err, NF_E_LIMIT,
			     "a string of %llu bytes, over the limit of %zu",
			     (unsigned long long)len, text->max);
	for (left = rc ? 0 : len; !rc && left;) {
		size_t n = left < sizeof(part) ? (size_t)left : sizeof(part);

		rc = get_bytes(in, part, n, err);
		if (!rc)
			buf_add(text, part, n);
		left -= n;
	}
	return rc ? rc : get_padding(in, len, err);
}

/* Keeps the first CAP bytes, and none where OUT is NULL; *ret_len says how many. */
static int get_begin(struct daemon_in *in, char *out, size_t cap, size_t *ret_len,
		     struct nf_err *err)
{
	char part[512];
	uint64_t len, left;
	size_t kept = 0;
	int rc = daemon_get_number(in, &len, err);

	if (!rc && len > DAEMON_MESSAGE_MAX)
		rc = err_set(err, NF_E_LIMIT,
			     "a message of %llu bytes, over the limit of %llu",
			     (unsigned long long)len, DAEMON_MESSAGE_MAX);
	for (left = rc ? 0 : len; !rc && left;) {
		size_t n = left < sizeof(part) ? (size_t)left : sizeof(part);
		size_t keep = cap - kept < n ? cap - kept : n;

		rc = get_bytes(in, part, n, err);
		if (!rc && keep)
			memcpy(out + kept, part, keep);
		kept += keep;
		left -= n;
	}
	*ret_len = kept;
	return rc ? rc : get_padding(in, len, err);
}

static int skip_string(struct daemon_in *in, struct nf_err *err)
{
	size_t len;

	return get_begin(in, NULL, 0, &len, err);
}

static int skip_numbers(struct daemon_in *in, size_t count, struct nf_err *err)
{
	uint64_t n;
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = daemon_get_number(in, &n, err);
	return rc;
}

int daemon_get_path(struct daemon_in *in, struct nf_storepath *ret, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, DAEMON_PATH_MAX);
	rc = daemon_get_string(in, &text, err);
	return rc ? rc : nf_storepath_parse(ret, buf_slice(&text), err);
}

/* ---- path infos ---- */

static int get_deriver(struct daemon_in *in, struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	struct nf_storepath drv;
	int rc;

	buf_init(&text, DAEMON_PATH_MAX);
	rc = daemon_get_string(in, &text, err);
	if (!rc && text.len)
		rc = nf_storepath_parse(&drv, buf_slice(&text), err);
	if (!rc && text.len)
		nf_pathinfo_set_deriver(info, nf_storepath_base(&drv));
	return rc;
}

static int get_hash(struct daemon_in *in, struct nf_hash *ret, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, NF_HASH_TEXT_MAX);
	rc = daemon_get_string(in, &text, err);
	return rc ? rc : nf_hash_parse_digest(ret, NF_SHA256, buf_slice(&text), err);
}

static int get_refs(struct daemon_in *in, struct nf_pathinfo *info, struct nf_err *err)
{
	struct nf_storepath ref;
	uint64_t count;
	int rc = daemon_get_count(in, DAEMON_ITEMS_MAX, &count, err);

	for (uint64_t i = 0; !rc && i < count; i++) {
		rc = daemon_get_path(in, &ref, err);
		if (!rc)
			rc = nf_pathinfo_add_ref(info, nf_storepath_base(&ref), err);
	}
	return rc;
}

static int get_sigs(struct daemon_in *in, struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	uint64_t count;
	int rc = daemon_get_count(in, DAEMON_ITEMS_MAX, &count, err);

	buf_init(&text, DAEMON_MESSAGE_MAX);
	for (uint64_t i = 0; !rc && i < count; i++) {
		rc = daemon_get_string(in, &text, err);
		if (!rc)
			nf_pathinfo_add_sig(info, buf_slice(&text));
	}
	return rc;
}

static int get_ca(struct daemon_in *in, struct nf_pathinfo *info, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, DAEMON_PATH_MAX);
	rc = daemon_get_string(in, &text, err);
	if (!rc && text.len)
		nf_pathinfo_set_ca(info, buf_slice(&text));
	return rc;
}

int daemon_get_info(struct daemon_in *in, struct nf_pathinfo *info, struct nf_err *err)
{
	uint64_t unused;
	int rc = get_deriver(in, info, err);

	if (!rc)
		rc = get_hash(in, &info->nar_hash, err);
	if (!rc)
		rc = get_refs(in, info, err);
	if (!rc)
		rc = daemon_get_number(in, &unused, err); /* the time of registration */
	if (!rc)
		rc = daemon_get_count(in, NAR_SIZE_MAX, &info->nar_size, err);
	if (!rc)
		rc = daemon_get_number(in, &unused, err); /* built here */
	if (!rc)
		rc = get_sigs(in, info, err);
	return rc ? rc : get_ca(in, info, err);
}

/* ---- messages ---- */

/* The length of the escape sequence that S begins with, such as "\033[31;1m"; 0: none. */
static size_t escape_len(const char *s, size_t len)
{
	size_t i = 2;

	if (len < 2 || s[0] != '\033' || s[1] != '[')
		return 0;
	while (i < len && !isalpha((unsigned char)s[i]))
		i++;
	return i < len ? i + 1 : len;
}

/* One line of printable ASCII and UTF-8, without colours; white space becomes one space.
 */
static void clean_text(char *out, size_t size, const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size;) {
		size_t escape = escape_len(s + i, len - i);
		unsigned char c = (unsigned char)s[i];

		i += escape ? escape : 1;
		if (escape || (isspace(c) && (!n || out[n - 1] == ' ')))
			continue;
		out[n++] = (char)(isspace(c) ? ' ' : c < ' ' || c == 0x7f ? '?' : c);
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static int skip_fields(struct daemon_in *in, struct nf_err *err)
{
	uint64_t count, is_string;
	int rc = daemon_get_count(in, DAEMON_FIELDS_MAX, &count, err);

	for (uint64_t i = 0; !rc && i < count; i++) {
		rc = daemon_get_count(in, 1, &is_string, err);
		if (!rc)
			rc = is_string ? skip_string(in, err) : skip_numbers(in, 1, err);
	}
	return rc;
}

static int skip_start(struct daemon_in *in, struct nf_err *err)
{
	int rc = skip_numbers(in, 3, err); /* id, level, type */

	if (!rc)
		rc = skip_string(in, err);
	if (!rc)
		rc = skip_fields(in, err);
	return rc ? rc : skip_numbers(in, 1, err); /* the parent's id */
}

static int skip_result(struct daemon_in *in, struct nf_err *err)
{
	int rc = skip_numbers(in, 2, err); /* id, type */

	return rc ? rc : skip_fields(in, err);
}

static int skip_traces(struct daemon_in *in, struct nf_err *err)
{
	uint64_t count;
	int rc = daemon_get_count(in, DAEMON_FIELDS_MAX, &count, err);

	for (uint64_t i = 0; !rc && i < count; i++) {
		rc = skip_numbers(in, 1, err); /* position */
		if (!rc)
			rc = skip_string(in, err);
	}
	return rc;
}

static int get_error(struct daemon_in *in, char error[DAEMON_ERROR_TEXT_MAX],
		     struct nf_err *err)
{
	char text[2 * DAEMON_ERROR_TEXT_MAX] = "";
	size_t len = 0;
	int rc = skip_string(in, err); /* "Error" */

	if (!rc)
		rc = skip_numbers(in, 1, err); /* level */
	if (!rc)
		rc = skip_string(in, err); /* its name */
	if (!rc)
		rc = get_begin(in, text, sizeof(text), &len, err);
	if (!rc)
		rc = skip_numbers(in, 1, err); /* position */
	if (!rc)
		rc = skip_traces(in, err);
	clean_text(error, DAEMON_ERROR_TEXT_MAX, text, len);
	return rc;
}

int daemon_get_message(struct daemon_in *in, enum daemon_message *ret,
		       char error[DAEMON_ERROR_TEXT_MAX], struct nf_err *err)
{
	uint64_t tag;
	int rc = daemon_get_number(in, &tag, err);

	*ret = DAEMON_LOG;
	if (rc)
		return rc;
	switch (tag) {
	case STDERR_NEXT:
		return skip_string(in, err);
	case STDERR_START_ACTIVITY:
		return skip_start(in, err);
	case STDERR_STOP_ACTIVITY:
		return skip_numbers(in, 1, err);
	case STDERR_RESULT:
		return skip_result(in, err);
	case STDERR_LAST:
		*ret = DAEMON_LAST;
		return 0;
	case STDERR_ERROR:
		*ret = DAEMON_ERROR;
		return get_error(in, error, err);
	default:
		return err_set(err, NF_E_FORMAT, "an unknown message 0x%llx",
			       (unsigned long long)tag);
	}
}
