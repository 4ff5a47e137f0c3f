/* A store below a temporary directory: files in nix/store, and a database with their
 * rows. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <nixferry/pathinfo.h>

#include "fake_sig.h"
#include "temp_dir.h"

#define STORE_FIXTURE_A	  "sgii4f5h9d2lym14f3av1r80w53l9k82-a"
#define STORE_FIXTURE_B	  "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-b"
#define STORE_FIXTURE_SIG "test-1:" FAKE_SIG("s")

/* The NAR of a file that holds "hello\n". */
#define STORE_FIXTURE_NAR_HASH                                                           \
	"sha256:04zwf782yjwnh3q6hz5izfd6jyip8kgw6g6yj43fiqhbyhdd0dqw"
#define STORE_FIXTURE_NAR_SIZE 120

/* Makes T the root of a store in which A, a file that contains "hello\n", and B, which
 * refers to A and is missing on the disk, are valid. */
void store_fixture_make(const struct temp_dir *t);

/* Runs SQL on its database. */
void store_fixture_sql(const struct temp_dir *t, const char *sql);

void store_fixture_path(struct nf_storepath *ret, const char *base);

#endif
