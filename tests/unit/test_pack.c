#include "fake_sig.h"
#include "pool_fixture.h"

#include <fcntl.h>
#include <nixferry/bundle.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "pool/pack.h"
#include "skip.h"

/* top -> left, right -> base; top refers to itself as well. */
struct diamond {
	struct made base, left, right, top;
};

static void diamond_init(struct diamond *d, struct pool_fixture *f)
{
	struct nf_slice self;

	made_init(&d->base, f, "base", "the base", NULL);
	made_init(&d->left, f, "left", "left", (struct made *const[]){ &d->base, NULL });
	made_init(&d->right, f, "right", "right",
		  (struct made *const[]){ &d->base, NULL });
	made_init(&d->top, f, "top", "the top",
		  (struct made *const[]){ &d->left, &d->right, NULL });
	self = nf_storepath_base(&d->top.info.path);
	assert_ok(f, nf_pathinfo_add_ref(&d->top.info, self, &f->err));
}

static void diamond_release(struct diamond *d)
{
	made_release(&d->base);
	made_release(&d->left);
	made_release(&d->right);
	made_release(&d->top);
}

static void diamond_ingest(struct pool_fixture *f, struct diamond *d, int level)
{
	pool_fixture_ingest(f, &d->top, level);
	pool_fixture_ingest(f, &d->right, level);
	pool_fixture_ingest(f, &d->left, level);
	pool_fixture_ingest(f, &d->base, level);
}

static char *output_path(const struct pool_fixture *f, const char *name)
{
	return mem_printf("%s/%s", f->top, name);
}

static int pack_and_sign(struct pool_fixture *f, const struct made *root,
			 const struct nf_secret_key *key, struct progress *progress,
			 const char *output)
{
	const struct pack_options opts = {
		.roots = &root->info.path,
		.root_count = 1,
		.key = key,
		.keys = f->ring,
		.sign_all = true,
		.level = 3,
		.jobs = 2,
		.progress = progress,
	};
	struct nf_pack_result result;
	int rc = pack_bundle(f->pool, output, &opts, &result, &f->err);

	if (!rc)
		nf_pack_result_release(&result);
	return rc;
}

static int pack(struct pool_fixture *f, const struct made *root, int level,
		const char *output, struct nf_pack_result *result)
{
	const struct pack_options opts = {
		.roots = &root->info.path,
		.root_count = 1,
		.key = f->key,
		.level = level,
		.jobs = 2,
	};

	int rc = pack_bundle(f->pool, output, &opts, result, &f->err);

	/* Its numbers stay. */
	if (!rc)
		nf_pack_result_release(result);
	return rc;
}

static void read_file(struct pool_fixture *f, const char *path, struct buf *out)
{
	buf_init(out, 64 * MIB);
	assert_ok(f, file_read_at(AT_FDCWD, path, out, &f->err));
}

static void open_bundle(struct pool_fixture *f, const char *path, int *fd,
			struct nf_bundle **ret)
{
	*fd = open(path, O_RDONLY);
	assert_true(*fd >= 0);
	assert_ok(f, nf_bundle_open(ret, *fd, path, f->ring, NULL, &f->err));
}

static void read_narinfo(struct pool_fixture *f, struct nf_bundle *b, size_t member,
			 struct nf_narinfo *ni)
{
	struct nf_source *src = NULL;
	struct buf_sink sink;
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, MIB);
	buf_sink_init(&sink, &text);
	assert_ok(f, nf_bundle_member_source(b, member, &src, &f->err));
	assert_ok(f, source_copy(src, &sink.sink, &f->err));
	source_close(src);
	assert_ok(f, nf_narinfo_parse(ni, buf_slice(&text), &f->err));
	assert_null(strstr(text.ptr, "Nixferry"));
}

