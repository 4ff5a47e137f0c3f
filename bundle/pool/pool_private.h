/* Shared by the files that implement the pool. */
#ifndef POOL_PRIVATE_H
#define POOL_PRIVATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "pool/pool.h"
#include "pool/pool_commit.h"
#include "pool/pool_names.h"

/* The nix-cache-info of a pool and of a bundle. A lower number has priority: this one
 * precedes cache.nixos.org (40). */
#define POOL_CACHE_INFO "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n"

struct pool_encoder {
	struct zstd_encoder *encoder;
	int level;
};

/* Idle encoders; creating one allocates megabytes. */
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

/* Opens a file of nar/ read-only; NF_E_MISSING if there is none of that size. */
int pool_open_file(struct pool *p, const char *name, uint64_t size, int *ret_fd,
		   struct nf_err *err) MUST_CHECK;

/* The entry for a hash part; as pool_find. */
int pool_entry_load(struct pool *p, struct nf_slice hash_part, struct nf_narinfo *ni,
		    struct nf_err *err) MUST_CHECK;

/* Removes the record of a complete partial download. */
int pool_partial_forget(struct pool *p, struct pool_partial *pp,
			struct nf_err *err) MUST_CHECK;

#endif
