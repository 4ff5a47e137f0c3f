/* The names of files in the pool, and lists of them. */
#ifndef POOL_NAMES_H
#define POOL_NAMES_H

#include <nixferry/hash.h>
#include <nixferry/slice.h>
#include <nixferry/storepath.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/codec.h"
#include "base/err.h"

/* "HASH.narinfo" including NUL */
#define POOL_INFO_NAME_MAX (NF_STOREPATH_HASH_LEN + sizeof(".narinfo"))

/* Writes the name; returns OUT. */
char *pool_info_name(char out[POOL_INFO_NAME_MAX], struct nf_slice hash_part);

/* "nar/" + 52 characters + ".nar" + ".lzma" + NUL */
#define POOL_URL_MAX 66
/* The part after "nar/": the file's name in that directory. */
#define POOL_URL_FILE 4

/* Files are named by their own hash, so that a name always stands for the same content,
 * even while a path's entry changes to another encoding. Returns OUT. */
char *pool_url(char out[POOL_URL_MAX], const struct nf_hash *file_hash, enum codec codec);

/* Returns the names in a directory that PICK accepts, sorted. */
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

#endif
