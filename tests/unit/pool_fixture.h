/* A pool in a scratch directory, and store paths to put into it. */
#ifndef POOL_FIXTURE_H
#define POOL_FIXTURE_H

#include <nixferry/key.h>
#include <nixferry/trust.h>

#include "base/buf.h"
#include "pool/pool.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct pool_fixture {
	char top[64];  /* scratch */
	char dir[128]; /* the pool */
	struct pool *pool;
	struct nf_secret_key *key;
	struct nf_keyring *ring;
	struct nf_err err;
};

int pool_fixture_setup(void **state);
int pool_fixture_teardown(void **state);

/* Closes and reopens the pool, as another run would. */
void pool_fixture_reopen(struct pool_fixture *f);

/* A store path that is one file, signed by the fixture's key. */
struct made {
	struct nf_pathinfo info;
	struct nf_trusted trusted;
	struct buf nar;
};

/* REFS: made paths that it refers to, NULL at the end; may be NULL. */
void made_init(struct made *m, struct pool_fixture *f, const char *name,
	       const char *content, struct made *const *refs);
/* LEN bytes that hardly compress. */
void made_init_random(struct made *m, struct pool_fixture *f, const char *name,
		      size_t len);
/* Any bytes as the NAR; no signature if the key is NULL. */
void made_init_nar(struct made *m, const struct nf_secret_key *key, const char *name,
		   const void *nar, size_t len, struct made *const *refs);
void made_release(struct made *m);

struct nf_source *made_source(const struct made *m);
/* Encoded as zstd of some level: the caller owns the buffer. */
void made_encode(const struct made *m, int level, struct buf *out);

/* Ingested, flushed and found again. */
void pool_fixture_ingest(struct pool_fixture *f, const struct made *m, int level);
void pool_fixture_find(struct pool_fixture *f, const struct made *m,
		       struct nf_narinfo *ni);

/* Files in a directory of the pool ("nar", "tmp", "."), without directories. */
size_t pool_fixture_count(const struct pool_fixture *f, const char *sub);
/* "DIR/fmt"; free(). */
char *pool_fixture_path(const struct pool_fixture *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void pool_fixture_write(const char *path, const char *text);
/* Changes one byte. */
void pool_fixture_flip(const char *path, long offset);

#define FIXTURE_TEST(test)                                                               \
	cmocka_unit_test_setup_teardown(test, pool_fixture_setup, pool_fixture_teardown)

#define assert_ok(f, call)                                                               \
	do {                                                                             \
		if (call)                                                                \
			fail_msg("%s", (f)->err.text);                                   \
	} while (0)

#define assert_error(f, call, expected, part)                                            \
	do {                                                                             \
		assert_int_equal(call, -(expected));                                     \
		assert_int_equal((f)->err.code, expected);                               \
		if (!strstr((f)->err.text, part))                                        \
			fail_msg("'%s' lacks '%s'", (f)->err.text, part);                \
	} while (0)

#endif
