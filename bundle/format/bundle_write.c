#include "format/bundle_write.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/watch.h"
#include "base/workers.h"
#include "format/block_digest.h"
#include "format/bundle_head.h"
#include "format/frame.h"

/* A pass over the payload, block by block. Threads take blocks in order, and each block
 * goes through three steps:
 *
 *   read     in parallel: content from the inputs, framing from the manifest
 *   in turn  one block after another: XXH3 of the members' content (it must see a member
 *            in order, and is ten times faster than the rest), writing to a pipe
 *   finish   in parallel: digests of the block, writing to a file
 *
 * A file needs one pass. A pipe, whose head comes first, needs two. */
enum pass_kind {
	PASS_FILE,   /* digests the blocks and writes them at their offsets */
	PASS_DIGEST, /* digests only */
	PASS_PIPE,   /* compares the digests, then writes in order */
};

struct pass {
	enum pass_kind kind;
	const struct nf_bundle_write_options *opts;
	struct progress *progress;
	const struct manifest *m;
	uint8_t *digests;
	int fd;
	const char *name;
	uint64_t offset; /* offset of the payload, for PASS_FILE */

	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t turned;
	uint64_t next; /* next block to be read */
	uint64_t turn; /* next block whose turn it is */
	int failed;    /* 0, or the error of the first failure */
	struct nf_err failure;

	struct xxh3 *xxh3; /* of the current member's content; only in turn */
};

/* Per-thread data, kept from block to block. */
struct hand {
	struct pass *pass;
	uint8_t *data; /* one block of bytes */
	uint64_t index;
	size_t len;
	int fd; /* the open input, or -1 */
	size_t member;
	struct nf_err err;
};

/* ---- read ---- */

static int open_member(struct hand *h, size_t member)
{
	const struct nf_bundle_write_options *opts = h->pass->opts;
	int rc;

	if (h->fd >= 0 && h->member == member)
		return 0;
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	rc = opts->inputs[member].open(opts->open_ctx, member, &h->fd, &h->err);
	h->member = member;
	return rc ? err_prefix(&h->err, rc, "member '%s'", opts->inputs[member].name) : 0;
}

static int read_content(struct hand *h, uint8_t *to, const struct frame_piece *piece)
{
	const struct nf_bundle_input *input = &h->pass->opts->inputs[piece->member];
	int rc;

	if (!input->open) {
		memcpy(to, (const uint8_t *)input->bytes + piece->offset, piece->len);
		return 0;
	}
	rc = open_member(h, piece->member);
	if (rc)
		return rc;
	return file_pread_all(h->fd, to, piece->len, input->file_offset + piece->offset,
			      input->name, &h->err);
}

static int read_block(struct hand *h)
{
	const struct manifest *m = h->pass->m;
	uint64_t at = h->index * BUNDLE_BLOCK_SIZE;
	struct frame_piece piece;
	struct frame f;
	int rc = 0;

	h->len = m->payload_size - at < BUNDLE_BLOCK_SIZE ? (size_t)(m->payload_size - at)
							  : BUNDLE_BLOCK_SIZE;
	frame_start(&f, m, at, h->len);
	for (uint8_t *to = h->data; !rc && frame_next(&f, &piece); to += piece.len) {
		if (piece.framing)
			memcpy(to, piece.framing, piece.len);
		else
			rc = read_content(h, to, &piece);
	}
	return rc;
}

/* ---- in turn ---- */

static int check_xxh3(struct hand *h, const uint8_t *p, const struct frame_piece *piece)
{
	const struct nf_bundle_input *input = &h->pass->opts->inputs[piece->member];
	struct pass *pass = h->pass;
	uint8_t sum[XXH3_128_SIZE];

	if (!input->has_xxh3)
		return 0;
	if (piece->offset == 0)
		pass->xxh3 = xxh3_new();
	xxh3_update(pass->xxh3, p, piece->len);
	if (piece->offset + piece->len < input->size)
		return 0;
	xxh3_final(pass->xxh3, sum);
	xxh3_free(TAKE_PTR(pass->xxh3));
	if (memcmp(sum, input->xxh3, sizeof(sum)) != 0)
		return err_set(&h->err, NF_E_HASH,
			       "member '%s': the file has changed since it was verified",
			       input->name);
	return 0;
}

static int check_content(struct hand *h)
{
	struct frame_piece piece;
	struct frame f;
	int rc = 0;

	frame_start(&f, h->pass->m, h->index * BUNDLE_BLOCK_SIZE, h->len);
	for (const uint8_t *p = h->data; !rc && frame_next(&f, &piece); p += piece.len)
		if (!piece.framing)
			rc = check_xxh3(h, p, &piece);
	return rc;
}

