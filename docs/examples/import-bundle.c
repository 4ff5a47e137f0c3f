/* Verifies a bundle and imports it into the store below a root directory:
 *
 *   cc $(pkg-config --cflags libnixferry) import-bundle.c $(pkg-config --libs
 * libnixferry)
 *   ./a.out system.bundle /mnt "carrier-1:BASE64"
 *
 * It compiles as C and as C++. */
#include <fcntl.h>
#include <nixferry/import.h>
#include <stdio.h>
#include <unistd.h>

/* Each function of the library that can fail returns 0 or a negative NF_E_... code, and
 * fills the struct nf_err that it is given. */
static int import_bundle(int fd, const char *name, const char *root, const char *key,
			 struct nf_err *err)
{
	struct nf_keyring *keys = nf_keyring_new();
	struct nf_bundle *bundle = NULL;
	struct nf_import_options options = {};
	struct nf_import_result result = {};
	int rc = nf_keyring_add(keys, nf_slice_str(key), err);

	options.store_root = root;
	options.keys = keys;
	if (!rc)
		rc = nf_bundle_open(&bundle, fd, name, keys, NULL, err);
	if (!rc)
		rc = nf_import(bundle, &options, &result, err);
	if (!rc)
		printf("%zu paths imported, %zu were there\n", result.imported,
		       result.present);
	nf_import_result_release(&result);
	nf_bundle_free(bundle);
	nf_keyring_free(keys);
	return rc;
}

int main(int argc, char **argv)
{
	struct nf_err err;
	int fd, rc;

	if (argc != 4) {
		fprintf(stderr, "usage: %s BUNDLE ROOT NAME:PUBLICKEY\n", argv[0]);
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	rc = import_bundle(fd, argv[1], argv[2], argv[3], &err);
	close(fd);
	if (rc)
		fprintf(stderr, "%s: %s\n", nf_error_name(rc), err.text);
	return nf_exit_status(rc);
}
