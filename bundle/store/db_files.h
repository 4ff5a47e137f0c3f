/* The files of a store's database, looked at before SQLite opens them. */
#ifndef DB_FILES_H
#define DB_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/* The database's file below STATE_DIR, through no link: what SQLite is to open. free().
 */
char *db_files_writable(const char *state_dir);
/* Likewise of a store that is only read, whose database may be behind links. */
char *db_files_readable(const char *state_dir);

enum db_files_use {
	DB_FILES_READ,
	DB_FILES_WRITE,
	DB_FILES_CREATE, /* an empty one, which all may read, where it is missing */
};

/* Whether FILE and what SQLite keeps beside it are regular files, as far as they are
 * there, and, unless they are only read, whether others can change them (base/owner.h).
 * NF_E_SYS names the file. */
int db_files_check(const char *file, enum db_files_use use,
		   struct nf_err *err) MUST_CHECK;

/* True, with what tells it from any later state, if nobody has the database open: who
 * writes makes a log or journal first. Reading it then needs neither locks nor the files
 * that SQLite would make beside it, and leave there. */
bool db_files_at_rest(const char *file, struct stat *ret);
bool db_files_has_woken(const char *file, const struct stat *was);
/* Whether its log and its journal have nothing in them. */
bool db_files_log_is_empty(const char *file);
/* Whether there is none, or nothing in it yet. */
bool db_files_is_blank(const char *file);

#endif
