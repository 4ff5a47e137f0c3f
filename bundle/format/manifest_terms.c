#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/mem.h"
#include "base/slice.h"
#include "format/manifest_private.h"

#define SERIES_MAX 64

bool manifest_has_terms(const struct nf_bundle_terms *t)
{
	return t && (t->required_count || t->series || t->expires || t->made_from_count ||
		     t->rewrite_count);
}

void manifest_terms_release(struct nf_bundle_terms *t)
{
	for (size_t i = 0; i < t->made_from_count; i++)
		free((void *)t->made_from[i]);
	free((void *)t->made_from);
	free((void *)t->required);
	free((void *)t->rewrites);
	free((void *)t->series);
	free((void *)t->expires);
	*t = (struct nf_bundle_terms){ 0 };
}

/* ---- texts ---- */

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool manifest_is_series(struct nf_slice text)
{
	if (text.len == 0 || text.len > SERIES_MAX || !is_word(text.ptr[0]))
		return false;
	for (size_t i = 1; i < text.len; i++)
		if (!is_word(text.ptr[i]) && !strchr(".-_", text.ptr[i]))
			return false;
	return true;
}

static unsigned two_digits(const char *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static unsigned days_of(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

bool manifest_is_date(struct nf_slice text)
{
	static const char form[] = "dddd-dd-dd";
	unsigned year, month, day;

	if (text.len != strlen(form))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (form[i] == 'd' ? text.ptr[i] < '0' || text.ptr[i] > '9'
				   : text.ptr[i] != form[i])
			return false;
	year = 100 * two_digits(text.ptr) + two_digits(text.ptr + 2);
	month = two_digits(text.ptr + 5);
	day = two_digits(text.ptr + 8);
	return month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month);
}

/* ---- from a writer ---- */

static int compare_required(const void *a, const void *b)
{
	const struct nf_bundle_required *x = a, *y = b;

	return nf_storepath_cmp(&x->path, &y->path);
}

static int set_required(struct nf_bundle_terms *to, const struct nf_bundle_terms *from,
			struct nf_err *err)
{
	size_t count = from->required_count;
	struct nf_bundle_required *list;

	if (!count)
		return 0;
	list = mem_dup(from->required, count * sizeof(*list));
	to->required = list;
	to->required_count = count;
	qsort(list, count, sizeof(*list), compare_required);
	for (size_t i = 1; i < count; i++)
		if (nf_storepath_cmp(&list[i - 1].path, &list[i].path) == 0)
			return err_set(err, NF_E_FORMAT, "path '%s' is required twice",
				       list[i].path.base);
	return 0;
}

static int compare_rewrites(const void *a, const void *b)
{
	return strcmp(((const struct nf_bundle_rewrite *)a)->from,
		      ((const struct nf_bundle_rewrite *)b)->from);
}

static int set_rewrites(struct nf_bundle_terms *to, const struct nf_bundle_terms *from,
			struct nf_err *err)
{
	size_t count = from->rewrite_count;
	struct nf_bundle_rewrite *list;

	if (!count)
		return 0;
	list = mem_dup(from->rewrites, count * sizeof(*list));
	to->rewrites = list;
	to->rewrite_count = count;
	qsort(list, count, sizeof(*list), compare_rewrites);
	for (size_t i = 0; i < count; i++)
		if (!nf_storepath_is_hash(nf_slice_str(list[i].from)) ||
		    !nf_storepath_is_hash(nf_slice_str(list[i].to)) ||
		    (i && strcmp(list[i - 1].from, list[i].from) == 0))
			return err_set(err, NF_E_FORMAT, "cannot replace '%s' by '%s'",
				       list[i].from, list[i].to);
	return 0;
}

size_t manifest_find_required(const struct nf_bundle_terms *t, struct nf_slice base)
{
	size_t low = 0, high = t->required_count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = nf_slice_cmp(nf_storepath_base(&t->required[mid].path), base);

		if (order == 0)
			return mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return SIZE_MAX;
}

int manifest_set_bases(const struct manifest *m, struct nf_bundle_member *member,
		       const struct nf_storepath *const *bases, unsigned count,
		       struct nf_err *err)
{
	if (count > NF_BUNDLE_BASES_MAX)
		return err_set(err, NF_E_LIMIT, "member '%s' has too many bases",
			       member->name);
	for (unsigned i = 0; i < count; i++) {
		size_t at =
			manifest_find_required(&m->terms, nf_storepath_base(bases[i]));

		if (at == SIZE_MAX)
			return err_set(
				err, NF_E_FORMAT,
				"member '%s' is made from '%s', which is not required",
				member->name, bases[i]->base);
		member->bases[i] = (uint32_t)at;
	}
	member->base_count = count;
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void set_made_from(struct manifest *m, const struct nf_bundle_terms *from)
{
	size_t count = from->made_from_count;
	AUTO_BUF struct buf notes = { 0 };
	char **list;

	if (!count)
		return;
	list = mem_calloc(count, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = mem_strdup(from->made_from[i]);
	qsort(list, count, sizeof(*list), compare_texts);
	m->terms.made_from = (const char *const *)list;
	m->terms.made_from_count = count;
	buf_init(&notes, SIZE_MAX);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(list[i - 1], list[i]) != 0)
			buf_addf(&notes, MANIFEST_MADE_FROM "%s\n", list[i]);
	m->notes = buf_take(&notes);
}

int manifest_set_terms(struct manifest *m, const struct nf_bundle_terms *terms,
		       struct nf_err *err)
{
	int rc;

	if (!manifest_has_terms(terms))
		return 0;
	if (m->version < 2)
		return err_set(err, NF_E_USAGE,
			       "format version %u cannot express what it requires",
			       m->version);
	if (terms->series && !manifest_is_series(nf_slice_str(terms->series)))
		return err_set(err, NF_E_FORMAT, "'%s' is not the name of a series",
			       terms->series);
	if (terms->expires && !manifest_is_date(nf_slice_str(terms->expires)))
		return err_set(err, NF_E_FORMAT, "'%s' is not a date like 2027-01-31",
			       terms->expires);
	m->terms.series = terms->series ? mem_strdup(terms->series) : NULL;
	m->terms.serial = terms->series ? terms->serial : 0;
	m->terms.expires = terms->expires ? mem_strdup(terms->expires) : NULL;
	set_made_from(m, terms);
	rc = set_required(&m->terms, terms, err);
	return rc ? rc : set_rewrites(&m->terms, terms, err);
}

/* ---- format ---- */

void manifest_terms_format(struct buf *out, const struct manifest *m)
{
	const struct nf_bundle_terms *t = &m->terms;

	if (t->series)
		buf_addf(out, "series %s\nserial %" PRIu64 "\n", t->series, t->serial);
	if (t->expires)
		buf_addf(out, "expires %s\n", t->expires);
	if (m->notes)
		buf_add_str(out, m->notes);
}

void manifest_required_format(struct buf *out, const struct manifest *m)
{
	char hash[64];

	for (size_t i = 0; i < m->terms.required_count; i++) {
		const struct nf_bundle_required *r = &m->terms.required[i];

		nix32_encode(hash, r->nar_hash.bytes, nf_hash_size(NF_SHA256));
		buf_addf(out, "requires %s %s\n", r->path.base, hash);
	}
	for (size_t i = 0; i < m->terms.rewrite_count; i++)
		buf_addf(out, "rewrites %s %s\n", m->terms.rewrites[i].from,
			 m->terms.rewrites[i].to);
}
