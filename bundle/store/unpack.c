#include "store/unpack.h"

#include <fcntl.h>
#include <nixferry/nar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/canonical.h"
#include "store/unpack_file.h"

/* A tree under construction: the directories from the topmost to the current one, all
 * open. */
struct unpacker {
	int base_fd;
	const char *top; /* the tree's name in base_fd */
	int fds[NAR_DEPTH_MAX];
	unsigned depth; /* number of open directories */
	struct unpack_file file;
	mode_t umask;
	uint64_t inodes;
	char name[NAR_NAME_MAX + 1]; /* name of the object under construction */
};

static void unpacker_release(struct unpacker *u)
{
	unpack_file_release(&u->file);
	while (u->depth)
		cleanup_fd(&u->fds[--u->depth]);
}

/* Returns the umask of this process without setting it, as umask() would, because other
 * threads create files at the same time. 0777 (every mode is then set explicitly) if the
 * system does not report it. */
static mode_t read_umask(void)
{
	AUTO_BUF struct buf status = { 0 };
	const char *line;

	buf_init(&status, 64 * KIB);
	if (file_read_at(AT_FDCWD, "/proc/self/status", &status, NULL) || !status.len)
		return 0777;
	line = strstr(status.ptr, "\nUmask:");
	return line ? (mode_t)strtoul(line + strlen("\nUmask:"), NULL, 8) & 0777 : 0777;
}

static int parent_fd(const struct unpacker *u)
{
	return u->depth ? u->fds[u->depth - 1] : u->base_fd;
}

static int fail_object(const struct unpacker *u, const char *what, struct nf_err *err)
{
	return err_sys(err, "cannot %s '%s'", what, u->name);
}

/* The reader has checked names; the topmost object has the caller's name. */
static int set_name(struct unpacker *u, const struct nf_nar_event *ev, struct nf_err *err)
{
	struct nf_slice name = u->depth ? ev->name : nf_slice_str(u->top);

	if (name.len > NAR_NAME_MAX)
		return err_set(err, NF_E_LIMIT, "a name of %zu bytes", name.len);
	memcpy(u->name, name.ptr, name.len);
	u->name[name.len] = '\0';
	u->inodes++;
	return 0;
}

