#include <nixferry/narinfo.h>

#include <limits.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/slice.h"

static int take_store_dir(struct nf_cache_info *ci, struct nf_slice value,
			  struct nf_err *err)
{
	if (value.len >= sizeof(ci->store_dir))
		return err_set(err, NF_E_LIMIT, "%zu bytes, over the limit of %zu",
			       value.len, sizeof(ci->store_dir) - 1);
	memcpy(ci->store_dir, value.ptr, value.len);
	ci->store_dir[value.len] = '\0';
	return 0;
}

/* Nix reads "10.5" as 10 and ignores leading zeros. */
static struct nf_slice leading_digits(struct nf_slice s)
{
	size_t len = 0;

	while (len < s.len && s.ptr[len] >= '0' && s.ptr[len] <= '9')
		len++;
	s.len = len;
	while (s.len > 1 && s.ptr[0] == '0')
		s = nf_slice(s.ptr + 1, s.len - 1);
	return s;
}

static int take_priority(struct nf_cache_info *ci, struct nf_slice value,
			 struct nf_err *err)
{
	struct nf_slice rest = value, digits;
	bool negative = slice_skip_prefix(&rest, "-");
	uint64_t n;

	if (!negative)
		slice_skip_prefix(&rest, "+");
	digits = leading_digits(rest);
	if (!slice_parse_u64(digits, &n) || n > INT_MAX)
		return err_set(err, NF_E_FORMAT, "not a number");
	ci->has_priority = true;
	ci->priority = negative ? -(int)n : (int)n;
	return 0;
}

static int take_line(struct nf_cache_info *ci, struct nf_slice line, struct nf_err *err)
{
	struct nf_slice value = line;
	struct nf_slice key = slice_cut(&value, ':');
	int rc = 0;

	if (!value.ptr)
		return 0;
	value = slice_trim(value);
	if (nf_slice_is(key, "StoreDir"))
		rc = take_store_dir(ci, value, err);
	else if (nf_slice_is(key, "WantMassQuery"))
		ci->want_mass_query = nf_slice_is(value, "1");
	else if (nf_slice_is(key, "Priority"))
		rc = take_priority(ci, value, err);
	return rc ? err_prefix(err, rc, "%.*s", NF_SLICE_ARG(key)) : 0;
}

int nf_cache_info_parse(struct nf_cache_info *ci, struct nf_slice text,
			struct nf_err *err)
{
	*ci = (struct nf_cache_info){ 0 };
	if (text.len > NIX_CACHE_INFO_MAX)
		return err_set(err, NF_E_LIMIT, "%zu bytes, over the limit of %llu",
			       text.len, NIX_CACHE_INFO_MAX);
	if (text.len && memchr(text.ptr, '\0', text.len))
		return err_set(err, NF_E_FORMAT, "it contains a NUL");
	for (size_t number = 1; text.len; number++) {
		struct nf_slice line = slice_cut(&text, '\n');
		int rc = take_line(ci, line, err);

		if (rc)
			return err_prefix(err, rc, "line %zu", number);
	}
	return 0;
}
