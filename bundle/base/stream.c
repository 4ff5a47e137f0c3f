#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"

#define READ_SIZE (256 * KIB)

/* ---- memory ---- */

struct memory_source {
	struct nf_source source;
	struct nf_slice rest;
	size_t chunk;
};

static int memory_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct memory_source *m = (struct memory_source *)s;
	size_t n = m->chunk && m->rest.len > m->chunk ? m->chunk : m->rest.len;

	(void)err;
	*ret = nf_slice(m->rest.ptr, n);
	if (n)
		m->rest = nf_slice(m->rest.ptr + n, m->rest.len - n);
	return 0;
}

static void plain_close(struct nf_source *s)
{
	free(s);
}

struct nf_source *source_of_memory(const void *p, size_t len, size_t chunk)
{
	struct memory_source *m = mem_calloc(1, sizeof(*m));

	m->source = (struct nf_source){ .next = memory_next, .close = plain_close };
	m->rest = nf_slice(p, len);
	m->chunk = chunk;
	return &m->source;
}

struct nf_source *nf_source_of_memory(const void *bytes, size_t len)
{
	return source_of_memory(bytes, len, 0);
}

/* ---- files and pipes ---- */

struct fd_source {
	struct nf_source source;
	int fd;
	bool is_range;
	bool owns_fd;
	uint64_t offset;
	uint64_t left;
	char *buffer;
};

static ssize_t read_some(struct fd_source *f, size_t want)
{
	ssize_t n;

	do {
		n = f->is_range ? pread(f->fd, f->buffer, want, (off_t)f->offset)
				: read(f->fd, f->buffer, want);
	} while (n < 0 && errno == EINTR);
	return n;
}

static int fd_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct fd_source *f = (struct fd_source *)s;
	size_t want = f->left < READ_SIZE ? (size_t)f->left : READ_SIZE;
	ssize_t n = 0;

	if (!f->buffer) {
		f->buffer = mem_alloc(READ_SIZE);
		if (f->is_range)
			posix_fadvise(f->fd, (off_t)f->offset, 0, POSIX_FADV_SEQUENTIAL);
	}
	if (want)
		n = read_some(f, want);
	if (n < 0)
		return err_sys(err, "cannot read");
	if (n == 0 && want && f->left != UINT64_MAX)
		return err_set(err, NF_E_FORMAT, "truncated: %" PRIu64 " %s missing",
			       f->left, plural(f->left, "byte is", "bytes are"));
	f->offset += (uint64_t)n;
	if (f->left != UINT64_MAX)
		f->left -= (uint64_t)n;
	*ret = nf_slice(f->buffer, (size_t)n);
	return 0;
}

static void fd_close(struct nf_source *s)
{
	struct fd_source *f = (struct fd_source *)s;

	if (f->owns_fd)
		close(f->fd);
	free(f->buffer);
	free(f);
}

static struct nf_source *fd_source_new(int fd, bool is_range, uint64_t offset,
				       uint64_t size)
{
	struct fd_source *f = mem_calloc(1, sizeof(*f));

	f->source = (struct nf_source){ .next = fd_next, .close = fd_close };
	f->fd = fd;
	f->is_range = is_range;
	f->offset = offset;
	f->left = size;
	return &f->source;
}

struct nf_source *nf_source_of_fd_range(int fd, uint64_t offset, uint64_t size)
{
	return fd_source_new(fd, true, offset, size);
}

struct nf_source *nf_source_of_fd(int fd)
{
	return fd_source_new(fd, false, 0, UINT64_MAX);
}

struct nf_source *source_of_file(int fd)
{
	struct nf_source *s = fd_source_new(fd, true, 0, UINT64_MAX);

	((struct fd_source *)s)->owns_fd = true;
	return s;
}

/* ---- filters ---- */

struct filter {
	struct nf_source source;
	struct nf_source *in;
	struct nf_sink *sink;
	uint64_t size, passed;
	const char *what;
	struct nf_slice first; /* bytes that were peeked at */
};

static void filter_close(struct nf_source *s)
{
	struct filter *f = (struct filter *)s;

	source_close(f->in);
	free(f);
}

