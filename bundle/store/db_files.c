#include "store/db_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file_open.h"
#include "base/mem.h"
#include "base/owner.h"

#define DB_NAME "db/db.sqlite"

char *db_files_writable(const char *state_dir)
{
	AUTO_FREE char *real = realpath(state_dir, NULL);

	return mem_printf("%s/" DB_NAME, real ? real : state_dir);
}

char *db_files_readable(const char *state_dir)
{
	AUTO_FREE char *file = mem_printf("%s/" DB_NAME, state_dir);
	char *real = realpath(file, NULL);

	return real ? real : TAKE_PTR(file);
}

/* The owner of the directory may also own the files. */
static uid_t owner_of_directory(const char *file)
{
	AUTO_FREE char *dir = mem_strndup(file, (size_t)(strrchr(file, '/') - file));
	struct stat st;

	return stat(dir, &st) ? geteuid() : st.st_uid;
}

static int check_file(const char *file, const char *suffix, enum db_files_use use,
		      struct nf_err *err)
{
	AUTO_FREE char *name = mem_printf("%s%s", file, suffix);
	struct stat st;

	if (lstat(name, &st))
		return errno == ENOENT ? 0 : err_sys(err, "cannot stat '%s'", name);
	if (use != DB_FILES_READ)
		return owner_check(&st, OWNER_FILE, owner_of_directory(file), name, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, NF_E_SYS, "'%s' is %s, not a regular file", name,
			       file_open_type(st.st_mode));
	return 0;
}

static int make_empty(const char *file, struct nf_err *err)
{
	AUTO_FD int fd =
		open(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0 && errno == EEXIST)
		return 0;
	/* SQLite creates its other files with the mode of this one. */
	if (fd < 0 || fchmod(fd, 0644))
		return err_sys(err, "cannot create the database '%s'", file);
	return 0;
}

int db_files_check(const char *file, enum db_files_use use, struct nf_err *err)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
	int rc = use == DB_FILES_CREATE ? make_empty(file, err) : 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(suffixes); i++)
		rc = check_file(file, suffixes[i], use, err);
	return rc;
}

static bool is_empty_or_missing(const char *file)
{
	struct stat st;

	return stat(file, &st) ? errno == ENOENT : st.st_size == 0;
}

bool db_files_at_rest(const char *file, struct stat *ret)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", file);
	AUTO_FREE char *journal = mem_printf("%s-journal", file);

	return access(wal, F_OK) && errno == ENOENT && is_empty_or_missing(journal) &&
	       stat(file, ret) == 0;
}

bool db_files_has_woken(const char *file, const struct stat *was)
{
	struct stat now;

	return !db_files_at_rest(file, &now) || now.st_dev != was->st_dev ||
	       now.st_ino != was->st_ino || now.st_size != was->st_size ||
	       now.st_mtim.tv_sec != was->st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != was->st_mtim.tv_nsec;
}

bool db_files_log_is_empty(const char *file)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", file);
	AUTO_FREE char *journal = mem_printf("%s-journal", file);

	return is_empty_or_missing(wal) && is_empty_or_missing(journal);
}

bool db_files_is_blank(const char *file)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", file);

	return is_empty_or_missing(file) && is_empty_or_missing(wal);
}
