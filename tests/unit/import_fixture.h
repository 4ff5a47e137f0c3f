/* Bundles of made-up store paths, and their import into a temporary root. */
#ifndef IMPORT_FIXTURE_H
#define IMPORT_FIXTURE_H

#include <nixferry/import.h>
#include <nixferry/narinfo.h>

#include "base/buf.h"
#include "temp_dir.h"

#define IMPORT_PATHS 16

/* A path: tests change it before the bundle is built. */
struct made_path {
	struct nf_narinfo ni;
	struct buf nar; /* as the bundle holds it */
	uint64_t inodes;
	bool is_unsigned;
	bool without_nar;
	bool is_left_out; /* of the bundle */
	const char *was;  /* a part of the signed narinfo's text; NULL */
	const char *becomes;
};

struct import_fixture {
	struct temp_dir *dir;
	struct nf_secret_key *key;
	struct nf_keyring *ring;
	struct made_path paths[IMPORT_PATHS];
	size_t count;
	size_t roots[IMPORT_PATHS]; /* indices of paths */
	size_t root_count;
	const char *cache_info;
	const char *profile;
	unsigned version;		     /* of the bundle; 0: the newest */
	const struct nf_bundle_terms *terms; /* or NULL */
	int fd; /* of the built bundle, a file in memory; -1 */
};

/* As cmocka's setup and teardown. */
int import_fixture_setup(void **state);
int import_fixture_teardown(void **state);

/* A path named NAME with hash part number N: a directory with a file that contains TEXT,
 * a program and a link. Uncompressed; signed when the bundle is built. */
struct made_path *import_fixture_add(struct import_fixture *f, unsigned n,
				     const char *name, const char *text);
/* Makes the path a regular file with that text. */
void import_fixture_make_file(struct made_path *p, const char *text);
/* Makes FROM refer to TO. */
void import_fixture_ref(struct made_path *from, const struct made_path *to);
/* Adds "prog", which refers to "lib" and to itself, and then "lib"; the root is prog. */
void import_fixture_closure(struct import_fixture *f);
/* Recomputes NarHash and NarSize from the path's current NAR, and its URL. */
void import_fixture_rehash(struct made_path *p);

/* Signs the paths and writes the bundle; discards an earlier one. */
void import_fixture_build(struct import_fixture *f);

/* Opens the bundle, as a file or through a pipe, and imports it into DIR/root. Releases
 * the old content of RET. */
int import_fixture_import(struct import_fixture *f, bool piped,
			  struct nf_import_result *ret, struct nf_err *err);
int import_fixture_verify(struct import_fixture *f, bool piped,
			  struct nf_import_result *ret, struct nf_err *err);

/* Whether path I is valid in the target, and whether it is on the disk. */
bool import_fixture_is_valid(const struct import_fixture *f, size_t i);
bool import_fixture_is_there(const struct import_fixture *f, size_t i);
/* What a failed import leaves: no path that it brought, and nothing of its own. */
void import_fixture_expect_nothing(const struct import_fixture *f, const char *why);

#endif