/* Which NAR member a path's narinfo names. */
static size_t nar_of(struct pool_fixture *f, struct nf_bundle *b, const struct made *m)
{
	char name[NF_MEMBER_NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.32s.narinfo", m->info.path.base);
	for (size_t i = 0; i < nf_bundle_member_count(b); i++) {
		struct nf_narinfo ni;
		size_t nar = 0;

		if (strcmp(nf_bundle_member(b, i)->name, name) != 0)
			continue;
		read_narinfo(f, b, i, &ni);
		while (!nf_slice_is(ni.url, nf_bundle_member(b, nar)->name))
			nar++;
		assert_true(nf_hash_eq(&ni.file_hash, &nf_bundle_member(b, nar)->digest));
		assert_int_equal(ni.file_size, nf_bundle_member(b, nar)->size);
		nf_narinfo_release(&ni);
		return nar;
	}
	fail_msg("%s is not there", name);
	return 0;
}

static void a_bundle_has_the_closure_references_first(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FD int fd = -1;
	struct nf_bundle *b = NULL;
	struct nf_pack_result result;
	struct diamond d;
	struct stat st;

	diamond_init(&d, f);
	diamond_ingest(f, &d, 3);
	assert_ok(f, pack(f, &d.top, 3, output, &result));
	assert_int_equal(result.paths, 4);
	assert_int_equal(result.nar_bytes, d.base.info.nar_size + d.left.info.nar_size +
						   d.right.info.nar_size +
						   d.top.info.nar_size);
	assert_int_equal(stat(output, &st), 0);
	assert_int_equal(result.bundle_bytes, st.st_size);
	assert_int_equal(st.st_mode & 0777, 0644);
	open_bundle(f, output, &fd, &b);
	assert_int_equal(nf_bundle_member_count(b), 1 + 4 + 4);
	assert_string_equal(nf_bundle_member(b, 0)->name, "nix-cache-info");
	for (size_t i = 2; i < 5; i++)
		assert_true(strcmp(nf_bundle_member(b, i - 1)->name,
				   nf_bundle_member(b, i)->name) < 0);
	assert_int_equal(nf_bundle_root_count(b), 1);
	assert_string_equal(nf_bundle_root(b, 0)->base, d.top.info.path.base);
	assert_int_equal(nar_of(f, b, &d.base), 5);
	assert_int_equal(nar_of(f, b, &d.top), 8);
	assert_int_equal(nf_bundle_member(b, 8)->inodes, 1);
	nf_bundle_free(b);
	diamond_release(&d);
}

static void the_bytes_depend_only_on_paths_key_and_level(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *first = output_path(f, "first");
	AUTO_FREE char *second = output_path(f, "second");
	AUTO_BUF struct buf a = { 0 };
	AUTO_BUF struct buf b = { 0 };
	struct nf_pack_result result;
	struct diamond d;

	diamond_init(&d, f);
	diamond_ingest(f, &d, 3);
	assert_ok(f, pack(f, &d.top, 3, first, &result));
	/* Another pool that came about in another way. */
	pool_free(TAKE_PTR(f->pool));
	assert_ok(f, file_remove_tree_at(AT_FDCWD, f->dir, &f->err));
	assert_ok(f, pool_open(&f->pool, f->dir, &f->err));
	diamond_ingest(f, &d, POOL_KEEP);
	pool_fixture_ingest(f, &d.left, 9);
	assert_ok(f, pack(f, &d.top, 3, second, &result));
	read_file(f, first, &a);
	read_file(f, second, &b);
	assert_true(nf_slice_eq(buf_slice(&a), buf_slice(&b)));
	diamond_release(&d);
}

static void keep_packs_what_the_pool_has(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FD int fd = -1;
	struct nf_bundle *b = NULL;
	struct nf_pack_result result;
	const char *name;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	pool_fixture_ingest(f, &m, POOL_KEEP);
	assert_ok(f, pack(f, &m, POOL_KEEP, output, &result));
	open_bundle(f, output, &fd, &b);
	name = nf_bundle_member(b, 2)->name;
	assert_string_equal(name + strlen(name) - 4, ".nar");
	assert_int_equal(nf_bundle_member(b, 2)->size, m.nar.len);
	nf_bundle_free(b);
	made_release(&m);
}

static void paths_with_the_same_nar_share_a_member(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FD int fd = -1;
	struct nf_bundle *b = NULL;
	struct nf_pack_result result;
	struct made one, two, top;

	made_init(&one, f, "one", "same", NULL);
	made_init(&two, f, "two", "same", NULL);
	made_init(&top, f, "top", "x", (struct made *const[]){ &one, &two, NULL });
	/* Even if the pool has them in different encodings. */
	pool_fixture_ingest(f, &one, 3);
	pool_fixture_ingest(f, &two, POOL_KEEP);
	pool_fixture_ingest(f, &top, 3);
	assert_ok(f, pack(f, &top, POOL_KEEP, output, &result));
	open_bundle(f, output, &fd, &b);
	assert_int_equal(nf_bundle_member_count(b), 1 + 3 + 2);
	assert_int_equal(nar_of(f, b, &one), nar_of(f, b, &two));
	nf_bundle_free(b);
	made_release(&one);
	made_release(&two);
	made_release(&top);
}

static void unsigned_path_is_signed_when_packed(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FD int fd = -1;
	struct nf_bundle *b = NULL;
	struct nf_trusted trusted;
	struct nf_pack_result result;
	struct nf_narinfo ni;
	struct made signed_one, m;

	made_init(&signed_one, f, "signed", "hello", NULL);
	made_init_nar(&m, NULL, "unsigned", signed_one.nar.ptr, signed_one.nar.len, NULL);
	pool_fixture_ingest(f, &m, 3);
	assert_ok(f, pack(f, &m, 3, output, &result));
	open_bundle(f, output, &fd, &b);
	read_narinfo(f, b, 1, &ni);
	assert_int_equal(ni.info.nsigs, 1);
	assert_ok(f, nf_trust_pathinfo(&trusted, &ni.info, f->ring, &f->err));
	nf_narinfo_release(&ni);
	nf_bundle_free(b);
	made_release(&signed_one);
	made_release(&m);
}

static void path_trusted_by_store_is_signed_when_packed(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FD int fd = -1;
	struct nf_bundle *b = NULL;
	struct nf_trusted trusted;
	struct nf_pack_result result;
	struct nf_narinfo ni;
	struct made m, signed_one;

	made_init(&signed_one, f, "signed", "hello", NULL);
	made_init_nar(&m, NULL, "odd", signed_one.nar.ptr, signed_one.nar.len, NULL);
	nf_pathinfo_add_sig(&m.info, nf_slice_str("z-1:" FAKE_SIG("A")));
	nf_trust_by_store(&m.trusted, &m.info);
	pool_fixture_ingest(f, &m, 3);
	/* Even if it was re-encoded in between. */
	assert_ok(f, pack(f, &m, 5, output, &result));
	open_bundle(f, output, &fd, &b);
	read_narinfo(f, b, 1, &ni);
	assert_int_equal(ni.info.nsigs, 2);
	assert_false(ni.by_store);
	assert_ok(f, nf_trust_pathinfo(&trusted, &ni.info, f->ring, &f->err));
	nf_narinfo_release(&ni);
	nf_bundle_free(b);
	made_release(&signed_one);
	made_release(&m);
}

static void upstream_signatures_stay_sorted(void **state)
{
	static const char *const sigs[] = { "z-1:" FAKE_SIG("A"), "b-1:" FAKE_SIG("A") };
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FD int fd = -1;
	struct nf_bundle *b = NULL;
	struct nf_pack_result result;
	struct nf_narinfo ni;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		nf_pathinfo_add_sig(&m.info, nf_slice_str(sigs[i]));
	pool_fixture_ingest(f, &m, 3);
	assert_ok(f, pack(f, &m, 3, output, &result));
	open_bundle(f, output, &fd, &b);
	read_narinfo(f, b, 1, &ni);
	assert_int_equal(ni.info.nsigs, 3);
	assert_true(nf_slice_is(ni.info.sigs[0], "b-1:" FAKE_SIG("A")));
	assert_true(nf_slice_is(ni.info.sigs[2], "z-1:" FAKE_SIG("A")));
	nf_narinfo_release(&ni);
	nf_bundle_free(b);
	made_release(&m);
}

static bool has_signer(const struct nf_pathinfo *info, const char *name)
{
	for (size_t i = 0; i < info->nsigs; i++)
		if (info->sigs[i].len > strlen(name) &&
		    memcmp(info->sigs[i].ptr, name, strlen(name)) == 0)
			return true;
	return false;
}

/* A path with OTHERS signatures by unknown keys, before or after the one by the trusted
 * key. */
static void sign_all_of(struct pool_fixture *f, size_t others, bool is_last,
			struct nf_pathinfo *ret, char **ret_note)
{
	AUTO_FREE char *name = mem_printf("many-%zu-%d", others, is_last);
	AUTO_FREE char *output = output_path(f, name);
	struct progress *progress = progress_new();
	struct nf_keyring *ring = nf_keyring_new();
	struct nf_secret_key *key = NULL;
	AUTO_FREE char *public = NULL;
	struct nf_bundle *b = NULL;
	AUTO_FD int fd = -1;
	struct nf_slice trusted;
	struct nf_narinfo ni;
	struct made m;

	assert_ok(f, nf_secret_key_generate(&key, nf_slice_str("zz-own-1"), &f->err));
	made_init(&m, f, name, name, NULL);
	trusted = m.info.sigs[0];
	m.info.nsigs = is_last ? 0 : 1;
	for (size_t i = 0; i < others; i++) {
		AUTO_FREE char *sig = mem_printf("other-%zu:" FAKE_SIG("A"), i);

		nf_pathinfo_add_sig(&m.info, nf_slice_str(sig));
	}
	nf_pathinfo_add_sig(&m.info, trusted);
	pool_fixture_ingest(f, &m, 3);
	assert_ok(f, pack_and_sign(f, &m, key, progress, output));
	*ret_note = progress_take_note(progress);
	public = nf_secret_key_public(key);
	assert_ok(f, nf_keyring_add(ring, nf_slice_str(public), &f->err));
	fd = open(output, O_RDONLY);
	assert_ok(f, nf_bundle_open(&b, fd, output, ring, NULL, &f->err));
	read_narinfo(f, b, 1, &ni);
	nf_pathinfo_copy(ret, &ni.info);
	nf_narinfo_release(&ni);
	nf_bundle_free(b);
	nf_secret_key_free(key);
	nf_keyring_free(ring);
	pool_set_progress(f->pool, NULL);
	progress_free(progress);
	made_release(&m);
}

static void sign_all_respects_the_limit_of_signatures(void **state)
{
	static const struct {
		size_t others;
		size_t total;
		const char *note;
	} rows[] = {
		{ PATHINFO_SIGS_MAX - 2, PATHINFO_SIGS_MAX, NULL },
		{ PATHINFO_SIGS_MAX - 1, PATHINFO_SIGS_MAX, "the bundle: 1 signature" },
		{ PATHINFO_SIGS_MAX, PATHINFO_SIGS_MAX, "the bundle: 2 signatures" },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		const char *want = rows[i / 2].note;
		AUTO_FREE char *note = NULL;
		struct nf_pathinfo info;

		sign_all_of(*state, rows[i / 2].others, i % 2, &info, &note);
		assert_int_equal(info.nsigs, rows[i / 2].total);
		assert_true(has_signer(&info, "zz-own-1:"));
		assert_true(has_signer(&info, "test-1:"));
		assert_int_equal(note != NULL, want != NULL);
		if (want && !strstr(note, want))
			fail_msg("%s", note);
		nf_pathinfo_release(&info);
	}
}

static void assert_no_output(const char *output, const struct pool_fixture *f)
{
	AUTO_FREE char *command =
		mem_printf("test -z \"$(ls -A %s | grep bundle)\"", f->top);

	assert_int_equal(access(output, F_OK), -1);
	assert_int_equal(system(command), 0);
}

static void missing_path_is_named_with_its_referrer(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	struct nf_pack_result result;
	struct diamond d;

	diamond_init(&d, f);
	assert_error(f, pack(f, &d.top, 3, output, &result), NF_E_MISSING,
		     d.top.info.path.base);
	pool_fixture_ingest(f, &d.top, POOL_KEEP);
	pool_fixture_ingest(f, &d.left, POOL_KEEP);
	pool_fixture_ingest(f, &d.right, POOL_KEEP);
	assert_error(f, pack(f, &d.top, 3, output, &result), NF_E_MISSING,
		     d.base.info.path.base);
	assert_true(strstr(f->err.text, d.left.info.path.base) ||
		    strstr(f->err.text, d.right.info.path.base));
	assert_no_output(output, f);
	diamond_release(&d);
}

static void references_in_a_circle_are_refused(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	struct nf_pack_result result;
	struct made a, b;

	made_init(&a, f, "a", "x", NULL);
	made_init(&b, f, "b", "y", (struct made *const[]){ &a, NULL });
	assert_ok(f,
		  nf_pathinfo_add_ref(&a.info, nf_storepath_base(&b.info.path), &f->err));
	pool_fixture_ingest(f, &a, 3);
	pool_fixture_ingest(f, &b, 3);
	assert_error(f, pack(f, &b, 3, output, &result), NF_E_FORMAT,
		     "refer to each other");
	assert_no_output(output, f);
	made_release(&a);
	made_release(&b);
}

static void a_rotten_file_is_not_packed(void **state)
{
	static const int levels[] = { 3, POOL_KEEP, 9 };
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FREE char *path = NULL;
	struct nf_pack_result result;
	struct nf_narinfo ni;
	struct made m;

	made_init_random(&m, f, "main", 3 << 20);
	pool_fixture_ingest(f, &m, 3);
	pool_fixture_find(f, &m, &ni);
	path = pool_fixture_path(f, "%.*s", NF_SLICE_ARG(ni.url));
	pool_fixture_flip(path, (long)ni.file_size / 2);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		int rc = pack(f, &m, levels[i], output, &result);

		/* zstd's own checksum may notice first. */
		assert_true(rc == -NF_E_HASH || rc == -NF_E_FORMAT);
		assert_no_output(output, f);
	}
	nf_narinfo_release(&ni);
	made_release(&m);
}