/* Returns false if another thread has failed. */
static bool wait_for_turn(struct hand *h)
{
	struct pass *pass = h->pass;
	bool mine;

	pthread_mutex_lock(&pass->lock);
	while (!pass->failed && pass->turn != h->index)
		pthread_cond_wait(&pass->turned, &pass->lock);
	mine = !pass->failed;
	pthread_mutex_unlock(&pass->lock);
	return mine;
}

static void end_turn(struct hand *h)
{
	struct pass *pass = h->pass;

	pthread_mutex_lock(&pass->lock);
	pass->turn++;
	pthread_cond_broadcast(&pass->turned);
	pthread_mutex_unlock(&pass->lock);
}

/* ---- finish, and the whole pass ---- */

static int compare_digest(struct hand *h)
{
	const struct pass *pass = h->pass;

	if (!block_digest_match(pass->digests, pass->m, block_digest_choose(pass->m),
				h->index, h->data, h->len))
		return err_set(&h->err, NF_E_HASH,
			       "a file changed while the bundle was written");
	return 0;
}

static int finish_block(struct hand *h)
{
	struct pass *pass = h->pass;

	block_digest_put(pass->digests, pass->m, h->index, h->data, h->len);
	if (pass->kind == PASS_DIGEST)
		return 0;
	return file_pwrite_all(pass->fd, h->data, h->len,
			       pass->offset + h->index * BUNDLE_BLOCK_SIZE, pass->name,
			       &h->err);
}

static int do_block(struct hand *h)
{
	struct pass *pass = h->pass;
	int rc = interrupt_check(&h->err);

	if (!rc)
		rc = read_block(h);
	if (!rc && pass->kind == PASS_PIPE)
		rc = compare_digest(h);
	if (rc || !wait_for_turn(h))
		return rc;
	if (pass->kind == PASS_PIPE)
		rc = file_write_all(pass->fd, h->data, h->len, pass->name, &h->err);
	else
		rc = check_content(h);
	if (rc)
		return rc;
	end_turn(h);
	return pass->kind == PASS_PIPE ? 0 : finish_block(h);
}

static bool take_block(struct hand *h)
{
	struct pass *pass = h->pass;
	bool more;

	pthread_mutex_lock(&pass->lock);
	more = !pass->failed && pass->next < manifest_block_count(pass->m);
	if (more)
		h->index = pass->next++;
	pthread_mutex_unlock(&pass->lock);
	return more;
}

static void pass_fail(struct pass *pass, int rc, const struct nf_err *err)
{
	pthread_mutex_lock(&pass->lock);
	if (!pass->failed) {
		pass->failed = rc;
		pass->failure = *err;
	}
	pthread_cond_broadcast(&pass->turned);
	pthread_mutex_unlock(&pass->lock);
}

static void pass_thread(void *job, size_t worker)
{
	struct hand h = { .pass = job, .fd = -1 };
	int rc = 0;

	(void)worker;
	h.data = mem_alloc(BUNDLE_BLOCK_SIZE);
	while (!rc && take_block(&h)) {
		rc = do_block(&h);
		if (rc)
			pass_fail(h.pass, rc, &h.err);
		else
			progress_add(h.pass->progress, PROGRESS_BYTES_DONE, h.len);
	}
	if (h.fd >= 0)
		close(h.fd);
	free(h.data);
}

static int run_pass(struct pass *pass, enum pass_kind kind, struct nf_err *err)
{
	size_t jobs = pass->opts->jobs ? pass->opts->jobs : workers_cpu_count();
	struct workers *w = workers_new(jobs, jobs);

	pass->kind = kind;
	pass->next = 0;
	pass->turn = 0;
	progress_add(pass->progress, PROGRESS_BYTES_TOTAL, pass->m->payload_size);
	for (size_t i = 0; i < jobs; i++)
		workers_submit(w, pass_thread, pass);
	workers_free(w);
	if (pass->failed && err)
		*err = pass->failure;
	return pass->failed;
}

/* ---- the bundle ---- */

/* A repeated root is written once. */
static void copy_roots(struct manifest *m, const struct nf_bundle_write_options *opts)
{
	struct map seen;

	map_init(&seen);
	m->roots = mem_calloc(opts->root_count, sizeof(*m->roots));
	for (size_t i = 0; i < opts->root_count; i++) {
		bool new;

		map_put(&seen, nf_storepath_base(&opts->roots[i]), &new);
		if (new)
			m->roots[m->root_count++] = opts->roots[i];
	}
	map_release(&seen);
}

static int make_manifest(struct manifest *m, const struct nf_bundle_write_options *opts,
			 struct nf_err *err)
{
	int rc;

