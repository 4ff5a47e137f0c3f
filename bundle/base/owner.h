/* Whether what is on the disk already may be relied on: nobody but root, the user of this
 * process, and whoever owns the directory that the user named, may be able to change it.
 */
#ifndef OWNER_H
#define OWNER_H

#include <sys/stat.h>

#include "base/err.h"

enum owner_kind {
	OWNER_FILE,	  /* regular, with one name */
	OWNER_DATA,	  /* regular, only read: a backup may share it as a hard link */
	OWNER_DIR,	  /* others can make nothing in it */
	OWNER_STICKY_DIR, /* its group may make files in it, and replace none of ours */
};

/* Whether the object at PATH is of that kind and may be relied on; OWNER is the third of
 * those who may own it. NF_E_SYS names PATH, the cause and the remedy. */
int owner_check(const struct stat *st, enum owner_kind kind, uid_t owner,
		const char *path, struct nf_err *err) MUST_CHECK;
int owner_check_fd(int fd, enum owner_kind kind, uid_t owner, const char *path,
		   struct nf_err *err) MUST_CHECK;

/* The same of a directory that is written to. An empty one with the sticky bit that is
 * ours, as the root of a file system that was just mounted, is first closed to others. */
int owner_close_fd(int fd, enum owner_kind kind, uid_t owner, const char *path,
		   struct nf_err *err) MUST_CHECK;
/* The same of a directory that is only read: such a one holds nothing to rely on. */
int owner_check_to_read(int fd, enum owner_kind kind, uid_t owner, const char *path,
			struct nf_err *err) MUST_CHECK;

/* Opens a directory that the user named, through a link if need be; *ret_fd is the
 * caller's, *ret_owner is who owns it. One that another user owns is refused (NF_E_SYS)
 * where anybody could have made it, as in /tmp. */
int owner_open_named(int *ret_fd, uid_t *ret_owner, const char *dir,
		     struct nf_err *err) MUST_CHECK;

#endif