static void an_earlier_bundle_stays_when_packing_fails(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_BUF struct buf text = { 0 };
	struct nf_pack_result result;
	struct made m;

	made_init(&m, f, "main", "hello", NULL);
	pool_fixture_write(output, "earlier");
	assert_error(f, pack(f, &m, 3, output, &result), NF_E_MISSING, "main");
	read_file(f, output, &text);
	assert_true(nf_slice_is(buf_slice(&text), "earlier"));
	made_release(&m);
}

/* Runs pack to standard output with something else in its place. */
static int pack_to(struct pool_fixture *f, const struct made *m, int fd,
		   struct nf_pack_result *result)
{
	int saved = dup(STDOUT_FILENO);
	int rc;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	rc = pack(f, m, 3, "-", result);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	return rc;
}

static void *drain(void *arg)
{
	FILE *copy = fopen(((char **)arg)[0], "w");
	int fd = atoi(((char **)arg)[1]);
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		fwrite(bytes, 1, (size_t)n, copy);
	fclose(copy);
	return NULL;
}

static void pipe_receives_the_same_bytes_as_a_file(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	AUTO_FREE char *copy = output_path(f, "copy");
	struct nf_pack_result to_file, to_pipe;
	AUTO_BUF struct buf a = { 0 };
	AUTO_BUF struct buf b = { 0 };
	char number[16];
	char *args[] = { copy, number };
	pthread_t thread;
	struct made m;
	int fds[2];

	made_init_random(&m, f, "main", 3 << 20);
	pool_fixture_ingest(f, &m, 3);
	assert_int_equal(pipe(fds), 0);
	snprintf(number, sizeof(number), "%d", fds[0]);
	pthread_create(&thread, NULL, drain, args);
	assert_ok(f, pack_to(f, &m, fds[1], &to_pipe));
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
	assert_ok(f, pack(f, &m, 3, output, &to_file));
	assert_int_equal(to_file.bundle_bytes, to_pipe.bundle_bytes);
	read_file(f, output, &a);
	read_file(f, copy, &b);
	assert_true(nf_slice_eq(buf_slice(&a), buf_slice(&b)));
	made_release(&m);
}

