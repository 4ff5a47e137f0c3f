#include <nixferry/nar.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

#define READ_SIZE (256 * KIB)

/* For errors only: more than the allowed depth of the longest names. */
#define PATH_TEXT_MAX (64 * KIB)

/* Where we are in the tree: the path is for errors. */
struct dumper {
	struct nf_nar_writer *writer;
	char *read_buf;
	struct buf path;
};

/* One object: NAME in DIR_FD; what the NAR calls it is empty for the root. */
struct place {
	int dir_fd;
	const char *name;
	struct nf_slice nar_name;
};

struct names {
	const char **list;
	size_t len;
	size_t cap;
	struct arena arena;
};

static void dumper_release(struct dumper *d)
{
	nf_nar_writer_free(d->writer);
	free(d->read_buf);
	buf_release(&d->path);
}

static void names_release(struct names *n)
{
	free(n->list);
	arena_release(&n->arena);
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int dump_node(struct dumper *d, const struct place *at, struct nf_err *err);

static int write_event(struct dumper *d, const struct nf_nar_event *ev,
		       struct nf_err *err)
{
	int rc = nf_nar_write(d->writer, ev, err);

	/* The writer knows what is wrong, but not of which object. */
	return rc == -NF_E_FORMAT ? err_prefix(err, rc, "'%s'", d->path.ptr) : rc;
}

static int changed(const struct dumper *d, struct nf_err *err)
{
	return err_set(err, NF_E_SYS, "'%s' changed while it was read", d->path.ptr);
}

static int dump_data(struct dumper *d, int fd, uint64_t size, struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_DATA };
	uint64_t left = size;
	size_t len;
	int rc;

	do {
		rc = file_read_full(fd, d->read_buf, READ_SIZE, &len, d->path.ptr, err);
		if (rc)
			return rc;
		if (len > left)
			return changed(d, err);
		left -= len;
		ev.data = nf_slice(d->read_buf, len);
		rc = len ? write_event(d, &ev, err) : 0;
		if (rc)
			return rc;
	} while (len == READ_SIZE);
	return left ? changed(d, err) : 0;
}

static int dump_file(struct dumper *d, const struct place *at, struct nf_err *err)
{
	/* Should it have become a FIFO meanwhile, opening it must not wait. */
	AUTO_FD int fd = openat(at->dir_fd, at->name,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct nf_nar_event ev = { .kind = NF_NAR_FILE, .name = at->nar_name };
	struct stat st;
	int rc;

	if (fd < 0)
		return err_sys(err, "open '%s'", d->path.ptr);
	if (fstat(fd, &st))
		return err_sys(err, "stat '%s'", d->path.ptr);
	if (!S_ISREG(st.st_mode))
		return changed(d, err);
	ev.executable = st.st_mode & S_IXUSR;
	ev.size = (uint64_t)st.st_size;
	rc = write_event(d, &ev, err);
	if (!rc)
		rc = dump_data(d, fd, ev.size, err);
	if (rc)
		return rc;
	ev.kind = NF_NAR_FILE_END;
	return write_event(d, &ev, err);
}

static int dump_symlink(struct dumper *d, const struct place *at, struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_SYMLINK, .name = at->nar_name };
	char target[NAR_TARGET_MAX + 1];
	ssize_t len = readlinkat(at->dir_fd, at->name, target, sizeof(target));

	if (len < 0)
		return err_sys(err, "read link '%s'", d->path.ptr);
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
		return err_sys(err, "read directory '%s'", d->path.ptr);
	if (names->len)
		qsort(names->list, names->len, sizeof(*names->list), compare_names);
	return 0;
}

static int dump_entries(struct dumper *d, DIR *dir, struct nf_err *err)
{
	AUTO(names_release) struct names names = { 0 };
	size_t path_len = d->path.len;
	int rc = read_names(d, dir, &names, err);

	for (size_t i = 0; !rc && i < names.len; i++) {
		const struct place at = { dirfd(dir), names.list[i],
					  nf_slice_str(names.list[i]) };

		buf_add_char(&d->path, '/');
		buf_add_str(&d->path, names.list[i]);
		rc = dump_node(d, &at, err);
		d->path.len = path_len;
		d->path.ptr[path_len] = '\0';
	}
	return rc;
}

static DIR *open_directory(const struct place *at)
{
	AUTO_FD int fd = openat(at->dir_fd, at->name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)TAKE_FD(fd);
	return dir;
}

static int dump_directory(struct dumper *d, const struct place *at, struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_DIRECTORY, .name = at->nar_name };
	AUTO(close_dir) DIR *dir = open_directory(at);
	int rc;

	if (!dir)
		return err_sys(err, "open '%s'", d->path.ptr);
	rc = write_event(d, &ev, err);
	if (!rc)
		rc = dump_entries(d, dir, err);
	if (rc)
		return rc;
	ev.kind = NF_NAR_LEAVE;
	return write_event(d, &ev, err);
}

static int dump_node(struct dumper *d, const struct place *at, struct nf_err *err)
{
	struct stat st;

	if (fstatat(at->dir_fd, at->name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(err, "stat '%s'", d->path.ptr);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return dump_file(d, at, err);
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

int nf_nar_dump(int dir_fd, const char *path, struct nf_sink *out, struct nf_err *err)
{
	AUTO(dumper_release)
	struct dumper d = {
		.writer = nf_nar_writer_new(out),
		.read_buf = mem_alloc(READ_SIZE),
	};
	const struct place root = { .dir_fd = dir_fd, .name = path };

	buf_init(&d.path, PATH_TEXT_MAX);
	buf_add_str(&d.path, path);
	return dump_node(&d, &root, err);
}
