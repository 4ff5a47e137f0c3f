#include "format/nar_dump.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_position.h"

/* Read from a file at once, and collected before it is returned. */
#define READ_SIZE (128 * KIB)
#define RUN_SIZE  (64 * KIB)
#define OUT_MAX	  (MIB)
/* Of a file with more than that the bytes are handed out as they were read. */
#define COPY_MAX (16 * KIB)

/* For errors only: more than the longest names at the maximum depth. */
#define PATH_TEXT_MAX (64 * KIB)

struct names {
	const char **list;
	size_t len;
	size_t cap;
	struct arena arena;
};

/* An open directory. */
struct dump_frame {
	DIR *dir;
	struct names names;
	size_t next;	 /* index in the names */
	size_t path_len; /* length of the path to it */
};

struct dump_sink {
	struct nf_sink sink;
	struct dumper *dumper;
};

/* The position in the tree, which is never deeper than the writer allows. */
struct dumper {
	struct nf_source source;
	int dir_fd;
	struct nf_nar_writer *writer;
	struct dump_sink sink; /* of the writer */
	struct buf out;	       /* what the writer has written */
	bool is_out_taken;     /* and the caller has read */
	char *read_buf;
	struct nf_slice direct; /* a part of it, which the caller reads before OUT */
	struct buf path;	/* path of the object, for errors */
	nar_dump_look_fn look;	/* may be NULL */
	void *look_ctx;
	nar_dump_file_fn outline; /* instead of contents; NULL for a whole NAR */
	void *outline_ctx;
	uint64_t taken; /* bytes that the caller has read */
	struct dump_frame frames[NAR_DEPTH_MAX];
	size_t depth;
	int fd;	       /* the file that is being written, or -1 */
	uint64_t left; /* bytes left of it */
	bool begun;
	bool done;
};

/* Writes one object: NAME in DIR_FD. Its name in the NAR is empty for the root. */
struct dump_place {
	int dir_fd;
	const char *name;
	struct nf_slice nar_name;
};

static int take_bytes(struct nf_sink *s, const void *p, size_t len, struct nf_err *err)
{
	struct dumper *d = ((struct dump_sink *)s)->dumper;

	if (p == d->read_buf && !d->out.len)
		d->direct = nf_slice(p, len);
	else
		buf_add(&d->out, p, len);
	return buf_failed(&d->out) ? err_set(err, NF_E_LIMIT, "too much at once") : 0;
}

static int write_event(struct dumper *d, const struct nf_nar_event *ev,
		       struct nf_err *err)
{
	int rc = nf_nar_write(d->writer, ev, err);

	/* The writer knows what is wrong, but not with which object. */
	return rc == -NF_E_FORMAT ? err_prefix(err, rc, "'%s'", d->path.ptr) : rc;
}

static int changed(const struct dumper *d, struct nf_err *err)
{
	return err_set(err, NF_E_SYS, "'%s' changed while it was read", d->path.ptr);
}

static int end_file(struct dumper *d, struct nf_err *err)
{
	const struct nf_nar_event ev = { .kind = NF_NAR_FILE_END };

	close(TAKE_FD(d->fd));
	return d->left ? changed(d, err) : write_event(d, &ev, err);
}

static int dump_data(struct dumper *d, struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_DATA };
	size_t len;
	int rc;

	rc = file_read_full(d->fd, d->read_buf, READ_SIZE, &len, d->path.ptr, err);
	if (rc)
		return rc;
	if (len > d->left)
		return changed(d, err);
	d->left -= len;
	ev.data = nf_slice(d->read_buf, len);
	rc = len ? write_event(d, &ev, err) : 0;
	return rc || len == READ_SIZE ? rc : end_file(d, err);
}