static void a_terminal_is_refused(void **state)
{
	struct pool_fixture *f = *state;
	struct nf_pack_result result;
	struct made m;
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	int rc;

	made_init(&m, f, "main", "hello", NULL);
	if (fd < 0 || !isatty(fd)) {
		made_release(&m);
		skip_because("no terminal can be made here");
	}
	rc = pack_to(f, &m, fd, &result);
	close(fd);
	assert_int_equal(rc, -NF_E_USAGE);
	made_release(&m);
}

static void long_chains_need_no_stack(void **state)
{
	enum {
		LINKS = 300
	};
	struct pool_fixture *f = *state;
	AUTO_FREE char *output = output_path(f, "bundle");
	struct made *links = mem_calloc(LINKS, sizeof(*links));
	struct nf_pack_result result;

	for (size_t i = 0; i < LINKS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "link%zu", i);
		made_init(&links[i], f, name, name,
			  i ? (struct made *const[]){ &links[i - 1], NULL } : NULL);
		assert_ok(f, pool_ingest(f->pool,
					 &(struct pool_input){
						 .trusted = &links[i].trusted,
						 .codec = CODEC_NONE,
						 .source = made_source(&links[i]),
						 .level = 1 },
					 &f->err));
	}
	assert_ok(f, pool_flush(f->pool, &f->err));
	assert_ok(f, pack(f, &links[LINKS - 1], 1, output, &result));
	assert_int_equal(result.paths, LINKS);
	for (size_t i = 0; i < LINKS; i++)
		made_release(&links[i]);
	free(links);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(a_bundle_has_the_closure_references_first),
		FIXTURE_TEST(the_bytes_depend_only_on_paths_key_and_level),
		FIXTURE_TEST(keep_packs_what_the_pool_has),
		FIXTURE_TEST(paths_with_the_same_nar_share_a_member),
		FIXTURE_TEST(unsigned_path_is_signed_when_packed),
		FIXTURE_TEST(path_trusted_by_store_is_signed_when_packed),
		FIXTURE_TEST(upstream_signatures_stay_sorted),
		FIXTURE_TEST(sign_all_respects_the_limit_of_signatures),
		FIXTURE_TEST(missing_path_is_named_with_its_referrer),
		FIXTURE_TEST(references_in_a_circle_are_refused),
		FIXTURE_TEST(a_rotten_file_is_not_packed),
		FIXTURE_TEST(an_earlier_bundle_stays_when_packing_fails),
		FIXTURE_TEST(pipe_receives_the_same_bytes_as_a_file),
		FIXTURE_TEST(a_terminal_is_refused),
		FIXTURE_TEST(long_chains_need_no_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
