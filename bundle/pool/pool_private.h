/* What the parts of the pool share. */
#ifndef POOL_PRIVATE_H
#define POOL_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pool/pool.h"
#include "pool/pool_commit.h"

/* What nix-cache-info says, of a pool and in a bundle. Lower priority numbers win: before
 * cache.nixos.org (40). */
#define POOL_CACHE_INFO "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n"

struct pool_encoder {
	struct zstd_encoder *encoder;
	int level;
};

/* Encoders that no ingest uses at the moment; making one costs megabytes of memory. */
struct pool_encoders {
	pthread_mutex_t lock;
	struct pool_encoder *list;
	size_t len;
	size_t cap;
};

struct pool {
	char *dir;
	uid_t owner;
	int root_fd;
	int nar_fd;
	int tmp_fd;
	atomic_uint temp_number;
	struct progress *progress;
	struct pool_encoders encoders;
	struct pool_commit commit;
};

/* "HASH.narinfo" with NUL */
#define POOL_INFO_NAME_MAX (NF_STOREPATH_HASH_LEN + sizeof(".narinfo"))

/* Writes the name; returns OUT. */
char *pool_info_name(char out[POOL_INFO_NAME_MAX], struct nf_slice hash_part);

/* "nar/" + 52 characters + ".nar" + ".lzma" + NUL */
#define POOL_URL_MAX 66
/* What is behind "nar/": the file's name in that directory. */
#define POOL_URL_FILE 4

/* Files are named by their own hash, so that what a name stands for never changes, not
 * even while a path's entry changes to another encoding. Returns OUT. */
char *pool_url(char out[POOL_URL_MAX], const struct nf_hash *file_hash, enum codec codec);

/* Opens a file of nar/ read-only; NF_E_MISSING if it is not there with that size. */
int pool_open_file(struct pool *p, const char *name, uint64_t size, int *ret_fd,
		   struct nf_err *err) MUST_CHECK;

/* The entry whose narinfo belongs to a hash part; as pool_find. */
int pool_entry_load(struct pool *p, struct nf_slice hash_part, struct nf_narinfo *ni,
		    struct nf_err *err) MUST_CHECK;

/* Names of a directory, sorted: PICK chooses them. */
struct pool_names {
	char **list;
	size_t len;
	size_t cap;
};

int pool_names_read(struct pool_names *n, int dir_fd, bool (*pick)(const char *name),
		    struct nf_err *err) MUST_CHECK;
void pool_names_release(struct pool_names *n);
/* "HASH.narinfo" */
bool pool_names_is_info(const char *name);

/* Removes what is noted of a partial download that is whole. */
int pool_partial_forget(struct pool *p, struct pool_partial *pp,
			struct nf_err *err) MUST_CHECK;

#endif
