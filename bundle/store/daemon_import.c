#include "store/daemon_import.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/toposort.h"
#include "format/nar_checked.h"
#include "store/daemon_roots.h"
#include "store/daemon_send.h"
#include "store/daemon_store.h"
#include "store/import_patch.h"
#include "store/import_required.h"
#include "store/import_run.h"

/* A NAR in a temporary file. */
struct spool {
	uint64_t offset;
	uint64_t size;
	uint32_t users; /* paths that have it */
};

struct daemon_import {
	struct import_plan *plan;
	const struct nf_import_options *opts;
	struct progress *progress;
	struct nf_import_result *result;
	const char *socket;
	struct daemon_conn *conn; /* holds the temporary roots */
	/* Paths that must be valid, base names: the plan's, then those that it needs. */
	struct nf_slice *bases;
	size_t base_count, base_cap;
	bool *valid;
	struct import_path **wanted; /* as they are sent */
	const struct nf_pathinfo **infos;
	size_t wanted_count;
	/* Of a stream. */
	struct spool *spools; /* of each member */
	int spool_fd;
	int store_fd; /* for the bases of patches */
	uint64_t spooled;
	size_t next_member; /* those before have passed */
};

static void daemon_import_release(struct daemon_import *d)
{
	daemon_conn_free(d->conn);
	free(d->bases);
	free(d->valid);
	free(d->wanted);
	free(d->infos);
	free(d->spools);
	cleanup_fd(&d->spool_fd);
	cleanup_fd(&d->store_fd);
}

/* ---- what is valid ---- */

static void add_base(struct daemon_import *d, struct map *seen, struct nf_slice base)
{
	bool is_new;

	map_put(seen, base, &is_new);
	if (!is_new)
		return;
	MEM_GROW(d->bases, d->base_count, d->base_cap);
	d->bases[d->base_count++] = base;
}

static void collect_bases(struct daemon_import *d)
{
	const struct import_plan *p = d->plan;
	struct map seen;

	map_init(&seen);
	for (size_t i = 0; i < p->count; i++)
		add_base(d, &seen, nf_storepath_base(&p->paths[i].ni.info.path));
	for (size_t i = 0; i < p->count; i++)
		for (size_t r = 0; r < p->paths[i].ni.info.nrefs; r++)
			add_base(d, &seen, p->paths[i].ni.info.refs[r]);
	for (size_t i = 0; i < nf_bundle_root_count(p->bundle); i++)
		add_base(d, &seen, nf_storepath_base(nf_bundle_root(p->bundle, i)));
	map_release(&seen);
}

/* The first path that refers to BASE, or NULL: the bundle is made for BASE. */
static const struct import_path *find_referrer(const struct import_plan *p,
					       struct nf_slice base)
{
	for (size_t i = 0; i < p->count; i++)
		if (nf_pathinfo_has_ref(&p->paths[i].ni.info, base))
			return &p->paths[i];
	return NULL;
}

static int tell_absent(const struct import_plan *p, struct nf_slice base,
		       struct nf_err *err)
{
	const struct import_path *by = find_referrer(p, base);

	if (!by)
		return err_set(
			err, NF_E_MISSING,
			"the bundle's root '" NF_STORE_DIR
			"/%.*s' is neither in the bundle nor valid in nix-daemon's store",
			NF_SLICE_ARG(base));
	return err_set(
		err, NF_E_MISSING,
		"'" NF_STORE_DIR "/%s' refers to '" NF_STORE_DIR
		"/%.*s', which is neither in the bundle nor valid in nix-daemon's store",
		by->ni.info.path.base, NF_SLICE_ARG(base));
}

static int find_valid(void *ctx, const struct nf_storepath *path,
		      struct nf_pathinfo *info, struct nf_err *err)
{
	return daemon_store_find(ctx, path, info, err);
}

static int check_required(struct daemon_import *d, struct nf_err *err)
{
	const struct import_required_target target = { find_valid, d->conn,
						       "nix-daemon's store" };

	return import_required_check(d->plan->bundle, &target, d->progress, err);
}

/* Takes the temporary roots first: a path that is valid then stays valid. */
static int query(struct daemon_import *d, struct nf_err *err)
{
	struct import_plan *p = d->plan;
	int rc;

	collect_bases(d);
	d->valid = mem_calloc(d->base_count, sizeof(*d->valid));
	rc = daemon_store_add_temp_roots(d->conn, d->bases, d->base_count, err);
	if (!rc)
		rc = check_required(d, err);
	if (!rc)
		rc = daemon_store_query_valid(d->conn, d->bases, d->base_count, d->valid,
					      err);
	for (size_t i = 0; !rc && i < p->count; i++)
		if (d->valid[i])
			p->paths[i].state = IMPORT_PRESENT;
	for (size_t i = p->count; !rc && i < d->base_count; i++)
		if (!d->valid[i])
			rc = tell_absent(p, d->bases[i], err);
	return rc;
}

