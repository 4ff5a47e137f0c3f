#include "pool/pool_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/file_open.h"
#include "base/interrupt.h"
#include "pool/pool_private.h"

/* Poll, because a signal may reach another thread; half an hour in all. */
#define LOCK_TRIES    180000
#define LOCK_PAUSE_US 10000

int pool_lock(struct pool *p, int operation, int *ret_fd, struct nf_err *err)
{
	/* flock belongs to the open file, so each holder opens its own. */
	AUTO_FD int fd = openat(p->root_fd, "nar",
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "cannot open '%s/nar'", p->dir);
	for (int i = 0; i < LOCK_TRIES; i++) {
		int rc;

		if (!file_lock(fd, operation)) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
		if (errno != EWOULDBLOCK)
			return err_sys(err, "cannot lock '%s/nar'", p->dir);
		rc = interrupt_check(err);
		if (rc)
			return rc;
		usleep(LOCK_PAUSE_US);
	}
	return err_set(err, NF_E_SYS, "'%s/nar' is locked by another process", p->dir);
}
