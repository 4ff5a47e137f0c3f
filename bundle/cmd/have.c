#include "cmd/have.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/file_open.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cmd/bundle_input.h"
#include "cmd/options.h"
#include "cmd/store_options.h"
#include "input/installable.h"
#include "pool/pool_closure.h"
#include "store/store_inventory.h"

static const struct cmd_option options[] = {
	{ .name = "have",
	  .value = "WHAT",
	  .help = "leave out what the target has: an inventory (- is standard input), a bundle, the root of a store, or an installable with its closure",
	  .kind = CMD_VALUE_FILE,
	  .repeatable = true },
	{ .name = "have-all",
	  .value = "WHAT",
	  .help = "leave out what each of several targets has: given once for each of them",
	  .kind = CMD_VALUE_FILE,
	  .repeatable = true },
	{ 0 },
};
const struct cmd_option_group have_options = { "What targets have", options };

static const struct cmd_option verify_options[] = {
	{ .name = "have",
	  .value = "WHAT",
	  .help = "check that this has what the bundle requires: an inventory (- is standard input), a bundle or the root of a store",
	  .kind = CMD_VALUE_FILE,
	  .repeatable = true },
	{ 0 },
};
const struct cmd_option_group have_verify_options = { "Target", verify_options };

/* What one option names. */
struct had {
	const char *arg;
	bool of_all;
	int fd;	    /* of an inventory or a bundle; -1 */
	char *root; /* of a store, without slashes at its end; NULL */
	struct installable path;
};

struct have {
	struct had *items;
	size_t count, cap;
	struct inventory inventory;
	char **made_from;
	size_t made_from_count, made_from_cap;
};

void have_free(struct have *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->count; i++) {
		cleanup_fd(&h->items[i].fd);
		free(h->items[i].root);
		installable_release(&h->items[i].path);
	}
	for (size_t i = 0; i < h->made_from_count; i++)
		free(h->made_from[i]);
	free(h->made_from);
	free(h->items);
	inventory_release(&h->inventory);
	free(h);
}

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

static int open_one(struct had *had, struct nf_err *err)
{
	const char *arg = had->arg;
	int rc;

	if (strcmp(arg, "-") == 0)
		return open_stdin(&had->fd, err);
	if (is_store(arg)) {
		had->root = store_root(arg);
		return 0;
	}
	if (is_file(arg))
		return file_open_input(&had->fd, arg, err);
	rc = installable_resolve(&had->path, nf_slice_str(arg), err);
	if (!rc && nf_storepath_is_drv(&had->path.path))
		rc = err_set(err, NF_E_USAGE,
			     "'%s' is a derivation: name its output instead", arg);
	return rc;
}

static int open_all(struct have *h, const struct cmd_args *args, const char *option,
		    struct nf_err *err)
{
	const char *arg;
	int rc = 0;

	for (size_t i = 0; !rc && (arg = cmd_args_nth(args, option, i)); i++) {
		MEM_GROW(h->items, h->count, h->cap);
		h->items[h->count] = (struct had){
			.arg = arg,
			.of_all = strcmp(option, "have-all") == 0,
			.fd = -1,
		};
		rc = open_one(&h->items[h->count++], err);
	}
	return rc ? err_prefix(err, rc, "option '--%s'", option) : 0;
}

int have_open(struct have **ret, const struct cmd_args *args, bool with_all,
	      struct nf_err *err)
{
	AUTO(have_freep) struct have *h = mem_calloc(1, sizeof(*h));
	int rc = open_all(h, args, "have", err);

	if (!rc && with_all)
		rc = open_all(h, args, "have-all", err);
	*ret = !rc && h->count ? TAKE_PTR(h) : NULL;
	return rc;
}

void have_grant(const struct have *h, struct sandbox *s)
{
	for (size_t i = 0; h && i < h->count; i++)
		if (h->items[i].root)
			store_options_grant(s, h->items[i].root);
}

/* ---- reading ---- */

static void add_made_from(struct have *h, const struct nf_storepath *path)
{
	MEM_GROW(h->made_from, h->made_from_count, h->made_from_cap);
	h->made_from[h->made_from_count++] = mem_strdup(path->base);
}

static int read_inventory(struct inventory *ret, const struct had *had,
			  const struct have_sources *sources, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_FREE char *signer = NULL;
	int rc;

	buf_init(&text, INVENTORY_MAX);
	rc = file_read_fd(had->fd, had->arg, &text, err);
	if (!rc)
		rc = inventory_parse(ret, buf_slice(&text), sources->keys, &signer, err);
	return rc ? err_prefix(err, rc, "inventory '%s'", had->arg) : 0;
}

