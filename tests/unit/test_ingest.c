#include "pool_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"

static struct nf_source *bytes_source(const struct buf *b)
{
	return source_of_memory(b->ptr, b->len, 1000);
}

/* The file says of itself what the narinfo says of it, and holds the NAR. */
static void assert_whole(struct pool_fixture *f, struct pool *p, const struct made *m)
{
	struct nf_narinfo ni;
	AUTO_BUF struct buf file = { 0 };
	struct nf_hash hash;
	AUTO_FREE char *path = NULL;

	assert_ok(f, pool_find(p, &m->info.path, &ni, &f->err));
	assert_ok(f, pool_check_entry(p, &ni, &f->err));
	buf_init(&file, 64 * MIB);
	path = pool_fixture_path(f, "%.*s", NF_SLICE_ARG(ni.url));
	assert_ok(f, file_read_at(AT_FDCWD, path, &file, &f->err));
	hash_bytes(&hash, NF_SHA256, file.ptr, file.len);
	assert_true(nf_hash_eq(&hash, &ni.file_hash));
	assert_int_equal(file.len, ni.file_size);
	assert_true(nf_hash_eq(&ni.info.nar_hash, &m->info.nar_hash));
	nf_narinfo_release(&ni);
}

static void every_level_stores_the_nar_as_it_says(void **state)
{
	static const struct {
		int level;
		const char *compression;
	} rows[] = {
		{ POOL_KEEP, "none" },
		{ 1, "zstd" },
		{ 3, "zstd" },
		{ 19, "zstd" },
	};
	struct pool_fixture *f = *state;
	struct nf_narinfo ni;
	struct made m;

	made_init_random(&m, f, "main", 300000);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pool_fixture_ingest(f, &m, rows[i].level);
		assert_whole(f, f->pool, &m);
		pool_fixture_find(f, &m, &ni);
		assert_int_equal(ni.level, rows[i].level);
		assert_true(nf_slice_is(ni.compression, rows[i].compression));
		nf_narinfo_release(&ni);
	}
	assert_error(f,
		     pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &m.trusted,
						       .codec = CODEC_NONE,
						       .source = made_source(&m),
						       .level = 20 },
				 &f->err),
		     NF_E_USAGE, "level 20");
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	made_release(&m);
}

static void the_same_nar_and_level_give_the_same_file(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_BUF struct buf encoded = { 0 };
	struct made m;

	made_init_random(&m, f, "main", 300000);
	made_encode(&m, 9, &encoded);
	pool_fixture_ingest(f, &m, 3);
	assert_ok(f, pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &m.trusted,
						       .codec = CODEC_ZSTD,
						       .source = bytes_source(&encoded),
						       .level = 3 },
				 &f->err));
	assert_ok(f, pool_flush(f->pool, &f->err));
	assert_int_equal(pool_fixture_count(f, "nar"), 1);
	assert_whole(f, f->pool, &m);
	made_release(&m);
}

static void keep_stores_the_served_bytes(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *path = NULL;
	AUTO_BUF struct buf encoded = { 0 };
	AUTO_BUF struct buf file = { 0 };
	struct nf_narinfo ni;
	struct made m;

	made_init_random(&m, f, "main", 300000);
	made_encode(&m, 9, &encoded);
	assert_ok(f, pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &m.trusted,
						       .codec = CODEC_ZSTD,
						       .source = bytes_source(&encoded),
						       .level = POOL_KEEP },
				 &f->err));
	assert_ok(f, pool_flush(f->pool, &f->err));
	assert_whole(f, f->pool, &m);
	pool_fixture_find(f, &m, &ni);
	assert_int_equal(ni.level, 0);
	path = pool_fixture_path(f, "%.*s", NF_SLICE_ARG(ni.url));
	buf_init(&file, MIB);
	assert_ok(f, file_read_at(AT_FDCWD, path, &file, &f->err));
	assert_true(nf_slice_eq(buf_slice(&file), buf_slice(&encoded)));
	nf_narinfo_release(&ni);
	made_release(&m);
}

enum harm {
	FLIP,
	CUT,
	TRAIL,
	EMPTY,
	NOT_A_NAR,
	TRAIL_ENCODED,
	WRONG_CODEC,
};

struct bad {
	enum harm harm;
	enum nf_error code;
	const char *part;
};

static const struct bad bads[] = {
	{ FLIP, NF_E_HASH, "sha256:" },	  { CUT, NF_E_HASH, "" },
	{ TRAIL, NF_E_HASH, "" },	  { EMPTY, NF_E_HASH, "" },
	{ NOT_A_NAR, NF_E_FORMAT, "" },	  { TRAIL_ENCODED, NF_E_FORMAT, "" },
	{ WRONG_CODEC, NF_E_FORMAT, "" },
};

