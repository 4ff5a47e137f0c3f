#include "pool/pack_output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/mem.h"
#include "base/slice.h"

enum output_kind {
	KIND_FILE, /* or does not exist yet */
	KIND_STREAM,
	KIND_DIRECTORY,
	KIND_OTHER,
};

/* The descriptor that the name stands for, or -1. A rename would replace the name
 * itself. */
static int descriptor_of(const char *output)
{
	struct nf_slice rest = nf_slice_str(output);
	uint64_t n;

	if (strcmp(output, "-") == 0 || strcmp(output, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(output, "/dev/stderr") == 0)
		return STDERR_FILENO;
	if (!slice_skip_prefix(&rest, "/dev/fd/") &&
	    !slice_skip_prefix(&rest, "/proc/self/fd/"))
		return -1;
	return slice_parse_u64(rest, &n) && n <= INT_MAX ? (int)n : -1;
}

bool pack_output_is_stdout(const char *output)
{
	return descriptor_of(output) == STDOUT_FILENO;
}

static enum output_kind kind_of_mode(mode_t mode)
{
	if (S_ISREG(mode))
		return KIND_FILE;
	if (S_ISFIFO(mode) || S_ISCHR(mode))
		return KIND_STREAM;
	return S_ISDIR(mode) ? KIND_DIRECTORY : KIND_OTHER;
}

static enum output_kind kind_of(const char *output)
{
	struct stat st;

	return stat(output, &st) < 0 ? KIND_FILE : kind_of_mode(st.st_mode);
}

bool pack_output_is_file(const char *output)
{
	return descriptor_of(output) < 0 && kind_of(output) == KIND_FILE;
}

/* ---- checks ---- */

static int check_terminal(int fd, struct nf_err *err)
{
	if (!isatty(fd))
		return 0;
	return err_set(err, NF_E_USAGE,
		       "%s is a terminal: redirect it, or give --output BUNDLE",
		       fd == STDOUT_FILENO ? "standard output" : "the output");
}

static int check_descriptor(int fd, const char *output, struct nf_err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return err_set(err, NF_E_USAGE, "output '%s' is not open for writing",
			       output);
	return check_terminal(fd, err);
}

static int check_directory(const char *output, bool read_only, struct nf_err *err)
{
	AUTO_FREE char *copy = mem_strdup(output);
	const char *dir = dirname(copy);
	struct stat st;

	if (stat(dir, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, NF_E_USAGE,
			       "output '%s': directory '%s' does not exist", output, dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, NF_E_USAGE, "output '%s': '%s' is not a directory",
			       output, dir);
	/* Ask, because some file systems refuse writes for everyone. */
	if (read_only && faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0 &&
	    errno != EROFS)
		return err_sys(err, "output '%s': cannot write to directory '%s'", output,
			       dir);
	return 0;
}

static int try_file(const char *output, struct nf_err *err)
{
	AUTO(atomic_file_discard) struct atomic_file file = ATOMIC_FILE_INIT;
	int rc = atomic_file_open(&file, AT_FDCWD, output, 0644, err);

	return rc ? err_prefix(err, rc, "output '%s'", output) : 0;
}

static int check_file(const char *output, bool read_only, struct nf_err *err)
{
	size_t len = strlen(output);
	int rc;

	if (len == 0 || output[len - 1] == '/')
		return err_set(err, NF_E_USAGE, "output '%s' does not name a file",
			       output);
	rc = check_directory(output, read_only, err);
	return rc || read_only ? rc : try_file(output, err);
}

int pack_output_check(const char *output, bool read_only, struct nf_err *err)
{
	if (descriptor_of(output) >= 0)
		return check_descriptor(descriptor_of(output), output, err);
	switch (kind_of(output)) {
	case KIND_FILE:
		return check_file(output, read_only, err);
	case KIND_STREAM:
		if (faccessat(AT_FDCWD, output, W_OK, AT_EACCESS) < 0)
			return err_sys(err, "output '%s'", output);
		return 0;
	case KIND_DIRECTORY:
		return err_set(err, NF_E_USAGE,
			       "output '%s' is a directory: name a file in it", output);
	case KIND_OTHER:
		break;
	}
	return err_set(err, NF_E_USAGE,
		       "output '%s' is neither a regular file nor a pipe", output);
}

/* ---- writing ---- */

struct output {
	int (*write)(void *ctx, int fd, const char *name, struct nf_err *err);
	void *ctx;
};

static int write_file(const struct output *o, const char *path, struct nf_err *err)
{
	AUTO(atomic_file_discard) struct atomic_file file = ATOMIC_FILE_INIT;
	int rc;

	rc = atomic_file_open(&file, AT_FDCWD, path, 0644, err);
	if (!rc)
		rc = o->write(o->ctx, file.fd, path, err);
	return rc ? rc : atomic_file_commit(&file, err);
}

/* Opening a FIFO waits for its reader. */
static int open_stream(int *ret, const char *path, struct nf_err *err)
{
	do {
		*ret = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
		if (*ret < 0 && errno == EINTR && interrupt_pending())
			return interrupt_check(err);
	} while (*ret < 0 && errno == EINTR);
	return *ret < 0 ? err_sys(err, "cannot open '%s'", path) : 0;
}

static int write_stream(const struct output *o, const char *path, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int rc;

	rc = open_stream(&fd, path, err);
	if (rc)
		return rc;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "output '%s'", path);
	/* It may have been replaced since the check. */
	if (kind_of_mode(st.st_mode) != KIND_STREAM)
		return err_set(err, NF_E_USAGE, "output '%s' is no longer a pipe", path);
	rc = check_terminal(fd, err);
	return rc ? rc : o->write(o->ctx, fd, path, err);
}

int pack_output_write(const char *output,
		      int (*write)(void *ctx, int fd, const char *name,
				   struct nf_err *err),
		      void *ctx, struct nf_err *err)
{
	const struct output o = { write, ctx };
	int fd = descriptor_of(output), rc;

	if (fd >= 0) {
		rc = check_descriptor(fd, output, err);
		return rc ? rc
			  : write(ctx, fd, fd == 1 ? "standard output" : output, err);
	}
	return pack_output_is_file(output) ? write_file(&o, output, err)
					   : write_stream(&o, output, err);
}