/* ---- the order ---- */

static void collect_wanted(struct daemon_import *d)
{
	struct import_plan *p = d->plan;

	d->wanted = mem_calloc(p->count, sizeof(struct import_path *));
	d->infos = mem_calloc(p->count, sizeof(struct nf_pathinfo *));
	d->spools = mem_calloc(nf_bundle_member_count(p->bundle), sizeof(*d->spools));
	for (size_t i = 0; i < p->count; i++)
		if (p->paths[i].state == IMPORT_WANTED) {
			d->wanted[d->wanted_count++] = &p->paths[i];
			d->spools[p->paths[i].member].users++;
		}
	if (d->wanted_count)
		qsort(d->wanted, d->wanted_count, sizeof(struct import_path *),
		      import_plan_cmp_members);
}

struct ordering {
	const struct daemon_import *d;
	struct map by_base; /* index in d->wanted */
};

static uint32_t next_ref(void *ctx, uint32_t node, size_t i)
{
	const struct ordering *o = ctx;
	const struct nf_pathinfo *info = &o->d->wanted[node]->ni.info;
	const uintptr_t *ref;

	if (i == info->nrefs)
		return TOPOSORT_END;
	ref = map_get(&o->by_base, info->refs[i]);
	return ref && *ref != node ? (uint32_t)*ref : TOPOSORT_NONE;
}

/* In the order of the bundle, except that references come first. There are no cycles. */
static void order_wanted(struct daemon_import *d)
{
	struct ordering o = { .d = d };
	AUTO_FREE struct import_path **sorted =
		mem_calloc(d->wanted_count, sizeof(struct import_path *));
	struct toposort t;
	bool is_new;

	map_init(&o.by_base);
	for (size_t i = 0; i < d->wanted_count; i++)
		*map_put(&o.by_base, nf_storepath_base(&d->wanted[i]->ni.info.path),
			 &is_new) = i;
	toposort_init(&t, d->wanted_count, next_ref, &o);
	for (size_t i = 0; i < d->wanted_count; i++)
		(void)toposort_add(&t, (uint32_t)i);
	for (size_t i = 0; i < t.len; i++)
		sorted[i] = d->wanted[t.order[i]];
	for (size_t i = 0; i < t.len; i++)
		d->wanted[i] = sorted[i];
	toposort_release(&t);
	map_release(&o.by_base);
}

/* ---- sending ---- */

