#include "store/unpack_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "store/canonical.h"

/* Files of at least this size bypass the page cache, written in blocks of it. Each write
 * waits for the disk, so a block is large enough to make the disk's latency
 * negligible. */
#define BLOCK_BYTES MIB
/* Alignment that every disk and file system accepts. */
#define BLOCK_ALIGN (4 * KIB)

/* Other files are sent to the disk in portions of this size, to shorten the wait for all
 * of them at the end. Smaller files are left to the kernel. */
#define WRITEBACK_BYTES (4 * MIB)
#define WRITEBACK_LEAST (64 * KIB)

static int fail_file(const struct unpack_file *f, const char *what, struct nf_err *err)
{
	return err_sys(err, "cannot %s '%s'", what, f->name);
}

/* Not every file system supports it; the file is then written like any other. */
static void begin_direct(struct unpack_file *f)
{
	if (!f->block)
		f->block = mem_aligned(BLOCK_ALIGN, BLOCK_BYTES);
	f->is_direct = !fcntl(f->fd, F_SETFL, O_DIRECT);
}

static void end_direct(struct unpack_file *f)
{
	f->is_direct = false;
	(void)!fcntl(f->fd, F_SETFL, 0);
}

int unpack_file_open(struct unpack_file *f, int dir_fd, const char *name, mode_t mode,
		     mode_t umask, uint64_t size, struct nf_err *err)
{
	f->name = name;
	f->fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       mode);
	if (f->fd < 0)
		return fail_file(f, "create", err);
	f->unsent = 0;
	f->block_len = 0;
	f->is_direct = false;
	if (size >= BLOCK_BYTES)
		begin_direct(f);
	if ((mode & umask) && fchmod(f->fd, mode))
		return fail_file(f, "change the mode of", err);
	return 0;
}

/* Only a hint: errors show when everything is made durable. */
static void send_to_disk(struct unpack_file *f)
{
	sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	f->unsent = 0;
}

static int write_cached(struct unpack_file *f, struct nf_slice data, struct nf_err *err)
{
	int rc = file_write_all(f->fd, data.ptr, data.len, f->name, err);

	f->unsent += data.len;
	if (f->unsent >= WRITEBACK_BYTES)
		send_to_disk(f);
	return rc;
}

/* What is refused, or is not a whole number of disk blocks, is written the usual way, as
 * is everything after it. Errors show there. */
static int write_block(struct unpack_file *f, struct nf_err *err)
{
	struct nf_slice rest = { f->block, f->block_len };
	size_t whole = rest.len - rest.len % BLOCK_ALIGN;
	ssize_t n = whole ? write(f->fd, rest.ptr, whole) : 0;

	f->block_len = 0;
	if (n > 0) {
		rest.ptr += n;
		rest.len -= (size_t)n;
	}
	if (!rest.len)
		return 0;
	end_direct(f);
	return write_cached(f, rest, err);
}

int unpack_file_write(struct unpack_file *f, struct nf_slice data, struct nf_err *err)
{
	int rc = 0;

	while (!rc && f->is_direct && data.len) {
		size_t room = BLOCK_BYTES - f->block_len;
		size_t n = data.len < room ? data.len : room;

		memcpy(f->block + f->block_len, data.ptr, n);
		f->block_len += n;
		data.ptr += n;
		data.len -= n;
		if (f->block_len == BLOCK_BYTES)
			rc = write_block(f, err);
	}
	return rc || !data.len ? rc : write_cached(f, data, err);
}

int unpack_file_finish(struct unpack_file *f, struct nf_err *err)
{
	int fd, rc = f->block_len ? write_block(f, err) : 0;

	if (rc)
		return rc;
	if (f->unsent >= WRITEBACK_LEAST)
		send_to_disk(f);
	if (futimens(f->fd, canonical_times))
		return fail_file(f, "set the time of", err);
	fd = TAKE_FD(f->fd);
	if (close(fd))
		return fail_file(f, "write", err);
	return 0;
}

void unpack_file_release(struct unpack_file *f)
{
	cleanup_fd(&f->fd);
	free(TAKE_PTR(f->block));
}