static void do_harm(struct made *m, enum harm harm, enum codec *codec)
{
	AUTO_BUF struct buf encoded = { 0 };

	*codec = CODEC_NONE;
	switch (harm) {
	case FLIP:
		m->nar.ptr[m->nar.len / 2] ^= 1;
		break;
	case CUT:
		m->nar.len -= 8;
		break;
	case TRAIL:
		buf_add(&m->nar, "12345678", 8);
		break;
	case EMPTY:
		m->nar.len = 0;
		break;
	case NOT_A_NAR:
		m->nar.ptr[8] = 'N';
		hash_bytes(&m->info.nar_hash, NF_SHA256, m->nar.ptr, m->nar.len);
		break;
	case TRAIL_ENCODED:
		made_encode(m, 3, &encoded);
		buf_clear(&m->nar);
		buf_add(&m->nar, encoded.ptr, encoded.len);
		buf_add_str(&m->nar, "garbage");
		buf_release(&encoded);
		*codec = CODEC_ZSTD;
		break;
	case WRONG_CODEC:
		*codec = CODEC_XZ;
		break;
	}
	buf_init(&encoded, 0);
}

static void bad_bytes_leave_nothing(void **state)
{
	static const int levels[] = { POOL_KEEP, 3 };
	struct pool_fixture *f = *state;
	struct nf_narinfo ni;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(bads); i++) {
		const struct bad *bad = &bads[i / 2];
		enum codec codec;
		struct made m;
		int rc;

		made_init_random(&m, f, "main", 300000);
		do_harm(&m, bad->harm, &codec);
		rc = pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &m.trusted,
						       .codec = codec,
						       .source = made_source(&m),
						       .level = levels[i % 2] },
				 &f->err);
		if (rc != -(int)bad->code || !strstr(f->err.text, bad->part))
			fail_msg("harm %d, level %d: %d %s", bad->harm, levels[i % 2], rc,
				 f->err.text);
		assert_ok(f, pool_flush(f->pool, &f->err));
		assert_int_equal(pool_fixture_count(f, "tmp"), 0);
		assert_int_equal(pool_fixture_count(f, "nar"), 0);
		assert_int_equal(pool_find(f->pool, &m.info.path, &ni, &f->err),
				 -NF_E_MISSING);
		nf_narinfo_release(&ni);
		made_release(&m);
	}
}

static void entry_is_reencoded_while_it_is_read(void **state)
{
	struct pool_fixture *f = *state;
	struct nf_narinfo before;
	struct made m;

	made_init_random(&m, f, "main", 300000);
	pool_fixture_ingest(f, &m, 1);
	pool_fixture_find(f, &m, &before);
	assert_ok(f, pool_reencode(f->pool, &before, 9, &f->err));
	assert_ok(f, pool_flush(f->pool, &f->err));
	assert_whole(f, f->pool, &m);
	/* A reader that found the former entry can still read its file. */
	assert_ok(f, pool_check_entry(f->pool, &before, &f->err));
	nf_narinfo_release(&before);
	pool_fixture_find(f, &m, &before);
	assert_int_equal(before.level, 9);
	assert_int_equal(before.info.nsigs, 1);
	nf_narinfo_release(&before);
	made_release(&m);
}

static void bit_rot_is_detected_on_reencoding(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *path = NULL;
	struct nf_narinfo ni;
	struct made m;

	made_init_random(&m, f, "main", 300000);
	pool_fixture_ingest(f, &m, POOL_KEEP);
	pool_fixture_find(f, &m, &ni);
	path = pool_fixture_path(f, "%.*s", NF_SLICE_ARG(ni.url));
	pool_fixture_flip(path, 1000);
	assert_error(f, pool_reencode(f->pool, &ni, 3, &f->err), NF_E_HASH,
		     m.info.path.base);
	nf_narinfo_release(&ni);
	made_release(&m);
}

#define THREADS	 4
#define PER_LANE 30

struct ingest_lane {
	struct pool_fixture *f;
	struct pool *pool;
	struct made *made;
	size_t first;
};

static void *ingest_lane(void *arg)
{
	struct ingest_lane *lane = arg;
	struct nf_err err;

	for (size_t i = 0; i < PER_LANE; i++) {
		struct made *m = &lane->made[(lane->first + i) % PER_LANE];

		if (pool_ingest(lane->pool,
				&(struct pool_input){ .trusted = &m->trusted,
						      .codec = CODEC_NONE,
						      .source = made_source(m),
						      .level = 1 },
				&err))
			return mem_strdup(err.text);
	}
	return NULL;
}

/* Four threads with two pools, which is what two processes have, all the same paths. */
static void many_ingest_the_same_paths_at_once(void **state)
{
	struct pool_fixture *f = *state;
	AUTO(pool_freep) struct pool *other = NULL;
	struct made made[PER_LANE];
	struct ingest_lane lanes[THREADS];
	pthread_t threads[THREADS];

	assert_ok(f, pool_open(&other, f->dir, &f->err));
	for (size_t i = 0; i < PER_LANE; i++) {
		char name[32];

		snprintf(name, sizeof(name), "path%zu", i);
		made_init_random(&made[i], f, name, 1000 + 997 * i);
	}
	for (size_t i = 0; i < THREADS; i++) {
		lanes[i] =
			(struct ingest_lane){ f, i % 2 ? other : f->pool, made, 3 * i };
		pthread_create(&threads[i], NULL, ingest_lane, &lanes[i]);
	}
	for (size_t i = 0; i < THREADS; i++) {
		void *text;

		pthread_join(threads[i], &text);
		if (text)
			fail_msg("%s", (char *)text);
	}
	assert_ok(f, pool_flush(f->pool, &f->err));
	assert_ok(f, pool_flush(other, &f->err));
	for (size_t i = 0; i < PER_LANE; i++) {
		assert_whole(f, f->pool, &made[i]);
		made_release(&made[i]);
	}
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	assert_int_equal(pool_fixture_count(f, "nar"), PER_LANE);
}