static int dump_file(struct dumper *d, const struct dump_place *at, struct nf_err *err)
{
	/* If it has become a FIFO, opening it must not block. */
	AUTO_FD int fd = openat(at->dir_fd, at->name,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct nf_nar_event ev = { .kind = NF_NAR_FILE, .name = at->nar_name };
	struct stat st;
	int rc;

	if (fd < 0)
		return err_sys(err, "cannot open '%s'", d->path.ptr);
	if (fstat(fd, &st))
		return err_sys(err, "cannot stat '%s'", d->path.ptr);
	if (!S_ISREG(st.st_mode))
		return changed(d, err);
	ev.executable = st.st_mode & S_IXUSR;
	ev.size = (uint64_t)st.st_size;
	rc = write_event(d, &ev, err);
	if (rc)
		return rc;
	d->fd = TAKE_FD(fd);
	d->left = ev.size;
	return 0;
}

static int outline_file(struct dumper *d, const struct dump_place *at,
			const struct stat *st, struct nf_err *err)
{
	const struct nf_nar_event end = { .kind = NF_NAR_FILE_END };
	struct nf_nar_event ev = { .kind = NF_NAR_FILE, .name = at->nar_name };
	int rc;

	ev.executable = st->st_mode & S_IXUSR;
	ev.size = (uint64_t)st->st_size;
	rc = write_event(d, &ev, err);
	if (rc)
		return rc;
	if (ev.size)
		d->outline(d->outline_ctx, d->path.ptr, d->taken + d->out.len, ev.size);
	nar_writer_skip_data(d->writer);
	return write_event(d, &end, err);
}

static int dump_symlink(struct dumper *d, const struct dump_place *at, struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_SYMLINK, .name = at->nar_name };
	char target[NAR_TARGET_MAX + 1];
	ssize_t len = readlinkat(at->dir_fd, at->name, target, sizeof(target));

	if (len < 0)
		return err_sys(err, "cannot read link '%s'", d->path.ptr);
	ev.data = nf_slice(target, (size_t)len);
	return write_event(d, &ev, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_names(const struct dumper *d, DIR *dir, struct names *names,
		      struct nf_err *err)
{
	const struct dirent *entry;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		MEM_GROW(names->list, names->len, names->cap);
		names->list[names->len++] = arena_strndup(&names->arena, entry->d_name,
							  strlen(entry->d_name));
	}
	if (errno)
		return err_sys(err, "cannot read directory '%s'", d->path.ptr);
	if (names->len)
		qsort(names->list, names->len, sizeof(*names->list), compare_names);
	return 0;
}

static DIR *open_directory(const struct dump_place *at)
{
	AUTO_FD int fd = openat(at->dir_fd, at->name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)TAKE_FD(fd);
	return dir;
}

static void frame_release(struct dump_frame *f)
{
	closedir(f->dir);
	free(f->names.list);
	arena_release(&f->names.arena);
}

static int dump_directory(struct dumper *d, const struct dump_place *at,
			  struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_DIRECTORY, .name = at->nar_name };
	struct dump_frame *f = &d->frames[d->depth];
	DIR *dir = open_directory(at);
	int rc;

	if (!dir)
		return err_sys(err, "cannot open '%s'", d->path.ptr);
	rc = write_event(d, &ev, err);
	if (rc) {
		closedir(dir);
		return rc;
	}
	*f = (struct dump_frame){ .dir = dir, .path_len = d->path.len };
	d->depth++;
	return read_names(d, dir, &f->names, err);
}