static int enter_directory(struct unpacker *u, struct nf_err *err)
{
	int parent = parent_fd(u);
	int fd;

	if (u->depth == NAR_DEPTH_MAX)
		return err_set(err, NF_E_LIMIT, "directories nested deeper than %d",
			       NAR_DEPTH_MAX);
	if (mkdirat(parent, u->name, 0755))
		return fail_object(u, "create the directory", err);
	if ((u->umask & 0700) && fchmodat(parent, u->name, 0755, 0))
		return fail_object(u, "change the mode of", err);
	fd = openat(parent, u->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_object(u, "open the directory", err);
	u->fds[u->depth++] = fd;
	return 0;
}

static int leave_directory(struct unpacker *u, struct nf_err *err)
{
	AUTO_FD int fd = u->fds[--u->depth];

	/* The topmost directory stays writable; otherwise only root could move it. */
	if (u->depth && (fchmod(fd, 0555) || futimens(fd, canonical_times)))
		return err_sys(err, "cannot set the mode and time of a directory");
	return 0;
}

static int make_symlink(struct unpacker *u, struct nf_slice target, struct nf_err *err)
{
	char text[NAR_TARGET_MAX + 1];
	int parent = parent_fd(u);

	if (target.len > NAR_TARGET_MAX)
		return err_set(err, NF_E_LIMIT, "a link target of %zu bytes", target.len);
	memcpy(text, target.ptr, target.len);
	text[target.len] = '\0';
	if (symlinkat(text, parent, u->name))
		return fail_object(u, "create the link", err);
	if (utimensat(parent, u->name, canonical_times, AT_SYMLINK_NOFOLLOW))
		return fail_object(u, "set the time of", err);
	return 0;
}

static int make_object(struct unpacker *u, const struct nf_nar_event *ev,
		       struct nf_err *err)
{
	int rc = set_name(u, ev, err);

	if (rc)
		return rc;
	if (ev->kind == NF_NAR_DIRECTORY)
		return enter_directory(u, err);
	if (ev->kind == NF_NAR_SYMLINK)
		return make_symlink(u, ev->data, err);
	return unpack_file_open(&u->file, parent_fd(u), u->name,
				ev->executable ? 0555 : 0444, u->umask, ev->size, err);
}

static int handle(struct unpacker *u, const struct nf_nar_event *ev, struct nf_err *err)
{
	switch (ev->kind) {
	case NF_NAR_DIRECTORY:
	case NF_NAR_SYMLINK:
	case NF_NAR_FILE:
		return make_object(u, ev, err);
	case NF_NAR_DATA:
		return unpack_file_write(&u->file, ev->data, err);
	case NF_NAR_FILE_END:
		return unpack_file_finish(&u->file, err);
	case NF_NAR_LEAVE:
		return leave_directory(u, err);
	case NF_NAR_END:
		break;
	}
	return 0;
}

static void free_reader(struct nf_nar_reader **r)
{
	nf_nar_reader_free(*r);
}

int unpack_nar(struct nf_source *src, int dir_fd, const char *name,
	       struct unpack_notes *notes, struct nf_err *err)
{
	AUTO(free_reader) struct nf_nar_reader *reader = nf_nar_reader_new(src);
	AUTO(unpacker_release)
	struct unpacker u = { .base_fd = dir_fd, .top = name, .file = UNPACK_FILE_INIT };
	struct nf_nar_event ev;
	int rc;

	u.umask = read_umask();
	do {
		rc = interrupt_check(err);
		if (!rc)
			rc = nf_nar_next(reader, &ev, err);
		if (!rc)
			rc = handle(&u, &ev, err);
		if (rc)
			return rc;
		if (notes && notes->hashes)
			tree_hashes_note(notes->hashes, &ev);
	} while (ev.kind != NF_NAR_END);
	if (notes)
		notes->inodes = u.inodes;
	return 0;
}

/* If the file system cannot refuse to replace a file, check first. */
static int rename_new(int from_fd, const char *name, int to_fd, const char *to_name)
{
	struct stat st;

	if (!renameat2(from_fd, name, to_fd, to_name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -1;
	if (!fstatat(to_fd, to_name, &st, AT_SYMLINK_NOFOLLOW)) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from_fd, name, to_fd, to_name);
}

/* Exchanges two trees. A directory whose parent changes must be writable for users other
 * than root. */
static int rename_exchange(int from_fd, const char *name, int to_fd, const char *to_name)
{
	if (!renameat2(from_fd, name, to_fd, to_name, RENAME_EXCHANGE))
		return 0;
	if (errno != EACCES || fchmodat(to_fd, to_name, 0755, 0))
		return -1;
	return renameat2(from_fd, name, to_fd, to_name, RENAME_EXCHANGE);
}

/* A FIFO, socket or device has no contents to keep, and a sandbox lets none be moved. */
static bool drop_special(int dir_fd, const char *name)
{
	int saved = errno;
	struct stat st;
	bool is_gone = !fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) &&
		       !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
		       !S_ISLNK(st.st_mode) && !unlinkat(dir_fd, name, 0);

	errno = saved;
	return is_gone;
}

/* Where the file system cannot exchange, a tree moves away before the other moves in. */
static int rename_replace(int from_fd, const char *name, int to_fd, const char *to_name)
{
	AUTO_FREE char *aside = NULL;

	if (!rename_exchange(from_fd, name, to_fd, to_name))
		return 0;
	if (errno == ENOENT || drop_special(to_fd, to_name))
		return rename_new(from_fd, name, to_fd, to_name);
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	aside = mem_printf("%s.old", name);
	if (renameat(to_fd, to_name, from_fd, aside))
		return -1;
	if (!rename_new(from_fd, name, to_fd, to_name))
		return 0;
	(void)!renameat(from_fd, aside, to_fd, to_name);
	return -1;
}

/* Opens the tree's topmost directory; *RET is -1 if it is not a directory. */
static int open_top(int *ret, int dir_fd, const char *name, struct nf_err *err)
{
	struct stat st;

	*ret = -1;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(err, "cannot stat '%s'", name);
	if (!S_ISDIR(st.st_mode))
		return 0;
	*ret = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, "cannot open the directory '%s'", name) : 0;
}

static int move(int from_fd, const char *name, int to_fd, const char *to_name,
		int (*how)(int, const char *, int, const char *), struct nf_err *err)
{
	AUTO_FD int fd = -1;
	int rc = open_top(&fd, from_fd, name, err);

	if (rc)
		return rc;
	if (how(from_fd, name, to_fd, to_name))
		return err_sys(err, "cannot move '%s' into the store", to_name);
	if (fd >= 0 && (fchmod(fd, 0555) || futimens(fd, canonical_times)))
		return err_sys(err, "cannot set the mode and time of '%s'", to_name);
	return 0;
}

int unpack_finish(int from_fd, const char *name, int to_fd, const char *to_name,
		  struct nf_err *err)
{
	return move(from_fd, name, to_fd, to_name, rename_new, err);
}

int unpack_replace(int from_fd, const char *name, int to_fd, const char *to_name,
		   struct nf_err *err)
{
	return move(from_fd, name, to_fd, to_name, rename_replace, err);
}
