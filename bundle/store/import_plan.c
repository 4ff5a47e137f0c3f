#include "store/import_plan.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "base/stream.h"
#include "base/toposort.h"
#include "format/key_needs.h"
#include "format/key_option.h"
#include "format/left_out.h"
#include "store/import_required.h"

#define NARINFO_SUFFIX ".narinfo"
#define CACHE_INFO     "nix-cache-info"
#define NEEDS_TEXT_MAX (64 * KIB)

static struct nf_slice member_name(const struct nf_bundle *b, size_t i)
{
	return nf_slice_str(nf_bundle_member(b, i)->name);
}

static bool is_narinfo(struct nf_slice name)
{
	return slice_ends_with(name, NARINFO_SUFFIX);
}

/* Appends a whole member to TEXT, whose maximum size bounds it. */
static int read_member(struct nf_bundle *b, size_t i, struct buf *text,
		       struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *src = NULL;
	struct buf_sink sink;
	int rc = nf_bundle_member_source(b, i, &src, err);

	if (rc)
		return rc;
	buf_clear(text);
	buf_sink_init(&sink, text);
	return source_copy(src, &sink.sink, err);
}

static int take_cache_info(struct import_plan *p, struct nf_slice text,
			   struct nf_err *err)
{
	struct nf_cache_info info;
	int rc = nf_cache_info_parse(&info, text, err);

	if (rc)
		return rc;
	if (info.store_dir[0] && strcmp(info.store_dir, NF_STORE_DIR) != 0)
		return err_set(err, NF_E_UNSUPPORTED,
			       "the bundle is for the store '%s', not " NF_STORE_DIR,
			       info.store_dir);
	bundle_keys_parse(&p->keys, text);
	return 0;
}

static int add_path(struct import_plan *p, struct nf_slice name, struct nf_slice text,
		    struct nf_err *err)
{
	struct import_path *path = &p->paths[p->count];
	const struct nf_storepath *sp = &path->ni.info.path;
	uintptr_t *place;
	bool new;
	int rc;

	/* Counted before it is filled, because release frees everything that was
	 * initialised. */
	p->count++;
	rc = nf_narinfo_parse(&path->ni, text, err);
	if (rc)
		return rc;
	name.len -= strlen(NARINFO_SUFFIX);
	if (!nf_slice_eq(name, nf_storepath_hash(sp)))
		return err_set(err, NF_E_FORMAT, "it describes '%s'", sp->base);
	place = map_put(&p->by_base, nf_storepath_base(sp), &new);
	if (!new)
		return err_set(err, NF_E_FORMAT, "'%s' is described by two narinfos",
			       sp->base);
	*place = p->count - 1;
	return 0;
}

static int read_infos(struct import_plan *p, struct nf_err *err)
{
	size_t members = nf_bundle_member_count(p->bundle);
	AUTO_BUF struct buf text = { 0 };
	int rc = 0;

	buf_init(&text, NARINFO_MAX);
	for (size_t i = 0; i < members; i++) {
		struct nf_slice name = member_name(p->bundle, i);

		if (!is_narinfo(name) && !nf_slice_is(name, CACHE_INFO))
			continue;
		rc = interrupt_check(err);
		if (rc)
			return rc;
		rc = read_member(p->bundle, i, &text, err);
		if (!rc)
			rc = is_narinfo(name) ? add_path(p, name, buf_slice(&text), err)
					      : take_cache_info(p, buf_slice(&text), err);
		if (rc)
			return err_prefix(err, rc, "'%.*s'", NF_SLICE_ARG(name));
	}
	return 0;
}

/* A narinfo must say what the manifest says of the NAR. */
static int check_encoding(const struct import_plan *p, struct import_path *path,
			  struct nf_err *err)
{
	const struct nf_bundle_member *member = nf_bundle_member(p->bundle, path->member);
	struct nf_slice name = path->ni.compression;

	if (member->base_count && nf_slice_is(name, NF_BUNDLE_PATCH))
		return 0;
	if (member->base_count)
		return err_set(err, NF_E_FORMAT,
			       "its NAR is a patch, but its compression is '%.*s'",
			       NF_SLICE_ARG(name));
	if (!codec_parse(&path->codec, name))
		return err_set(err, NF_E_UNSUPPORTED, "its NAR is compressed with '%.*s'",
			       NF_SLICE_ARG(name));
	return 0;
}

static int find_nar(struct import_plan *p, const struct map *members,
		    struct import_path *path, struct nf_err *err)
{
	const uintptr_t *member = map_get(members, path->ni.url);
	int rc;

