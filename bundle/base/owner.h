/* Checks whether existing files and directories can be relied on: only root, the user of
 * this process, and the owner of the directory that the user named, may be able to change
 * them. */
#ifndef OWNER_H
#define OWNER_H

#include <sys/stat.h>

#include "base/err.h"

enum owner_kind {
	OWNER_FILE,	  /* regular, with one hard link */
	OWNER_DATA,	  /* regular, only read: a backup may share it as a hard link */
	OWNER_DIR,	  /* others cannot create files in it */
	OWNER_STICKY_DIR, /* its group may create files in it, but not replace ours */
};

/* Checks that the object at PATH is of that kind and can be relied on; OWNER is the third
 * of its permitted owners. NF_E_SYS names PATH, the cause and the remedy. */
int owner_check(const struct stat *st, enum owner_kind kind, uid_t owner,
		const char *path, struct nf_err *err) MUST_CHECK;
int owner_check_fd(int fd, enum owner_kind kind, uid_t owner, const char *path,
		   struct nf_err *err) MUST_CHECK;

/* The same for a directory that will be written to. If it is empty, ours and has the
 * sticky bit, as the root of a newly mounted file system does, its permissions are first
 * restricted. */
int owner_close_fd(int fd, enum owner_kind kind, uid_t owner, const char *path,
		   struct nf_err *err) MUST_CHECK;
/* The same for a directory that is only read: an empty one holds nothing to rely on. */
int owner_check_to_read(int fd, enum owner_kind kind, uid_t owner, const char *path,
			struct nf_err *err) MUST_CHECK;

/* Opens a directory that the user named, following links. The caller closes *ret_fd;
 * *ret_owner is its owner. A directory of another user is refused (NF_E_SYS) if anyone
 * could have created it, as in /tmp. */
int owner_open_named(int *ret_fd, uid_t *ret_owner, const char *dir,
		     struct nf_err *err) MUST_CHECK;

#endif
