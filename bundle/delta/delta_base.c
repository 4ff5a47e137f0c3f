#include "delta/delta_base.h"

#include <fcntl.h>
#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_dump.h"

/* ---- a file ---- */

struct file_base {
	struct delta_base base;
	int fd;
};

static int file_base_read(struct delta_base *b, uint64_t offset, void *p, size_t len,
			  struct nf_err *err)
{
	return file_pread_all(((struct file_base *)b)->fd, p, len, offset, "a NAR", err);
}

static void file_base_close(struct delta_base *b)
{
	cleanup_fd(&((struct file_base *)b)->fd);
	free(b);
}

struct delta_base *delta_base_of_file(int fd, uint64_t size)
{
	struct file_base *f = mem_alloc(sizeof(*f));

	*f = (struct file_base){ { size, file_base_read, file_base_close }, fd };
	return &f->base;
}

/* ---- a tree ---- */

/* Contents of a file in the NAR of the tree. */
struct tree_file {
	uint64_t offset; /* in the NAR */
	uint64_t size;
	uint64_t before; /* size of all files before it */
	const char *path;
};

struct tree_base {
	struct delta_base base;
	int dir_fd;
	struct buf outline; /* the NAR without contents */
	struct tree_file *files;
	size_t count, cap;
	uint64_t contents; /* size of all files */
	struct arena names;
	/* The open file and the open directory, which the next file may share. */
	int fd;
	size_t open;
	int parent_fd;
	char *parent; /* its path with a slash at the end; NULL if none is open */
};

static void add_file(void *ctx, const char *path, uint64_t offset, uint64_t size)
{
	struct tree_base *t = ctx;

	MEM_GROW(t->files, t->count, t->cap);
	t->files[t->count++] = (struct tree_file){
		.offset = offset + t->contents,
		.size = size,
		.before = t->contents,
		.path = arena_strndup(&t->names, path, strlen(path)),
	};
	t->contents += size;
}

static void tree_base_close(struct delta_base *b)
{
	struct tree_base *t = (struct tree_base *)b;

	cleanup_fd(&t->fd);
	cleanup_fd(&t->parent_fd);
	free(t->parent);
	buf_release(&t->outline);
	arena_release(&t->names);
	free(t->files);
	free(t);
}

/* The directory of PATH: no component may be a link. */
static int open_parent(struct tree_base *t, const char *path, struct nf_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) + 1 : 0;
	AUTO_FREE char *parent = mem_strndup(path, len);
	AUTO_FD int fd = -1;

	if (t->parent && strcmp(t->parent, parent) == 0)
		return 0;
	free(TAKE_PTR(t->parent));
	cleanup_fd(&t->parent_fd);
	t->parent_fd = -1;
	for (char *name = parent, *end; (end = strchr(name, '/')); name = end + 1) {
		AUTO_FD int above = TAKE_FD(fd);
		int rc;

		*end = '\0';
		rc = file_opendir_at(&fd, above < 0 ? t->dir_fd : above, name, err);
		*end = '/';
		if (rc)
			return rc;
	}
	t->parent_fd = TAKE_FD(fd);
	t->parent = TAKE_PTR(parent);
	return 0;
}

static int open_tree_file(struct tree_base *t, size_t i, struct nf_err *err)
{
	const struct tree_file *f = &t->files[i];
	const char *slash = strrchr(f->path, '/');
	struct stat st;
	int rc;

	if (t->fd >= 0 && t->open == i)
		return 0;
	cleanup_fd(&t->fd);
	t->fd = -1;
	t->open = i;
	rc = open_parent(t, f->path, err);
	if (rc)
		return rc;
	t->fd = openat(slash ? t->parent_fd : t->dir_fd, slash ? slash + 1 : f->path,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0)
		return err_sys(err, "cannot open '%s'", f->path);
	if (fstat(t->fd, &st))
		return err_sys(err, "cannot stat '%s'", f->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size)
		return err_set(err, NF_E_FORMAT, "'%s' changed while it was read",
			       f->path);
	return 0;
}

/* How many files begin at OFFSET or before. */
static size_t count_files(const struct tree_base *t, uint64_t offset)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->files[mid].offset <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int read_contents(struct tree_base *t, size_t i, uint64_t offset,
			 struct nf_slice to, struct nf_err *err)
{
	int rc = open_tree_file(t, i, err);

	return rc ? rc
		  : file_pread_all(t->fd, (char *)to.ptr, to.len, offset,
				   t->files[i].path, err);
}

/* Reads some bytes of what OFFSET is in: contents of a file, or the outline up to the
 * next file. */
static int read_some(struct tree_base *t, uint64_t offset, char *p, size_t *len,
		     struct nf_err *err)
{
	size_t n = count_files(t, offset);
	const struct tree_file *f = n ? &t->files[n - 1] : NULL;
	uint64_t end = n < t->count ? t->files[n].offset : t->base.size;
	bool is_content = f && offset - f->offset < f->size;

	if (is_content)
		end = f->offset + f->size;
	if (*len > end - offset)
		*len = (size_t)(end - offset);
	if (is_content)
		return read_contents(t, n - 1, offset - f->offset, nf_slice(p, *len),
				     err);
	memcpy(p, t->outline.ptr + (offset - (f ? f->before + f->size : 0)), *len);
	return 0;
}

static int tree_base_read(struct delta_base *b, uint64_t offset, void *p, size_t len,
			  struct nf_err *err)
{
	int rc = 0;

	for (size_t done = 0, part; !rc && done < len; done += part) {
		part = len - done;
		rc = read_some((struct tree_base *)b, offset + done, (char *)p + done,
			       &part, err);
	}
	return rc;
}

static int read_outline(struct tree_base *t, const char *path, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *in = nar_dump_outline(t->dir_fd, path, add_file, t);
	struct buf_sink sink;

	buf_init(&t->outline, DELTA_OUTLINE_MAX);
	buf_sink_init(&sink, &t->outline);
	return source_copy(in, &sink.sink, err);
}

int delta_base_of_tree(struct delta_base **ret, int dir_fd, const char *path,
		       struct nf_err *err)
{
	struct tree_base *t = mem_calloc(1, sizeof(*t));
	int rc;

	t->base = (struct delta_base){ 0, tree_base_read, tree_base_close };
	t->dir_fd = dir_fd;
	t->fd = t->parent_fd = -1;
	arena_init(&t->names);
	rc = read_outline(t, path, err);
	t->base.size = t->outline.len + t->contents;
	if (rc)
		tree_base_close(&t->base);
	else
		*ret = &t->base;
	return rc;
}
