#include "base/free_space.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Root may use the reserved space. */
static struct free_space from_stat(const struct stat *st, const struct statvfs *fs)
{
	bool root = geteuid() == 0;

	return (struct free_space){
		.dev = st->st_dev,
		.bytes = (uint64_t)(root ? fs->f_bfree : fs->f_bavail) * fs->f_frsize,
		/* File systems that allocate inodes on demand report none at all. */
		.inodes = fs->f_files ? (root ? fs->f_ffree : fs->f_favail) : UINT64_MAX,
	};
}

static int space_error(const char *path, struct nf_err *err)
{
	return err_sys(err, "cannot determine the free space of '%s'", path);
}

int free_space_of_path(struct free_space *ret, const char *path, struct nf_err *err)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) || statvfs(path, &fs))
		return space_error(path, err);
	*ret = from_stat(&st, &fs);
	return 0;
}

int free_space_of_fd(struct free_space *ret, int fd, const char *path, struct nf_err *err)
{
	struct statvfs fs;
	struct stat st;

	if (fstat(fd, &st) || fstatvfs(fd, &fs))
		return space_error(path, err);
	*ret = from_stat(&st, &fs);
	return 0;
}