static int add_bundle_path(void *ctx, const struct nf_narinfo *ni,
			   const struct nf_bundle_member *nar, struct nf_err *err)
{
	(void)nar;
	(void)err;
	inventory_add(ctx, &ni->info.path, &ni->info.nar_hash);
	return 0;
}

/* Who can sign a bundle trusts what the same key signed. */
static struct nf_keyring *trusted_keys(const struct have_sources *sources)
{
	struct nf_keyring *keys = nf_keyring_new();

	nf_keyring_add_all(keys, sources->keys);
	if (sources->sign_key) {
		AUTO_FREE char *key = nf_secret_key_public(sources->sign_key);

		(void)!nf_keyring_add(keys, nf_slice_str(key), NULL);
	}
	return keys;
}

/* A target that imported it has what it carries and what it requires. */
static int read_bundle(struct have *h, struct inventory *ret, struct had *had,
		       const struct have_sources *sources, struct nf_err *err)
{
	AUTO(bundle_input_release) struct bundle_input in = { .name = had->arg };
	AUTO(nf_keyring_freep) struct nf_keyring *keys = trusted_keys(sources);
	const struct nf_bundle_terms *t;
	int rc;

	in.fd = had->fd;
	had->fd = -1;
	rc = nf_bundle_open(&in.bundle, in.fd, had->arg, keys, &in.signers, err);
	if (!rc)
		rc = bundle_input_each_path(&in, add_bundle_path, ret, err);
	if (rc)
		return rc;
	t = nf_bundle_terms(in.bundle);
	for (size_t i = 0; i < t->required_count; i++)
		inventory_add(ret, &t->required[i].path, &t->required[i].nar_hash);
	for (size_t i = 0; i < nf_bundle_root_count(in.bundle); i++)
		add_made_from(h, nf_bundle_root(in.bundle, i));
	return 0;
}

static int read_file(struct have *h, struct inventory *ret, struct had *had,
		     const struct have_sources *sources, struct nf_err *err)
{
	char start[32];
	ssize_t len = pread(had->fd, start, sizeof(start), 0);

	/* What is read before a pipe is known cannot be read again. */
	if (len < 0 || inventory_is_text(nf_slice(start, (size_t)len)))
		return read_inventory(ret, had, sources, err);
	return read_bundle(h, ret, had, sources, err);
}

static int find_path(const struct have_sources *sources, const struct nf_storepath *path,
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
	struct inventory *ret;
	const struct have_sources *sources;
};

static int read_path(void *ctx, const struct nf_storepath *path, struct nf_narinfo *ni,
		     struct nf_err *err)
{
	const struct closure_read *c = ctx;
	int rc = find_path(c->sources, path, ni, err);

	if (!rc)
		inventory_add(c->ret, path, &ni->info.nar_hash);
	return rc;
}

static int read_closure(struct inventory *ret, const struct nf_storepath *root,
			const struct have_sources *sources, struct nf_err *err)
{
	AUTO(pool_closure_release) struct pool_closure closure = { 0 };
	struct closure_read read = { ret, sources };

	pool_closure_init(&closure);
	return pool_closure_walk(&closure, root, 1, read_path, &read, err);
}

static int read_one(struct have *h, struct inventory *ret, struct had *had,
		    const struct have_sources *sources, struct nf_err *err)
{
	int rc;

	if (had->root)
		return store_inventory_read(ret, had->root, err);
	if (had->fd >= 0)
		return read_file(h, ret, had, sources, err);
	rc = read_closure(ret, &had->path.path, sources, err);
	if (!rc)
		add_made_from(h, &had->path.path);
	return rc;
}

int have_load(struct have *h, const struct have_sources *sources, struct nf_err *err)
{
	AUTO(inventory_release) struct inventory of_all = { 0 };
	bool first = true;
	int rc = 0;

	for (size_t i = 0; h && !rc && i < h->count; i++) {
		AUTO(inventory_release) struct inventory one = { 0 };

		rc = read_one(h, &one, &h->items[i], sources, err);
		if (rc)
			return err_prefix(err, rc, "option '--%s'",
					  h->items[i].of_all ? "have-all" : "have");
		inventory_sort(&one);
		if (!h->items[i].of_all)
			inventory_merge(&h->inventory, &one);
		else if (first)
			inventory_merge(&of_all, &one);
		else
			inventory_intersect(&of_all, &one);
		first = first && !h->items[i].of_all;
	}
	if (h && !rc)
		inventory_merge(&h->inventory, &of_all);
	return rc;
}

const struct inventory *have_inventory(const struct have *h)
{
	return h ? &h->inventory : NULL;
}

void have_set_terms(const struct have *h, struct nf_bundle_terms *terms)
{
	if (!h)
		return;
	terms->required = h->inventory.items;
	terms->required_count = h->inventory.count;
	terms->made_from = (const char *const *)h->made_from;
	terms->made_from_count = h->made_from_count;
}
