#include "base/sandbox_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

/* What later kernels know and Debian's headers do not: Linux 6.2, 6.7, 6.10 and 6.12. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL		    (1ULL << 1)
#endif

/* Before version 2 nothing could be renamed into another directory. */
#define VERSION_RENAME	   2
#define VERSION_TRUNCATE   3
#define VERSION_NETWORK	   4
#define VERSION_IOCTL	   5
#define VERSION_SCOPE	   6
#define FILE_RIGHTS_LISTED LANDLOCK_ACCESS_FS_READ_DIR
#define FILE_RIGHTS_READ   (FILE_RIGHTS_LISTED | LANDLOCK_ACCESS_FS_READ_FILE)
#define FILE_RIGHTS_REPLACE                                                              \
	(FILE_RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
	 LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_MAKE_REG |                     \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define FILE_RIGHTS_WRITE                                                                \
	(FILE_RIGHTS_REPLACE | LANDLOCK_ACCESS_FS_MAKE_DIR |                             \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REMOVE_DIR |                   \
	 LANDLOCK_ACCESS_FS_REFER)
/* Of a regular file, a FIFO or a device; the others are those of directories. */
#define FILE_RIGHTS_OF_FILES                                                             \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                  \
	 LANDLOCK_ACCESS_FS_TRUNCATE)

/* struct landlock_ruleset_attr of version 6. An older kernel takes it too if what it does
 * not know is 0. */
struct rules {
	uint64_t files;
	uint64_t network;
	uint64_t scopes;
};

static int version(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			    LANDLOCK_CREATE_RULESET_VERSION);
}

/* All rights that this kernel can deny: none of them is granted but by a rule. */
static uint64_t known_rights(int v)
{
	uint64_t all = (LANDLOCK_ACCESS_FS_REFER << 1) - 1;

	if (v >= VERSION_TRUNCATE)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (v >= VERSION_IOCTL)
		all |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return all;
}

int sandbox_files_new(void)
{
	int v = version();
	struct rules rules = { .files = known_rights(v) };

	if (v < VERSION_RENAME)
		return -1;
	if (v >= VERSION_NETWORK)
		rules.network = LANDLOCK_ACCESS_NET_BIND_TCP;
	if (v >= VERSION_SCOPE)
		rules.scopes =
			LANDLOCK_SCOPE_SIGNAL | LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET;
	return (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
}

static uint64_t rights_of(enum sandbox_use use)
{
	switch (use) {
	case SANDBOX_LIST:
		return FILE_RIGHTS_LISTED;
	case SANDBOX_READ:
		return FILE_RIGHTS_READ;
	case SANDBOX_REPLACE:
		return FILE_RIGHTS_REPLACE;
	case SANDBOX_WRITE:
		break;
	}
	return FILE_RIGHTS_WRITE;
}

static bool is_lookup_failure(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES || error == EPERM ||
	       error == ELOOP || error == ENAMETOOLONG;
}

bool sandbox_files_grant(int rules_fd, const char *path, enum sandbox_use use)
{
	AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = rights_of(use) & known_rights(version()),
		.parent_fd = fd,
	};
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return is_lookup_failure(errno);
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FILE_RIGHTS_OF_FILES;
	/* What fails here is denied later, where that has an error message. */
	if (rule.allowed_access)
		(void)!syscall(SYS_landlock_add_rule, rules_fd,
			       LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	return true;
}

bool sandbox_files_enter(int rules_fd)
{
	return syscall(SYS_landlock_restrict_self, rules_fd, 0) == 0;
}
