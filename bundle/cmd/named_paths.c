#include "cmd/named_paths.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cmd/bundle_input.h"
#include "cmd/options.h"
#include "cmd/store_options.h"
#include "format/inventory.h"
#include "pool/pool_closure.h"
#include "store/store_inventory.h"

/* ---- opening ---- */

static char *store_root(const char *arg)
{
	size_t len = strlen(arg);

	while (len && arg[len - 1] == '/')
		len--;
	return mem_strndup(arg, len);
}

static bool is_store(const char *arg)
{
	AUTO_FREE char *db = mem_printf("%s/nix/var/nix/db", arg);
	struct stat st;

	return stat(db, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A file that is in the store, or that a link leads to there, is a store path. */
static bool is_file(const char *arg)
{
	AUTO_FREE char *real = NULL;
	struct stat st;

	if (stat(arg, &st) || S_ISDIR(st.st_mode))
		return false;
	real = S_ISREG(st.st_mode) ? realpath(arg, NULL) : NULL;
	return !real || strncmp(real, NF_STORE_DIR "/", strlen(NF_STORE_DIR "/")) != 0;
}

static int open_stdin(int *ret, struct nf_err *err)
{
	*ret = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? err_sys(err, "standard input") : 0;
}

int named_paths_open(struct named_paths *n, const char *arg, struct nf_err *err)
{
	int rc;

	*n = (struct named_paths){ .arg = arg, .fd = -1 };
	if (strcmp(arg, "-") == 0)
		return open_stdin(&n->fd, err);
	if (is_store(arg)) {
		n->root = store_root(arg);
		return 0;
	}
	if (is_file(arg))
		return file_open_input(&n->fd, arg, err);
	rc = installable_resolve(&n->path, nf_slice_str(arg), err);
	if (!rc && nf_storepath_is_drv(&n->path.path))
		rc = err_set(err, NF_E_USAGE,
			     "'%s' is a derivation: name its output instead", arg);
	return rc;
}

void named_paths_release(struct named_paths *n)
{
	cleanup_fd(&n->fd);
	free(n->root);
	installable_release(&n->path);
	*n = (struct named_paths){ .fd = -1 };
}

bool named_paths_is_installable(const struct named_paths *n)
{
	return n->fd < 0 && !n->root;
}

void named_paths_grant(const struct named_paths *n, struct sandbox *s)
{
	if (n->root)
		store_options_grant(s, n->root);
}

/* ---- reading ---- */

static int visit_item(const struct named_visitor *v, const struct nf_pathinfo *info,
		      struct nf_err *err)
{
	const struct nf_bundle_required item = { info->path, info->nar_hash };

	return v->path(v->ctx, &item, info, err);
}

static void visit_root(const struct named_visitor *v, const struct nf_storepath *path)
{
	if (v->root)
		v->root(v->ctx, path);
}

static int read_inventory(const struct named_paths *n,
			  const struct named_sources *sources,
			  const struct named_visitor *v, struct nf_err *err)
{
	AUTO(inventory_release) struct inventory inv = { 0 };
	AUTO_BUF struct buf text = { 0 };
	AUTO_FREE char *signer = NULL;
	int rc;

	buf_init(&text, INVENTORY_MAX);
	rc = file_read_fd(n->fd, n->arg, &text, err);
	if (!rc)
		rc = inventory_parse(&inv, buf_slice(&text), sources->keys, &signer, err);
	for (size_t i = 0; !rc && i < inv.count; i++)
		rc = v->path(v->ctx, &inv.items[i], NULL, err);
	return rc ? err_prefix(err, rc, "inventory '%s'", n->arg) : 0;
}

static int visit_bundled(void *ctx, const struct nf_narinfo *ni,
			 const struct nf_bundle_member *nar, struct nf_err *err)
{
	(void)nar;
	return visit_item(ctx, &ni->info, err);
}

/* Who can sign a bundle trusts what the same key signed. */
static struct nf_keyring *trusted_keys(const struct named_sources *sources)
{
	struct nf_keyring *keys = nf_keyring_new();

	nf_keyring_add_all(keys, sources->keys);
	if (sources->sign_key) {
		AUTO_FREE char *key = nf_secret_key_public(sources->sign_key);

		(void)!nf_keyring_add(keys, nf_slice_str(key), NULL);
	}
	return keys;
}

static int read_bundle(struct named_paths *n, const struct named_sources *sources,
		       const struct named_visitor *v, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = { .name = n->arg };
	AUTO(nf_keyring_freep) struct nf_keyring *keys = trusted_keys(sources);
	const struct nf_bundle_terms *t;
	int rc;

	in.fd = TAKE_FD(n->fd);
	rc = nf_bundle_open(&in.bundle, in.fd, n->arg, keys, &in.signers, err);
	if (!rc)
		rc = bundle_input_each_path(&in, visit_bundled, (void *)v, err);
	if (rc)
		return rc;
	t = nf_bundle_terms(in.bundle);
	for (size_t i = 0; !rc && i < t->required_count; i++)
		rc = v->required(v->ctx, &t->required[i], err);
	for (size_t i = 0; !rc && i < nf_bundle_root_count(in.bundle); i++)
		visit_root(v, nf_bundle_root(in.bundle, i));
	return rc;
}

static int read_file(struct named_paths *n, const struct named_sources *sources,
		     const struct named_visitor *v, struct nf_err *err)
{
	char start[32];
	ssize_t len = pread(n->fd, start, sizeof(start), 0);

	/* What is read before a pipe is known cannot be read again. */
	if (len < 0 || inventory_is_text(nf_slice(start, (size_t)len)))
		return read_inventory(n, sources, v, err);
	return read_bundle(n, sources, v, err);
}

static int read_store(const struct named_paths *n, const struct named_visitor *v,
		      struct nf_err *err)
{
	AUTO(local_store_freep) struct local_store *store = NULL;
	AUTO(inventory_release) struct inventory inv = { 0 };
	int rc = store_inventory_read(&inv, n->root, err);

	if (!rc && v->with_infos)
		rc = local_store_open(&store, n->root[0] ? n->root : "/", err);
	for (size_t i = 0; !rc && i < inv.count; i++) {
		AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
		bool known = store &&
			     !local_store_find(store, &inv.items[i].path, &info, NULL);

		rc = v->path(v->ctx, &inv.items[i], known ? &info : NULL, err);
	}
	return rc;
}

static int find_path(const struct named_sources *sources, const struct nf_storepath *path,
		     struct nf_narinfo *ni, struct nf_err *err)
{
	int rc = err_set(err, NF_E_MISSING, "there is no pool, and no store");

	nf_narinfo_init(ni);
	if (sources->pool)
		rc = pool_find(sources->pool, path, ni, err);
	if (rc != -NF_E_MISSING || !sources->store)
		return rc;
	nf_narinfo_release(ni);
	nf_narinfo_init(ni);
	return local_store_find(sources->store, path, &ni->info, err);
}

struct closure_read {
	const struct named_visitor *visitor;
	const struct named_sources *sources;
};

static int read_path(void *ctx, const struct nf_storepath *path, struct nf_narinfo *ni,
		     struct nf_err *err)
{
	const struct closure_read *c = ctx;
	int rc = find_path(c->sources, path, ni, err);

	return rc ? rc : visit_item(c->visitor, &ni->info, err);
}

static int read_closure(const struct nf_storepath *root,
			const struct named_sources *sources,
			const struct named_visitor *v, struct nf_err *err)
{
	AUTO(pool_closure_release) struct pool_closure closure = { 0 };
	struct closure_read read = { v, sources };

	pool_closure_init(&closure);
	return pool_closure_walk(&closure, root, 1, read_path, &read, err);
}

int named_paths_read(struct named_paths *n, const struct named_sources *sources,
		     const struct named_visitor *v, struct nf_err *err)
{
	int rc;

	if (n->root)
		return read_store(n, v, err);
	if (n->fd >= 0)
		return read_file(n, sources, v, err);
	rc = read_closure(&n->path.path, sources, v, err);
	if (!rc)
		visit_root(v, &n->path.path);
	return rc;
}
