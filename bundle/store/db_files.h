/* The files of a store's database, checked before SQLite opens them. */
#ifndef DB_FILES_H
#define DB_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/* Returns the path of the database file below STATE_DIR, for SQLite to open, without
 * following a link. free() it. */
char *db_files_writable(const char *state_dir);
/* The same for a store that is only read: its database may be reached through links. */
char *db_files_readable(const char *state_dir);

enum db_files_use {
	DB_FILES_READ,
	DB_FILES_WRITE,
	DB_FILES_CREATE, /* creates an empty file, which everyone may read, if it is
			    missing */
};

/* Checks that FILE and SQLite's files next to it are regular files, if they exist, and,
 * when opened for writing, that nobody else can change them (base/owner.h). NF_E_SYS
 * names the file. */
int db_files_check(const char *file, enum db_files_use use,
		   struct nf_err *err) MUST_CHECK;

/* Returns true if nobody has the database open (a writer would first create a log or
 * journal), and stores what distinguishes this state from any later one. Such a database
 * can be read without locks and without the files that SQLite would create next to it and
 * leave there. */
bool db_files_at_rest(const char *file, struct stat *ret);
bool db_files_has_woken(const char *file, const struct stat *was);
/* Whether its log and its journal are empty. */
bool db_files_log_is_empty(const char *file);
/* Whether the file is missing or empty. */
bool db_files_is_blank(const char *file);

#endif