static struct filter *filter_new(struct nf_source *in,
				 int (*next)(struct nf_source *, struct nf_slice *,
					     struct nf_err *))
{
	struct filter *f = mem_calloc(1, sizeof(*f));

	f->source = (struct nf_source){ .next = next, .close = filter_close };
	f->in = in;
	return f;
}

static int tee_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct filter *f = (struct filter *)s;
	int rc = source_next(f->in, ret, err);

	if (!rc && ret->len)
		rc = sink_write(f->sink, ret->ptr, ret->len, err);
	return rc;
}

struct nf_source *source_tee(struct nf_source *in, struct nf_sink *sink)
{
	struct filter *f = filter_new(in, tee_next);

	f->sink = sink;
	return &f->source;
}

static int peeked_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct filter *f = (struct filter *)s;

	if (!f->first.len)
		return source_next(f->in, ret, err);
	*ret = f->first;
	f->first.len = 0;
	return 0;
}

int source_peek(struct nf_source **s, struct nf_slice *ret, struct nf_err *err)
{
	struct filter *f;
	int rc = source_next(*s, ret, err);

	if (rc)
		return rc;
	f = filter_new(*s, peeked_next);
	f->first = *ret;
	*s = &f->source;
	return 0;
}

static int sized_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct filter *f = (struct filter *)s;
	int rc = source_next(f->in, ret, err);

	if (rc)
		return rc;
	if (ret->len > f->size - f->passed)
		return err_set(err, NF_E_HASH, "%s exceeds the promised %" PRIu64 " %s",
			       f->what, f->size, plural(f->size, "byte", "bytes"));
	f->passed += ret->len;
	if (ret->len == 0 && f->passed != f->size)
		return err_set(err, NF_E_HASH,
			       "%s is %" PRIu64 " %s long, not the promised %" PRIu64,
			       f->what, f->passed, plural(f->passed, "byte", "bytes"),
			       f->size);
	return 0;
}

struct nf_source *source_sized(struct nf_source *in, uint64_t size, const char *what)
{
	struct filter *f = filter_new(in, sized_next);

	f->size = size;
	f->what = what;
	return &f->source;
}

/* ---- sinks ---- */

int source_drain(struct nf_source *s, struct nf_err *err)
{
	struct nf_slice run;
	int rc;

	do {
		rc = source_next(s, &run, err);
	} while (!rc && run.len);
	return rc;
}

int source_copy(struct nf_source *s, struct nf_sink *out, struct nf_err *err)
{
	struct nf_slice run;
	int rc;

	do {
		rc = source_next(s, &run, err);
		if (!rc && run.len)
			rc = sink_write(out, run.ptr, run.len, err);
	} while (!rc && run.len);
	return rc;
}

static int fd_sink_write(struct nf_sink *s, const void *p, size_t len, struct nf_err *err)
{
	struct fd_sink *f = (struct fd_sink *)s;
	int rc = file_write_all(f->fd, p, len, "output", err);

	if (rc)
		return rc;
	if (f->hasher)
		hasher_update(f->hasher, p, len);
	if (f->xxh3)
		xxh3_update(f->xxh3, p, len);
	f->written += len;
	return 0;
}

void fd_sink_init(struct fd_sink *s, int fd, struct hasher *hasher, struct xxh3 *xxh3)
{
	*s = (struct fd_sink){
		.sink = { .write = fd_sink_write },
		.fd = fd,
		.hasher = hasher,
		.xxh3 = xxh3,
	};
}

static int buf_sink_write(struct nf_sink *s, const void *p, size_t len,
			  struct nf_err *err)
{
	struct buf *b = ((struct buf_sink *)s)->buf;

	buf_add(b, p, len);
	if (buf_failed(b))
		return err_set(err, NF_E_LIMIT, "more than %zu bytes", b->max);
	return 0;
}

void buf_sink_init(struct buf_sink *s, struct buf *buf)
{
	*s = (struct buf_sink){ .sink = { .write = buf_sink_write }, .buf = buf };
}
