#include "format/nar_rules.h"

#include <string.h>

int nar_rules_node(const struct nar_rules *r, struct nf_err *err)
{
	if (r->depth < NAR_DEPTH_MAX)
		return 0;
	return err_set(err, NF_E_FORMAT, "nested deeper than %d levels", NAR_DEPTH_MAX);
}

static int check_name(struct nf_slice name, struct nf_err *err)
{
	char text[NAR_RULES_QUOTE_MAX];

	if (name.len == 0)
		return err_set(err, NF_E_FORMAT, "empty name");
	if (name.len > NAR_NAME_MAX)
		return err_set(err, NF_E_FORMAT,
			       "name of %zu bytes, over the limit of %d", name.len,
			       NAR_NAME_MAX);
	if (nf_slice_is(name, ".") || nf_slice_is(name, ".."))
		return err_set(err, NF_E_FORMAT, "name '%s'",
			       nar_rules_quote(text, name));
	if (memchr(name.ptr, '/', name.len))
		return err_set(err, NF_E_FORMAT, "name '%s' contains a slash",
			       nar_rules_quote(text, name));
	if (memchr(name.ptr, '\0', name.len))
		return err_set(err, NF_E_FORMAT, "name '%s' contains a NUL",
			       nar_rules_quote(text, name));
	return 0;
}

static int check_order(struct nf_slice before, struct nf_slice name, struct nf_err *err)
{
	char text[NAR_RULES_QUOTE_MAX], text_before[NAR_RULES_QUOTE_MAX];
	int order = nf_slice_cmp(before, name);

	if (order < 0)
		return 0;
	nar_rules_quote(text, name);
	if (order == 0)
		return err_set(err, NF_E_FORMAT, "name '%s' appears twice", text);
	return err_set(err, NF_E_FORMAT, "names are not sorted: '%s' comes after '%s'",
		       text, nar_rules_quote(text_before, before));
}

int nar_rules_name(struct nar_rules *r, struct nf_slice name, struct nf_err *err)
{
	size_t at = r->depth - 1;
	int rc = check_name(name, err);

	if (rc)
		return rc;
	if (r->len[at])
		rc = check_order(nar_rules_last(r), name, err);
	if (rc)
		return rc;
	r->len[at] = (unsigned char)name.len;
	memcpy(r->name[at], name.ptr, name.len);
	return 0;
}

struct nf_slice nar_rules_last(const struct nar_rules *r)
{
	return nf_slice(r->name[r->depth - 1], r->len[r->depth - 1]);
}

int nar_rules_target(struct nf_slice target, struct nf_err *err)
{
	if (target.len == 0)
		return err_set(err, NF_E_FORMAT, "empty link target");
	if (target.len > NAR_TARGET_MAX)
		return err_set(err, NF_E_FORMAT,
			       "link target of %zu bytes, over the limit of %d",
			       target.len, NAR_TARGET_MAX);
	if (memchr(target.ptr, '\0', target.len))
		return err_set(err, NF_E_FORMAT, "link target contains a NUL");
	return 0;
}

void nar_rules_enter(struct nar_rules *r)
{
	r->len[r->depth++] = 0;
}

void nar_rules_leave(struct nar_rules *r)
{
	r->depth--;
}

char *nar_rules_quote(char out[NAR_RULES_QUOTE_MAX], struct nf_slice text)
{
	size_t n = text.len < NAR_RULES_QUOTE_MAX ? text.len : NAR_RULES_QUOTE_MAX - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?';
	out[n] = '\0';
	return out;
}