static int make_spool_file(int *ret, struct nf_err *err)
{
	if (*ret < 0)
		*ret = open(import_run_temp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret < 0 ? err_sys(err, "cannot create a temporary file") : 0;
}

static int spool(struct daemon_import *d, size_t member, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *src = NULL;
	struct fd_sink sink;
	int rc = make_spool_file(&d->spool_fd, err);

	if (!rc)
		rc = nf_bundle_member_source(d->plan->bundle, member, &src, err);
	if (rc)
		return rc;
	fd_sink_init(&sink, d->spool_fd, NULL, NULL);
	rc = source_copy(src, &sink.sink, err);
	d->spools[member].offset = d->spooled;
	d->spools[member].size = sink.written;
	d->spooled += sink.written;
	return rc;
}

/* A stream delivers each member once. One that is needed later, or by several paths, is
 * kept in a file. */
static int open_stream(struct daemon_import *d, size_t member, struct nf_source **ret,
		       struct nf_err *err)
{
	const struct spool *s = &d->spools[member];
	int rc = 0;

	for (; !rc && d->next_member < member; d->next_member++)
		if (d->spools[d->next_member].users)
			rc = spool(d, d->next_member, err);
	if (!rc && d->next_member == member) {
		d->next_member++;
		if (s->users == 1)
			return nf_bundle_member_source(d->plan->bundle, member, ret, err);
		rc = spool(d, member, err);
	}
	if (!rc)
		*ret = nf_source_of_fd_range(d->spool_fd, s->offset, s->size);
	return rc;
}

static int open_nar(void *ctx, size_t i, struct nf_source **ret, struct nf_err *err)
{
	struct daemon_import *d = ctx;
	const struct import_path *path = d->wanted[i];
	struct nf_source *member;
	int rc = nf_bundle_is_seekable(d->plan->bundle)
			 ? nf_bundle_member_source(d->plan->bundle, path->member, &member,
						   err)
			 : open_stream(d, path->member, &member, err);

	if (!rc)
		*ret = nar_checked_source(
			import_patch_decode(d->plan, path, d->store_fd, member),
			&path->trusted);
	return rc;
}

static void path_done(void *ctx, size_t i)
{
	struct daemon_import *d = ctx;

	d->wanted[i]->state = IMPORT_UNPACKED;
	d->result->imported++;
	d->result->nar_bytes += d->wanted[i]->ni.info.nar_size;
	d->result->inodes += d->wanted[i]->inodes;
}

static int send_wanted(struct daemon_import *d, struct nf_err *err)
{
	struct daemon_send_options send = {
		.socket = d->socket,
		.open = open_nar,
		.done = path_done,
		.ctx = d,
		.is_stream = !nf_bundle_is_seekable(d->plan->bundle),
		.jobs = d->opts->jobs,
		.progress = d->progress,
	};

	collect_wanted(d);
	order_wanted(d);
	for (size_t i = 0; i < d->wanted_count; i++)
		d->infos[i] = &d->wanted[i]->ni.info;
	send.infos = d->infos;
	send.count = d->wanted_count;
	return daemon_send(&send, err);
}

/* ---- what was valid ---- */

static int add_sigs(struct daemon_import *d, const struct nf_pathinfo *info,
		    const struct nf_pathinfo *have, struct nf_err *err)
{
	bool any = false;
	int rc;

	if (!nf_hash_eq(&have->nar_hash, &info->nar_hash)) {
		progress_note(
			d->progress,
			"'" NF_STORE_DIR
			"/%s' is valid in nix-daemon's store with different content than in the bundle; it stays as it is",
			info->path.base);
		return 0;
	}
	rc = daemon_store_add_sigs(d->conn, info, have, &any, err);
	d->result->sigs_added += !rc && any;
	if (!rc || rc == -NF_E_INTR)
		return rc;
	return err_prefix(err, rc, "'" NF_STORE_DIR "/%s'", info->path.base);
}

static int add_batch(struct daemon_import *d, const struct nf_pathinfo *const *infos,
		     size_t count, struct nf_err *err)
{
	const struct nf_storepath *paths[DAEMON_STORE_BATCH];
	AUTO_FREE struct nf_pathinfo *have = mem_calloc(count, sizeof(*have));
	int rc;

	for (size_t i = 0; i < count; i++)
		paths[i] = &infos[i]->path;
	rc = daemon_store_find_many(d->conn, paths, count, have, err);
	for (size_t i = 0; !rc && i < count; i++)
		rc = add_sigs(d, infos[i], &have[i], err);
	for (size_t i = 0; i < count; i++)
		nf_pathinfo_release(&have[i]);
	return rc;
}

static int add_all_sigs(struct daemon_import *d, struct nf_err *err)
{
	const struct import_plan *p = d->plan;
	AUTO_FREE const struct nf_pathinfo **infos = mem_calloc(p->count, sizeof(*infos));
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->paths[i].state == IMPORT_PRESENT)
			infos[count++] = &p->paths[i].ni.info;
	d->result->present += count;
	for (size_t i = 0; !rc && i < count; i += DAEMON_STORE_BATCH)
		rc = add_batch(d, infos + i,
			       count - i < DAEMON_STORE_BATCH ? count - i
							      : DAEMON_STORE_BATCH,
			       err);
	return rc;
}

static int add_roots(struct daemon_import *d, struct nf_err *err)
{
	size_t count = nf_bundle_root_count(d->plan->bundle);
	AUTO_FREE struct nf_storepath *paths = mem_calloc(count, sizeof(*paths));
	const struct intake_roots roots = {
		.paths = paths,
		.count = count,
		.profile = d->opts->profile,
		.gc_root = d->opts->gc_root,
	};

	for (size_t i = 0; i < count; i++)
		paths[i] = *nf_bundle_root(d->plan->bundle, i);
	return daemon_roots_add(d->conn, &roots, d->result, d->progress, err);
}

int daemon_import(struct import_plan *plan, const struct nf_import_options *opts,
		  struct progress *progress, struct nf_import_result *ret,
		  struct nf_err *err)
{
	AUTO(daemon_import_release)
	struct daemon_import d = {
		.plan = plan,
		.opts = opts,
		.progress = progress,
		.result = ret,
		.socket = daemon_socket_path(),
		.spool_fd = -1,
		.store_fd = open(NF_STORE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	int rc = daemon_conn_open(&d.conn, d.socket, progress, err);

	if (!rc)
		rc = query(&d, err);
	if (rc)
		return rc;
	progress_phase(progress, "adding");
	rc = send_wanted(&d, err);
	if (!rc)
		rc = nf_bundle_check_rest(plan->bundle, err);
	if (rc)
		return rc;
	progress_phase(progress, "registering");
	rc = add_all_sigs(&d, err);
	return rc ? rc : add_roots(&d, err);
}