	if (!member || is_narinfo(path->ni.url))
		return err_set(err, NF_E_FORMAT, "its NAR '%.*s' is not in the bundle",
			       NF_SLICE_ARG(path->ni.url));
	path->member = *member;
	rc = check_encoding(p, path, err);
	if (rc)
		return rc;
	path->inodes = nf_bundle_member(p->bundle, path->member)->inodes;
	/* Also keeps sums over all paths far from overflow. */
	if (path->inodes > path->ni.info.nar_size)
		return err_set(err, NF_E_FORMAT, "a NAR of %llu %s with %llu %s",
			       (unsigned long long)path->ni.info.nar_size,
			       plural(path->ni.info.nar_size, "byte", "bytes"),
			       (unsigned long long)path->inodes,
			       plural(path->inodes, "object", "objects"));
	return 0;
}

/* A wrong signature by a trusted key is forged or damaged; it is not a missing key. */
static bool is_lie(const struct nf_pathinfo *info, const struct nf_keyring *ring)
{
	for (size_t i = 0; i < info->nsigs; i++) {
		struct nf_slice sig = info->sigs[i];

		if (nf_keyring_knows(ring, slice_cut(&sig, ':')))
			return true;
	}
	return false;
}

static size_t count_untrusted(const struct nf_key_needs *needs)
{
	size_t count = needs->by_nobody;

	for (size_t i = 0; i < needs->count; i++)
		count += needs->items[i].paths;
	return count;
}

/* What the paths without a valid signature lack. */
static int untrusted(const struct import_plan *p, struct nf_err *err)
{
	const struct nf_key_needs *needs = &p->untrusted;
	size_t count = count_untrusted(needs);
	AUTO_BUF struct buf text = { 0 };

	if (!count)
		return 0;
	buf_init(&text, NEEDS_TEXT_MAX);
	buf_addf(&text,
		 "%zu of %zu %s %s no signature by a trusted key, first '%s': ", count,
		 p->count, plural(p->count, "path", "paths"),
		 plural(count, "has", "have"), p->first_untrusted);
	for (size_t i = 0; i < needs->count; i++)
		buf_addf(&text, "%s'%s' signed %zu", i ? ", " : "", needs->items[i].name,
			 needs->items[i].paths);
	if (needs->by_nobody)
		buf_addf(&text, "%s%zu unsigned", needs->count ? ", " : "",
			 needs->by_nobody);
	if (needs->count == 1) {
		buf_add_str(&text, "; if you trust it: ");
		key_option_add(&text, needs->items[0].name, needs->items[0].text);
	}
	return err_set(err, NF_E_TRUST, "%s", text.ptr);
}

struct judging {
	struct import_plan *plan;
	const struct nf_keyring *ring;
	struct key_survey *survey; /* number of paths that no key of RING vouches for */
	struct map members;
	bool no_check_sigs;
};

static int judge_path(struct judging *j, struct import_path *path, struct nf_err *err)
{
	int rc = find_nar(j->plan, &j->members, path, err);

	if (!rc)
		rc = nf_trust_pathinfo(&path->trusted, &path->ni.info, j->ring, err);
	if (rc == -NF_E_TRUST && j->no_check_sigs) {
		nf_trust_by_store(&path->trusted, &path->ni.info);
		j->plan->unchecked++;
		return 0;
	}
	if (rc != -NF_E_TRUST || is_lie(&path->ni.info, j->ring))
		return rc;
	key_survey_add(j->survey, &path->ni.info);
	if (!j->plan->first_untrusted)
		j->plan->first_untrusted = path->ni.info.path.base;
	return 0;
}

static int judge_paths(struct judging *j, struct nf_err *err)
{
	struct import_plan *p = j->plan;
	int rc = 0;

	for (size_t i = 0; i < p->count; i++) {
		rc = interrupt_check(err);
		if (rc)
			return rc;
		rc = judge_path(j, &p->paths[i], err);
		if (rc)
			return err_prefix(err, rc, "'" NF_STORE_DIR "/%s'",
					  p->paths[i].ni.info.path.base);
	}
	key_survey_finish(j->survey, &p->untrusted);
	return untrusted(p, err);
}

static int judge_all(struct import_plan *p, const struct nf_import_options *opts,
		     struct nf_err *err)
{
	const struct key_survey_rings rings = { .others = { p->keys.told } };
	struct judging j = {
		.plan = p,
		.ring = opts->keys,
		.survey = key_survey_new(&rings),
		.no_check_sigs = opts->no_check_sigs,
	};
	size_t count = nf_bundle_member_count(p->bundle);
	int rc;

	map_init(&j.members);
	for (size_t i = 0; i < count; i++)
		*map_put(&j.members, member_name(p->bundle, i), &(bool){ false }) = i;
	rc = judge_paths(&j, err);
	map_release(&j.members);
	key_survey_free(j.survey);
	return rc;
}

