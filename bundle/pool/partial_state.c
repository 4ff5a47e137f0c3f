#include "pool/partial_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

#define ETAG_MAX 1024

void partial_state_clear(struct partial_state *s)
{
	byte_ranges_clear(&s->ranges);
	s->has_holes = false;
	while (s->etag_count)
		free(s->etags[--s->etag_count].value);
}

void partial_state_release(struct partial_state *s)
{
	partial_state_clear(s);
	byte_ranges_release(&s->ranges);
}

/* ---- ETags ---- */

static bool is_etag(struct nf_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0 && s.len <= ETAG_MAX;
}

static size_t find_etag(const struct partial_state *s, const uint8_t url[BLAKE2B_SIZE])
{
	size_t i = 0;

	while (i < s->etag_count && memcmp(s->etags[i].url, url, BLAKE2B_SIZE) != 0)
		i++;
	return i;
}

static void drop_etag(struct partial_state *s, size_t at)
{
	free(s->etags[at].value);
	s->etag_count--;
	memmove(&s->etags[at], &s->etags[at + 1],
		(s->etag_count - at) * sizeof(s->etags[0]));
}

static void put_etag(struct partial_state *s, const uint8_t url[BLAKE2B_SIZE],
		     struct nf_slice value)
{
	size_t at = find_etag(s, url);

	if (at < s->etag_count)
		drop_etag(s, at);
	else if (s->etag_count == PARTIAL_ETAGS_MAX)
		drop_etag(s, 0);
	memcpy(s->etags[s->etag_count].url, url, BLAKE2B_SIZE);
	s->etags[s->etag_count++].value = mem_strndup(value.ptr, value.len);
}

const char *partial_state_etag(const struct partial_state *s, const char *url)
{
	uint8_t digest[BLAKE2B_SIZE];
	size_t at;

	blake2b(digest, url, strlen(url));
	at = find_etag(s, digest);
	return at < s->etag_count ? s->etags[at].value : NULL;
}

bool partial_state_set_etag(struct partial_state *s, const char *url, const char *value)
{
	uint8_t digest[BLAKE2B_SIZE];
	bool usable = value && is_etag(nf_slice_str(value));
	size_t at;

	blake2b(digest, url, strlen(url));
	at = find_etag(s, digest);
	if (at == s->etag_count && !usable)
		return false;
	if (at < s->etag_count && usable && strcmp(s->etags[at].value, value) == 0)
		return false;
	if (usable)
		put_etag(s, digest, nf_slice_str(value));
	else
		drop_etag(s, at);
	return true;
}

/* ---- text ---- */

static void take_range(struct partial_state *s, struct nf_slice value)
{
	struct nf_slice from = slice_cut(&value, '-');
	struct byte_range range;

	if (!slice_parse_u64(from, &range.from) || !slice_parse_u64(value, &range.end))
		return;
	s->has_holes = true;
	byte_ranges_add(&s->ranges, range.from, range.end);
}

static void take_etag(struct partial_state *s, struct nf_slice value)
{
	struct nf_slice url = slice_cut(&value, ' ');
	uint8_t digest[BLAKE2B_SIZE];

	if (nix32_decode(digest, sizeof(digest), url) && is_etag(value))
		put_etag(s, digest, value);
}

static void take_path(struct partial_state *s, struct nf_slice value)
{
	struct nf_storepath path;

	if (!nf_storepath_parse_base(&path, value, NULL))
		s->path = path;
}

void partial_state_parse(struct partial_state *s, struct nf_slice text)
{
	while (text.len) {
		struct nf_slice line = slice_cut(&text, '\n');

		if (slice_skip_prefix(&line, "Run: "))
			take_range(s, line);
		else if (slice_skip_prefix(&line, "ETag: "))
			take_etag(s, line);
		else if (slice_skip_prefix(&line, "Path: "))
			take_path(s, line);
	}
}

void partial_state_format(const struct partial_state *s, struct buf *out)
{
	char url[64];

	if (s->has_holes && s->ranges.len == 0)
		buf_add_str(out, "Run: 0-0\n");
	for (size_t i = 0; s->has_holes && i < s->ranges.len; i++)
		buf_addf(out, "Run: %" PRIu64 "-%" PRIu64 "\n", s->ranges.list[i].from,
			 s->ranges.list[i].end);
	for (size_t i = 0; i < s->etag_count; i++) {
		nix32_encode(url, s->etags[i].url, BLAKE2B_SIZE);
		buf_addf(out, "ETag: %s %s\n", url, s->etags[i].value);
	}
	if (s->path.base[0])
		buf_addf(out, "Path: %s\n", s->path.base);
}
