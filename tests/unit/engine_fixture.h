/* Runs the real engine with prepared responses, into a pool in a scratch directory. */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include "fake_transport.h"
#include "fetch/fetch.h"
#include "pool_fixture.h"

#define ENGINE_CACHES_MAX 3
#define ENGINE_PATHS_MAX  8

struct engine_fixture {
	struct pool_fixture *pool;
	struct fake_transport *net;
	struct transport transport;
	struct substituter caches[ENGINE_CACHES_MAX]; /* "http://c0", "http://c1" ... */
	struct nf_storepath paths[ENGINE_PATHS_MAX];
	struct fetch_options opts;
	struct buf texts[64]; /* borrowed by responses */
	size_t text_count;
	struct buf notes;	    /* notes of all fetches, one per line */
	struct fetch_result result; /* of the last fetch */
	int rc;
	struct nf_err err;
};

int engine_fixture_setup(void **state);
int engine_fixture_teardown(void **state);

/* Adds a cache, which only has a nix-cache-info. */
void engine_fixture_add_cache(struct engine_fixture *f);
/* The same without a nix-cache-info. */
void engine_fixture_add_address(struct engine_fixture *f);
/* "http://cCACHE/FILE"; valid until the end of the test. */
const char *engine_fixture_url(struct engine_fixture *f, unsigned cache,
			       const char *file);
void engine_fixture_answer(struct engine_fixture *f, unsigned cache, const char *file,
			   const struct fake_answer *a);
void engine_fixture_answer_text(struct engine_fixture *f, unsigned cache,
				const char *file, const char *text);
/* The narinfo of M: the text, the file's name, and both as an answer. */
const char *engine_fixture_narinfo(struct engine_fixture *f, const struct made *m);
/* Other compression; FILE_SIZE 0: neither FileSize nor FileHash. */
const char *engine_fixture_narinfo_of(struct engine_fixture *f, const struct made *m,
				      const char *compression, uint64_t file_size);
const char *engine_fixture_narinfo_file(struct engine_fixture *f, const struct made *m);
void engine_fixture_offer_narinfo(struct engine_fixture *f, unsigned cache,
				  const struct made *m);
/* The URL of its NAR: "nar/NAME". */
const char *engine_fixture_nar_file(struct engine_fixture *f, const struct made *m);
/* Serves narinfo and NAR, with ranges. */
void engine_fixture_offer(struct engine_fixture *f, unsigned cache, const struct made *m);

void engine_fixture_want(struct engine_fixture *f, const struct made *m);
/* Fetches and sets rc, err and result. May be called again. */
void engine_fixture_fetch(struct engine_fixture *f);

/* Number of requests to a cache for a file. */
size_t engine_fixture_asked(struct engine_fixture *f, unsigned cache, const char *file);
bool engine_fixture_has(struct engine_fixture *f, const struct made *m);

#define ENGINE_TEST(test)                                                                \
	cmocka_unit_test_setup_teardown(test, engine_fixture_setup,                      \
					engine_fixture_teardown)

#define assert_fetched(f)                                                                \
	do {                                                                             \
		if ((f)->rc)                                                             \
			fail_msg("%s", (f)->err.text);                                   \
	} while (0)

#define assert_text(text, part)                                                          \
	do {                                                                             \
		const char *text_ = (text);                                              \
		if (!text_ || !strstr(text_, part))                                      \
			fail_msg("'%s' lacks '%s'", text_ ? text_ : "(none)", part);     \
	} while (0)

#endif
