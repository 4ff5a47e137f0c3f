/* Fetches the closure of a store path and packs it into a signed bundle, or imports it
 * into the store below a root directory:
 *
 *   cc $(pkg-config --cflags libnixferry) fetch-closure.c $(pkg-config --libs
 * libnixferry)
 *   ./a.out https://cache.nixos.org "" pool /nix/store/...-hello-2.12 hello.bundle
 * key.sec
 *   ./a.out https://cache.nixos.org "" pool /nix/store/...-hello-2.12 /mnt
 *
 * The second argument is a trusted key, "NAME:BASE64"; where it is empty, that of
 * cache.nixos.org. Ctrl-C cancels; then the same command goes on. It compiles as C and as
 * C++. */
#include <nixferry/fetch.h>
#include <nixferry/pack.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t cancelled;

static void cancel(int sig)
{
	(void)sig;
	cancelled = 1;
}

static bool is_cancelled(void *ctx)
{
	(void)ctx;
	return cancelled;
}

static void show(void *ctx, const struct nf_progress *now)
{
	(void)ctx;
	fprintf(stderr, "\r%s: %llu of %llu paths, %llu bytes ", now->phase,
		(unsigned long long)now->paths_done, (unsigned long long)now->paths_total,
		(unsigned long long)now->bytes_done);
}

static void note(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "\r%s\n", text);
}

/* Nothing of a closure is taken that no key vouches for. */
static int fetch(const struct nf_fetch_options *options, struct nf_err *err)
{
	struct nf_fetch_result result;
	int rc = nf_fetch(options, &result, err);

	for (size_t i = 0; i < result.failure_count; i++)
		fprintf(stderr, "%s: %s\n", result.failures[i].path,
			result.failures[i].text);
	if (!rc)
		printf("%zu paths: %zu fetched, %zu imported\n", result.paths,
		       result.fetched, result.imported.imported);
	nf_fetch_result_release(&result);
	return rc;
}

static int pack(const struct nf_fetch_options *from, const char *output,
		const char *key_file, struct nf_err *err)
{
	struct nf_pack_options options = {};
	struct nf_pack_result result;
	struct nf_secret_key *key = NULL;
	int rc = nf_secret_key_read(&key, key_file, err);

	options.pool_dir = from->pool_dir;
	options.roots = from->paths;
	options.root_count = from->path_count;
	options.key = key;
	options.keys = from->keys;
	options.watch = from->watch;
	if (!rc)
		rc = nf_pack(output, &options, &result, err);
	if (!rc) {
		printf("packed %zu paths; trust %s\n", result.paths, result.own_key);
		nf_pack_result_release(&result);
	}
	nf_secret_key_free(key);
	return rc;
}

int main(int argc, char **argv)
{
	const char *const *arg = (const char *const *)argv;
	struct nf_keyring *keys = nf_keyring_new();
	struct nf_watch watch = { NULL, show, note, is_cancelled };
	struct nf_fetch_options options = {};
	struct nf_storepath path;
	struct nf_err err;
	int rc;

	if (argc != 6 && argc != 7) {
		fprintf(stderr,
			"usage: %s CACHE KEY POOL PATH (ROOT | BUNDLE SECRETKEY)\n",
			argv[0]);
		return 2;
	}
	signal(SIGINT, cancel);
	rc = nf_storepath_parse(&path, nf_slice_str(arg[4]), &err);
	if (!rc)
		rc = nf_keyring_add(
			keys, nf_slice_str(*arg[2] ? arg[2] : NF_DEFAULT_PUBLIC_KEY),
			&err);
	options.substituters = &arg[1];
	options.substituter_count = 1;
	options.keys = keys;
	options.pool_dir = arg[3];
	options.paths = &path;
	options.path_count = 1;
	options.store_root = argc == 6 ? arg[5] : NULL;
	options.watch = &watch;
	if (!rc)
		rc = fetch(&options, &err);
	if (!rc && argc == 7)
		rc = pack(&options, arg[5], arg[6], &err);
	nf_keyring_free(keys);
	if (rc)
		fprintf(stderr, "%s: %s\n", nf_error_name(rc), err.text);
	return nf_exit_status(rc);
}