/* Finds the reference's number if it is in the bundle; a path may refer to itself. */
static uint32_t next_ref(void *ctx, uint32_t path, size_t i)
{
	const struct import_plan *p = ctx;
	const struct nf_pathinfo *info = &p->paths[path].ni.info;
	const uintptr_t *ref;

	if (i == info->nrefs)
		return TOPOSORT_END;
	ref = map_get(&p->by_base, info->refs[i]);
	return ref && *ref != path ? (uint32_t)*ref : TOPOSORT_NONE;
}

static int check_circles(struct import_plan *p, struct nf_err *err)
{
	struct toposort t;
	int rc = 0;

	toposort_init(&t, p->count, next_ref, p);
	for (size_t i = 0; !rc && i < p->count; i++)
		if (!toposort_add(&t, (uint32_t)i))
			rc = err_set(err, NF_E_FORMAT,
				     "'" NF_STORE_DIR
				     "/%s' refers to itself through others",
				     p->paths[t.needed].ni.info.path.base);
	toposort_release(&t);
	return rc;
}

int import_plan_load(struct import_plan *p, struct nf_bundle *b,
		     const struct nf_import_options *opts, struct nf_err *err)
{
	size_t members = nf_bundle_member_count(b), infos = 0;
	int rc;

	*p = (struct import_plan){ .bundle = b };
	p->rewrite = hash_rewrite_new(nf_bundle_terms(b)->rewrites,
				      nf_bundle_terms(b)->rewrite_count);
	map_init(&p->by_base);
	for (size_t i = 0; i < members; i++)
		infos += is_narinfo(member_name(b, i));
	p->paths = mem_calloc(infos, sizeof(*p->paths));
	rc = read_infos(p, err);
	if (!rc)
		rc = judge_all(p, opts, err);
	return rc ? rc : check_circles(p, err);
}

void import_plan_release(struct import_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		nf_narinfo_release(&p->paths[i].ni);
	bundle_keys_release(&p->keys);
	hash_rewrite_free(p->rewrite);
	nf_key_needs_release(&p->untrusted);
	map_release(&p->by_base);
	free(p->paths);
}

struct nf_key_needs import_plan_take_untrusted(struct import_plan *p)
{
	struct nf_key_needs needs = p->untrusted;

	p->untrusted = (struct nf_key_needs){ 0 };
	return needs;
}

static struct import_path *find_path(const struct import_plan *p, struct nf_slice base)
{
	const uintptr_t *place = map_get(&p->by_base, base);

	return place ? &p->paths[*place] : NULL;
}

struct import_totals import_plan_totals(const struct import_plan *p,
					enum import_state state)
{
	struct import_totals t = { 0 };

	for (size_t i = 0; i < p->count; i++) {
		if (p->paths[i].state != state)
			continue;
		t.paths++;
		t.bytes += p->paths[i].ni.info.nar_size;
		t.inodes += p->paths[i].inodes;
	}
	return t;
}

void import_plan_note_left_out(const struct import_plan *p, struct progress *progress)
{
	size_t count = 0;

	for (size_t i = 0; i < p->count; i++)
		count += p->paths[i].ni.info.left_out;
	left_out_note(progress, "the bundle", count);
}

static int check_new(struct intake *target, const struct nf_pathinfo *info,
		     struct nf_err *err)
{
	int rc = intake_check_hash(target, &info->path, err);

	return rc ? rc
		  : intake_check_lost(target, nf_storepath_base(&info->path),
				      info->nar_hash.bytes, err);
}

static int query_path(struct import_path *path, struct intake *target,
		      struct progress *progress, size_t *left_out, struct nf_err *err)
{
	const struct nf_pathinfo *info = &path->ni.info;
	AUTO(nf_pathinfo_release) struct nf_pathinfo have = { 0 };
	struct nf_err why;
	int rc = intake_find(target, &info->path, false, &have, &why);

	if (rc == -NF_E_MISSING)
		return check_new(target, info, err);
	if (rc && rc != -NF_E_UNSUPPORTED) {
		if (err)
			*err = why;
		return rc;
	}
	path->state = IMPORT_PRESENT;
	*left_out += have.left_out;
	if (rc)
		progress_note(progress, "%s; it stays as it is", why.text);
	else if (!nf_hash_eq(&have.nar_hash, &info->nar_hash))
		progress_note(
			progress,
			"'" NF_STORE_DIR
			"/%s' is valid in the target with different content than in the bundle; it stays as it is",
			info->path.base);
	return 0;
}

int import_plan_query(struct import_plan *p, struct intake *target,
		      struct progress *progress, struct nf_err *err)
{
	size_t left_out = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < p->count; i++) {
		rc = interrupt_check(err);
		if (!rc)
			rc = query_path(&p->paths[i], target, progress, &left_out, err);
	}
	left_out_note_store(progress, intake_root(target), left_out);
	return rc;
}

