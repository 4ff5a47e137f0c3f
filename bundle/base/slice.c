#include "base/slice.h"

struct nf_slice slice_cut(struct nf_slice *rest, char c)
{
	const char *at = rest->len ? memchr(rest->ptr, c, rest->len) : NULL;
	struct nf_slice head = *rest;

	if (!at) {
		*rest = nf_slice(NULL, 0);
		return head;
	}
	head.len = (size_t)(at - rest->ptr);
	rest->ptr = at + 1;
	rest->len -= head.len + 1;
	return head;
}

bool slice_skip_prefix(struct nf_slice *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->len < n || memcmp(s->ptr, prefix, n) != 0)
		return false;
	s->ptr += n;
	s->len -= n;
	return true;
}

bool slice_ends_with(struct nf_slice s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.len >= n && memcmp(s.ptr + s.len - n, suffix, n) == 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct nf_slice slice_trim(struct nf_slice s)
{
	while (s.len && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool slice_parse_u64(struct nf_slice s, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.len == 0 || (s.len > 1 && s.ptr[0] == '0'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}