	m->version = opts->version ? opts->version : NF_BUNDLE_VERSION;
	if (m->version > NF_BUNDLE_VERSION)
		return err_set(err, NF_E_USAGE, "unknown format version %u", m->version);
	rc = manifest_set_terms(m, opts->terms, err);
	if (rc)
		return rc;
	copy_roots(m, opts);
	m->members = mem_calloc(opts->input_count, sizeof(*m->members));
	m->member_count = opts->input_count;
	for (size_t i = 0; i < opts->input_count; i++) {
		const struct nf_bundle_input *input = &opts->inputs[i];
		struct nf_bundle_member *member = &m->members[i];

		assert(input->digest.algo == NF_SHA256);
		memcpy(member->name, input->name, sizeof(member->name));
		member->name[NF_MEMBER_NAME_MAX] = '\0';
		member->size = input->size;
		member->digest = input->digest;
		member->inodes = input->inodes;
		rc = manifest_set_bases(m, member, input->bases, input->base_count, err);
		if (rc)
			return rc;
	}
	return manifest_layout(m, err);
}

/* The length of the head is known before its bytes are, so blocks are written in
 * place. */
static int write_file(struct pass *pass, struct manifest *m, struct buf *head,
		      struct nf_err *err)
{
	const struct nf_secret_key *key = pass->opts->key;
	size_t head_len;
	int rc;

	rc = bundle_head_format(head, m, pass->digests, key, err);
	if (rc)
		return rc;
	head_len = head->len;
	buf_clear(head);
	pass->offset = head_len;
	if (ftruncate(pass->fd, 0) < 0)
		return err_sys(err, "cannot truncate '%s'", pass->name);
	rc = run_pass(pass, PASS_FILE, err);
	if (!rc)
		rc = bundle_head_format(head, m, pass->digests, key, err);
	if (rc)
		return rc;
	assert(head->len == head_len);
	rc = file_pwrite_all(pass->fd, head->ptr, head->len, 0, pass->name, err);
	/* A later writer to a shared standard output must write after the bundle. */
	if (!rc && lseek(pass->fd, 0, SEEK_END) < 0)
		rc = err_sys(err, "cannot seek in '%s'", pass->name);
	return rc;
}

static int write_pipe(struct pass *pass, struct manifest *m, struct buf *head,
		      struct nf_err *err)
{
	int rc = run_pass(pass, PASS_DIGEST, err);

	if (!rc)
		rc = bundle_head_format(head, m, pass->digests, pass->opts->key, err);
	if (!rc)
		rc = file_write_all(pass->fd, head->ptr, head->len, pass->name, err);
	return rc ? rc : run_pass(pass, PASS_PIPE, err);
}

/* Writing at offsets needs a regular file at position 0. If it is open for appending,
 * every block would be written at its end. */
static bool can_place(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flags >= 0 &&
	       !(flags & O_APPEND) && lseek(fd, 0, SEEK_CUR) == 0;
}

static int write_bundle(struct pass *pass, struct manifest *m, struct nf_err *err)
{
	size_t digests_len = block_digest_len(m);
	AUTO_BUF struct buf head = { 0 };
	int rc;

	buf_init(&head, MANIFEST_MAX + MANIFEST_SIG_MAX + digests_len + 8 * KIB);
	pass->digests = mem_calloc(digests_len, 1);
	rc = can_place(pass->fd) ? write_file(pass, m, &head, err)
				 : write_pipe(pass, m, &head, err);
	if (!rc && pass->opts->ret_size)
		*pass->opts->ret_size = head.len + m->payload_size;
	return rc;
}

int bundle_write(int fd, const char *name, const struct nf_bundle_write_options *opts,
		 struct progress *progress, struct nf_err *err)
{
	struct pass pass = {
		.opts = opts,
		.progress = progress,
		.fd = fd,
		.name = name,
	};
	struct manifest m;
	int rc;

	manifest_init(&m);
	pass.m = &m;
	pthread_mutex_init(&pass.lock, NULL);
	pthread_cond_init(&pass.turned, NULL);
	rc = make_manifest(&m, opts, err);
	if (!rc)
		rc = write_bundle(&pass, &m, err);
	pthread_cond_destroy(&pass.turned);
	pthread_mutex_destroy(&pass.lock);
	xxh3_free(pass.xxh3);
	free(pass.digests);
	manifest_release(&m);
	return rc ? err_prefix(err, rc, "bundle '%s'", name) : 0;
}

int nf_bundle_write(int fd, const char *name, const struct nf_bundle_write_options *opts,
		    struct nf_err *err)
{
	AUTO(watcher_freep) struct watcher *w = watcher_start(opts->watch);

	return bundle_write(fd, name, opts, watcher_progress(w), err);
}