/* What the target store must have: the references that the bundle does not contain, and
 * their references in turn. Each path is checked once. */
struct outside {
	const struct import_plan *plan;
	struct intake *target; /* NULL if there is no target */
	struct map seen;
	struct arena names; /* keys of the map, elements of the list */
	struct nf_slice *list;
	size_t len, cap;
};

static void outside_release(struct outside *o)
{
	map_release(&o->seen);
	arena_release(&o->names);
	free(o->list);
}

static int is_valid_outside(struct outside *o, struct nf_slice base, bool *ret,
			    struct nf_err *err)
{
	struct nf_storepath path;
	int rc;

	*ret = false;
	if (!o->target)
		return 0;
	rc = nf_storepath_parse_base(&path, base, err);
	return rc ? rc : intake_is_valid(o->target, &path, ret, err);
}

static int tell_absent(const struct outside *o, struct nf_slice base, const char *who,
		       struct nf_err *err)
{
	if (o->target && intake_is_lost(o->target, base))
		return err_set(
			err, NF_E_FORMAT,
			"%s '" NF_STORE_DIR
			"/%.*s', which is valid in the target, but missing on the disk, and not in the bundle",
			who, NF_SLICE_ARG(base));
	return err_set(err, NF_E_MISSING, "%s '" NF_STORE_DIR "/%.*s', which is %s", who,
		       NF_SLICE_ARG(base),
		       o->target ? "neither in the bundle nor valid in the target"
				 : "not in the bundle");
}

/* Checks that BASE is in the bundle or valid in the target; WHO needs it. */
static int check_known(struct outside *o, struct nf_slice base, const char *who,
		       struct nf_err *err)
{
	bool is_new, known;
	int rc;

	if (find_path(o->plan, base) || map_get(&o->seen, base))
		return 0;
	if (!o->target && import_required_has(o->plan->bundle, base))
		return 0;
	rc = is_valid_outside(o, base, &known, err);
	if (rc)
		return rc;
	if (!known)
		return tell_absent(o, base, who, err);
	base = arena_slice(&o->names, base);
	map_put(&o->seen, base, &is_new);
	MEM_GROW(o->list, o->len, o->cap);
	o->list[o->len++] = base;
	return 0;
}

static int check_refs(struct outside *o, const struct nf_pathinfo *info,
		      struct nf_err *err)
{
	AUTO_FREE char *who =
		mem_printf("'" NF_STORE_DIR "/%s' refers to", info->path.base);
	int rc = 0;

	for (size_t i = 0; !rc && i < info->nrefs; i++)
		rc = check_known(o, info->refs[i], who, err);
	return rc;
}

static int check_refs_outside(struct outside *o, struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < o->len; i++) {
		AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
		struct nf_storepath path;

		rc = interrupt_check(err);
		if (!rc)
			rc = nf_storepath_parse_base(&path, o->list[i], err);
		if (!rc)
			rc = intake_find(o->target, &path, true, &info, err);
		if (!rc)
			rc = check_refs(o, &info, err);
	}
	return rc;
}

void import_outside_release(struct import_outside *o)
{
	free(TAKE_PTR(o->paths));
	o->count = 0;
}

static int list_outside(const struct outside *o, struct import_outside *ret,
			struct nf_err *err)
{
	int rc = 0;

	*ret = (struct import_outside){ mem_calloc(o->len, sizeof(*ret->paths)), 0 };
	while (!rc && ret->count < o->len) {
		rc = nf_storepath_parse_base(&ret->paths[ret->count], o->list[ret->count],
					     err);
		ret->count += !rc;
	}
	return rc;
}

int import_plan_check_closed(const struct import_plan *p, struct intake *target,
			     struct import_outside *ret, struct nf_err *err)
{
	size_t roots = nf_bundle_root_count(p->bundle);
	AUTO(outside_release) struct outside o = { .plan = p, .target = target };
	int rc = 0;

	map_init(&o.seen);
	arena_init(&o.names);
	for (size_t i = 0; !rc && i < roots; i++)
		rc = check_known(&o, nf_storepath_base(nf_bundle_root(p->bundle, i)),
				 "the bundle's root is", err);
	for (size_t i = 0; !rc && i < p->count; i++)
		rc = check_refs(&o, &p->paths[i].ni.info, err);
	if (!rc)
		rc = check_refs_outside(&o, err);
	return rc || !ret ? rc : list_outside(&o, ret, err);
}

int import_plan_cmp_members(const void *a, const void *b)
{
	const struct import_path *x = *(struct import_path *const *)a;
	const struct import_path *y = *(struct import_path *const *)b;

	return (x->member > y->member) - (x->member < y->member);
}
