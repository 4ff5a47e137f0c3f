#include "pool/pool_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/interrupt.h"
#include "pool/pool_private.h"

int pool_lock(struct pool *p, int operation, int *ret_fd, struct nf_err *err)
{
	/* A lock belongs to the open file: each holder needs one of its own. */
	AUTO_FD int fd = openat(p->root_fd, "nar",
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "%s/nar", p->dir);
	while (flock(fd, operation)) {
		int rc;

		if (errno != EINTR)
			return err_sys(err, "lock %s/nar", p->dir);
		rc = interrupt_check(err);
		if (rc)
			return rc;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}