/* What the committer cannot create visible comes with the flush, the rest is there. */
static void flush_reports_a_failed_commit(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *blocked = NULL;
	struct made bad, good;

	made_init(&bad, f, "bad", "hello", NULL);
	made_init(&good, f, "good", "world", NULL);
	blocked = pool_fixture_path(f, "%.32s.narinfo", bad.info.path.base);
	assert_int_equal(mkdir(blocked, 0755), 0);
	assert_ok(f, pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &bad.trusted,
						       .codec = CODEC_NONE,
						       .source = made_source(&bad),
						       .level = 3 },
				 &f->err));
	assert_ok(f, pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &good.trusted,
						       .codec = CODEC_NONE,
						       .source = made_source(&good),
						       .level = 3 },
				 &f->err));
	assert_error(f, pool_flush(f->pool, &f->err), NF_E_SYS, bad.info.path.base);
	assert_ok(f, pool_flush(f->pool, &f->err));
	assert_whole(f, f->pool, &good);
	assert_int_equal(pool_fixture_count(f, "tmp"), 0);
	made_release(&bad);
	made_release(&good);
}

static void freeing_a_pool_commits_what_was_ingested(void **state)
{
	struct pool_fixture *f = *state;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	assert_ok(f, pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &m.trusted,
						       .codec = CODEC_NONE,
						       .source = made_source(&m),
						       .level = 3 },
				 &f->err));
	pool_fixture_reopen(f);
	assert_whole(f, f->pool, &m);
	made_release(&m);
}

static void run_until_killed(struct pool_fixture *f, struct made *made)
{
	struct pool *p;

	if (pool_open(&p, f->dir, NULL))
		_exit(1);
	for (size_t i = 0;; i++) {
		struct made *m = &made[i % PER_LANE];

		if (pool_ingest(
			    p,
			    &(struct pool_input){ .trusted = &m->trusted,
						  .codec = CODEC_NONE,
						  .source = made_source(m),
						  .level = 1 + (int)(i / PER_LANE) % 3 },
			    NULL))
			_exit(1);
	}
}

struct audit {
	struct pool_fixture *f;
	size_t entries;
};

static int audit_entry(void *ctx, const struct nf_narinfo *ni, struct nf_err *err)
{
	struct audit *a = ctx;

	a->entries++;
	return pool_check_entry(a->f->pool, ni, err);
}

/* Every narinfo that can be seen is one of a whole entry. */
static void kill_at_any_moment_exposes_no_broken_entry(void **state)
{
	struct pool_fixture *f = *state;
	struct made made[PER_LANE];
	struct audit audit = { f, 0 };

	for (size_t i = 0; i < PER_LANE; i++) {
		char name[32];

		snprintf(name, sizeof(name), "path%zu", i);
		made_init_random(&made[i], f, name, 10000);
	}
	for (long i = 0; i < 25; i++) {
		const struct timespec pause = { .tv_nsec = (1 + 37 * i % 23) * 1000000 };
		pid_t child;
		int status;

		pool_free(TAKE_PTR(f->pool));
		child = fork();
		if (child == 0)
			run_until_killed(f, made);
		nanosleep(&pause, NULL);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		assert_ok(f, pool_open(&f->pool, f->dir, &f->err));
		assert_int_equal(pool_fixture_count(f, "tmp"), 0);
		audit.entries = 0;
		assert_ok(f, pool_each(f->pool, audit_entry, &audit, &f->err));
		/* nix-cache-info is there too */
		assert_int_equal(audit.entries + 1, pool_fixture_count(f, "."));
	}
	for (size_t i = 0; i < PER_LANE; i++)
		made_release(&made[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(every_level_stores_the_nar_as_it_says),
		FIXTURE_TEST(the_same_nar_and_level_give_the_same_file),
		FIXTURE_TEST(keep_stores_the_served_bytes),
		FIXTURE_TEST(bad_bytes_leave_nothing),
		FIXTURE_TEST(entry_is_reencoded_while_it_is_read),
		FIXTURE_TEST(bit_rot_is_detected_on_reencoding),
		FIXTURE_TEST(many_ingest_the_same_paths_at_once),
		FIXTURE_TEST(flush_reports_a_failed_commit),
		FIXTURE_TEST(freeing_a_pool_commits_what_was_ingested),
		FIXTURE_TEST(kill_at_any_moment_exposes_no_broken_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
