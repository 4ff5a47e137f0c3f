/* A borrowed run of bytes: not NUL-terminated, never owned. */
#ifndef NIXFERRY_SLICE_H
#define NIXFERRY_SLICE_H

#include <nixferry/decls.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

NF_BEGIN_DECLS

struct nf_slice {
	const char *ptr;
	size_t len;
};

/* For printf: "%.*s", NF_SLICE_ARG(s). */
#define NF_SLICE_ARG(s) (int)(s).len, (s).ptr
#ifdef __cplusplus
#define NF_SLICE_LIT(s) nf_slice((s), sizeof(s) - 1)
#else
#define NF_SLICE_LIT(s) ((struct nf_slice){ (s), sizeof(s) - 1 }) /* a constant */
#endif

static inline struct nf_slice nf_slice(const char *ptr, size_t len)
{
	struct nf_slice s = { ptr, len };

	return s;
}

static inline struct nf_slice nf_slice_str(const char *s)
{
	return nf_slice(s, strlen(s));
}

static inline bool nf_slice_eq(struct nf_slice a, struct nf_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool nf_slice_is(struct nf_slice a, const char *s)
{
	return nf_slice_eq(a, nf_slice_str(s));
}

/* Byte order, as memcmp; a prefix comes before longer strings. */
static inline int nf_slice_cmp(struct nf_slice a, struct nf_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

NF_END_DECLS

#endif
