#include "base/dir_entries.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void dir_entries_begin(struct dir_entries *d, int fd)
{
	/* A new open file has its own read position. */
	int own_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	d->dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	d->error = d->dir ? 0 : errno;
	if (!d->dir && own_fd >= 0)
		close(own_fd);
}

const struct dirent *dir_entries_next(struct dir_entries *d)
{
	const struct dirent *entry;

	if (d->error)
		return NULL;
	while (errno = 0, entry = readdir(d->dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return entry;
	d->error = errno;
	return NULL;
}

bool dir_entries_end(struct dir_entries *d)
{
	if (d->dir)
		closedir(d->dir);
	errno = d->error;
	return !d->error;
}
