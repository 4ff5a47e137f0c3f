/* Disagreements between caches about the content of a path. */
#ifndef DISPUTE_H
#define DISPUTE_H

#include <nixferry/hash.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/resolver.h"

struct dispute_word {
	char *cache;	  /* its URL, or "pool" */
	char *vouched_by; /* the key, or what else vouches; NULL: nobody who is trusted */
	char nar_hash[NF_HASH_TEXT_MAX];
	uint64_t nar_size;
};

struct dispute {
	char *path;		   /* "HASH-NAME" */
	struct dispute_word known; /* the content that counts */
	struct dispute_word other; /* the other content */
};

struct dispute_list {
	struct dispute *items; /* the first of them */
	size_t count;
	size_t total;
};

/* RET must be new. URL_OF returns the URL of a cache by its number. */
void dispute_list_collect(struct dispute_list *ret, struct resolver *r,
			  const char *(*url_of)(const void *ctx, uint32_t cache),
			  const void *ctx);
void dispute_list_release(struct dispute_list *l);

#endif
