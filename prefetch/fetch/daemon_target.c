#include "fetch/daemon_target.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_checked.h"
#include "pool/pool_closure.h"
#include "store/daemon_roots.h"
#include "store/daemon_send.h"
#include "store/daemon_store.h"
#include "store/import_target.h"

struct daemon_target {
	struct daemon_conn *conn; /* holds the temporary roots */
	const char *socket;
	struct progress *progress;
};

/* A path that is sent from the pool. */
struct sent_path {
	struct nf_narinfo *ni; /* in the filling */
	struct nf_trusted trusted;
	enum codec codec;
};

struct filling {
	struct daemon_target *target;
	const struct daemon_target_fill *fill;
	struct nf_import_result *result;
	struct pool_closure closure;
	struct nf_narinfo
		*in_pool; /* of each node; without a path if the pool has none */
	size_t pool_len, pool_cap;
	bool *valid; /* each node, in the daemon's store */
	size_t present;
	struct sent_path *paths;
	const struct nf_pathinfo **infos;
	size_t count;
};

int daemon_target_open(struct daemon_target **ret, const char *root,
		       struct progress *progress, struct nf_err *err)
{
	struct daemon_target *t = mem_calloc(1, sizeof(*t));
	int rc;

	t->progress = progress;
	t->socket = daemon_socket_path();
	import_target_note_daemon(root, progress);
	rc = daemon_conn_open(&t->conn, t->socket, progress, err);
	if (rc)
		daemon_target_free(t);
	else
		*ret = t;
	return rc;
}

void daemon_target_free(struct daemon_target *t)
{
	if (!t)
		return;
	daemon_conn_free(t->conn);
	free(t);
}

int daemon_target_find(struct daemon_target *t, const struct nf_storepath *path,
		       struct nf_pathinfo *info, struct nf_err *err)
{
	return daemon_store_find_kept(t->conn, path, info, err);
}

/* ---- what is sent ---- */

/* Called once for each node, in order. What the pool lacks must be valid already; its
 * references are then not needed. */
static int find_in_pool(void *ctx, const struct nf_storepath *path, struct nf_narinfo *ni,
			struct nf_err *err)
{
	struct filling *f = ctx;
	int rc;

	MEM_GROW(f->in_pool, f->pool_len, f->pool_cap);
	rc = pool_find(f->fill->pool, path, &f->in_pool[f->pool_len], err);
	if (!rc)
		nf_pathinfo_copy(&ni->info, &f->in_pool[f->pool_len].info);
	else
		f->in_pool[f->pool_len].info.path.base[0] = '\0';
	f->pool_len++;
	return rc == -NF_E_MISSING ? 0 : rc;
}

static bool is_in_pool(const struct filling *f, size_t node)
{
	return f->in_pool[node].info.path.base[0];
}

static int tell_missing(const struct pool_closure *c, uint32_t node, struct nf_err *err)
{
	int rc = err_set(err, NF_E_MISSING, "nor valid in nix-daemon's store");

	return pool_closure_name_referrer(c, node, rc, err);
}

static int ask_valid(struct filling *f, struct nf_err *err)
{
	const struct pool_closure *c = &f->closure;
	AUTO_FREE struct nf_slice *bases = mem_calloc(c->len, sizeof(*bases));
	int rc;

	f->valid = mem_calloc(c->len, sizeof(*f->valid));
	for (size_t i = 0; i < c->len; i++)
		bases[i] = nf_storepath_base(&c->nodes[i].path);
	rc = daemon_store_add_temp_roots(f->target->conn, bases, c->len, err);
	if (!rc)
		rc = daemon_store_query_valid(f->target->conn, bases, c->len, f->valid,
					      err);
	for (size_t i = 0; !rc && i < c->len; i++) {
		f->present += f->valid[i];
		if (!f->valid[i] && !is_in_pool(f, i))
			rc = tell_missing(c, (uint32_t)i, err);
	}
	return rc;
}

/* Pool entries were verified when they were fetched. */
static int add_path(struct filling *f, size_t node, struct nf_err *err)
{
	struct sent_path *p = &f->paths[f->count];

	p->ni = &f->in_pool[node];
	f->infos[f->count++] = &p->ni->info;
	if (!codec_parse(&p->codec, p->ni->compression))
		return err_set(err, NF_E_UNSUPPORTED,
			       "path '%s': its NAR is compressed with '%.*s'",
			       p->ni->info.path.base, NF_SLICE_ARG(p->ni->compression));
	if (nf_trust_pathinfo(&p->trusted, &p->ni->info, f->fill->keys, NULL))
		nf_trust_by_store(&p->trusted, &p->ni->info);
	return 0;
}

static int collect_closure(struct filling *f, struct nf_err *err)
{
	const struct intake_roots *roots = &f->fill->roots;
	AUTO_FREE uint32_t *by_name = NULL;
	AUTO_FREE uint32_t *order = NULL;
	int rc = pool_closure_walk(&f->closure, roots->paths, roots->count, find_in_pool,
				   f, err);

	if (!rc)
		rc = ask_valid(f, err);
	if (rc)
		return rc;
	by_name = pool_closure_by_name(&f->closure);
	rc = pool_closure_order(&f->closure, by_name, &order, err);
	f->paths = mem_calloc(f->closure.len, sizeof(*f->paths));
	f->infos = mem_calloc(f->closure.len, sizeof(struct nf_pathinfo *));
	for (size_t i = 0; !rc && i < f->closure.len; i++)
		if (!f->valid[order[i]])
			rc = add_path(f, order[i], err);
	return rc;
}

/* ---- sending ---- */

static int open_nar(void *ctx, size_t i, struct nf_source **ret, struct nf_err *err)
{
	const struct filling *f = ctx;
	const struct sent_path *p = &f->paths[i];
	int fd;
	int rc = pool_open_nar(f->fill->pool, p->ni, &fd, err);

	if (rc)
		return rc;
	*ret = nar_checked_source(decoder_new(p->codec, source_of_file(fd)), &p->trusted);
	return 0;
}

static void path_done(void *ctx, size_t i)
{
	struct filling *f = ctx;

	f->result->imported++;
	f->result->nar_bytes += f->paths[i].ni->info.nar_size;
}

static int send_paths(struct filling *f, struct nf_err *err)
{
	const struct daemon_send_options send = {
		.socket = f->target->socket,
		.infos = f->infos,
		.count = f->count,
		.open = open_nar,
		.done = path_done,
		.ctx = f,
		.jobs = f->fill->jobs,
		.progress = f->target->progress,
	};

	return daemon_send(&send, err);
}

static void filling_release(struct filling *f)
{
	for (size_t i = 0; i < f->pool_len; i++)
		nf_narinfo_release(&f->in_pool[i]);
	free(f->in_pool);
	free(f->paths);
	free(f->infos);
	free(f->valid);
	pool_closure_release(&f->closure);
}

int daemon_target_fill(struct daemon_target *t, const struct daemon_target_fill *fill,
		       struct nf_import_result *ret, struct nf_err *err)
{
	AUTO(filling_release)
	struct filling f = { .target = t, .fill = fill, .result = ret };
	int rc;

	pool_closure_init(&f.closure);
	rc = collect_closure(&f, err);
	if (rc)
		return rc;
	/* The fetch has counted the references of valid paths that it did not fetch. */
	if (ret->present < f.present)
		ret->present = f.present;
	progress_restart(t->progress);
	progress_phase(t->progress, "adding");
	rc = send_paths(&f, err);
	return rc ? rc : daemon_roots_add(t->conn, &fill->roots, ret, t->progress, err);
}