static int dump_node(struct dumper *d, const struct dump_place *at, struct nf_err *err)
{
	struct stat st;

	if (fstatat(at->dir_fd, at->name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(err, "cannot stat '%s'", d->path.ptr);
	if (d->look)
		d->look(d->look_ctx, d->path.ptr, &st);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return d->outline ? outline_file(d, at, &st, err) : dump_file(d, at, err);
	case S_IFLNK:
		return dump_symlink(d, at, err);
	case S_IFDIR:
		return dump_directory(d, at, err);
	default:
		return err_set(err, NF_E_UNSUPPORTED,
			       "'%s' is neither file, directory nor symbolic link",
			       d->path.ptr);
	}
}

/* Writes the next entry of the innermost directory, or its end. */
static int dump_entry(struct dumper *d, struct nf_err *err)
{
	const struct nf_nar_event leave = { .kind = NF_NAR_LEAVE };
	struct dump_frame *f = &d->frames[d->depth - 1];
	struct dump_place at;

	d->path.len = f->path_len;
	d->path.ptr[f->path_len] = '\0';
	if (f->next == f->names.len) {
		frame_release(f);
		d->depth--;
		return write_event(d, &leave, err);
	}
	at.dir_fd = dirfd(f->dir);
	at.name = f->names.list[f->next++];
	at.nar_name = nf_slice_str(at.name);
	buf_add_char(&d->path, '/');
	buf_add_str(&d->path, at.name);
	return dump_node(d, &at, err);
}

static int dump_root(struct dumper *d, struct nf_err *err)
{
	AUTO_FREE char *name = mem_strdup(d->path.ptr);
	const struct dump_place root = { .dir_fd = d->dir_fd, .name = name };

	d->begun = true;
	return dump_node(d, &root, err);
}

static int step(struct dumper *d, struct nf_err *err)
{
	const struct nf_nar_event end = { .kind = NF_NAR_END };

	if (d->fd >= 0)
		return dump_data(d, err);
	if (d->depth)
		return dump_entry(d, err);
	if (!d->begun)
		return dump_root(d, err);
	d->done = true;
	return write_event(d, &end, err);
}

static bool has_run(const struct dumper *d)
{
	return d->done || d->direct.len || d->out.len >= RUN_SIZE ||
	       (d->out.len && d->fd >= 0 && d->left > COPY_MAX);
}

static int dumper_next(struct nf_source *s, struct nf_slice *ret, struct nf_err *err)
{
	struct dumper *d = (struct dumper *)s;
	int rc = 0;

	if (d->is_out_taken) {
		d->taken += d->out.len;
		buf_clear(&d->out);
	}
	d->direct = (struct nf_slice){ 0 };
	while (!rc && !has_run(d))
		rc = step(d, err);
	if (rc)
		return rc;
	d->is_out_taken = !d->direct.len;
	*ret = d->direct.len ? d->direct : buf_slice(&d->out);
	return 0;
}

static void dumper_close(struct nf_source *s)
{
	struct dumper *d = (struct dumper *)s;

	while (d->depth)
		frame_release(&d->frames[--d->depth]);
	cleanup_fd(&d->fd);
	nf_nar_writer_free(d->writer);
	buf_release(&d->out);
	buf_release(&d->path);
	free(d->read_buf);
	free(d);
}

struct nf_source *nf_nar_dump_source(int dir_fd, const char *path)
{
	struct dumper *d = mem_calloc(1, sizeof(*d));

	d->source = (struct nf_source){ .next = dumper_next, .close = dumper_close };
	d->dir_fd = dir_fd;
	d->fd = -1;
	d->read_buf = mem_alloc(READ_SIZE);
	buf_init(&d->out, OUT_MAX);
	d->sink = (struct dump_sink){ { take_bytes }, d };
	d->writer = nf_nar_writer_new(&d->sink.sink);
	buf_init(&d->path, PATH_TEXT_MAX);
	buf_add_str(&d->path, path);
	return &d->source;
}

struct nf_source *nar_dump_watched(int dir_fd, const char *path, nar_dump_look_fn look,
				   void *ctx)
{
	struct nf_source *s = nf_nar_dump_source(dir_fd, path);
	struct dumper *d = (struct dumper *)s;

	d->look = look;
	d->look_ctx = ctx;
	return s;
}

struct nf_source *nar_dump_outline(int dir_fd, const char *path, nar_dump_file_fn fn,
				   void *ctx)
{
	struct nf_source *s = nf_nar_dump_source(dir_fd, path);
	struct dumper *d = (struct dumper *)s;

	d->outline = fn;
	d->outline_ctx = ctx;
	return s;
}

int nf_nar_dump(int dir_fd, const char *path, struct nf_sink *out, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *in = nf_nar_dump_source(dir_fd, path);

	return source_copy(in, out, err);
}
