/* Reads the entries of an open directory:
 *
 *	dir_entries_begin(&d, fd);
 *	while (!rc && (entry = dir_entries_next(&d)))
 *		rc = ...
 *	if (!dir_entries_end(&d) && !rc)
 *		rc = err_sys(err, "cannot read '%s'", ...);
 */
#ifndef DIR_ENTRIES_H
#define DIR_ENTRIES_H

#include <dirent.h>
#include <stdbool.h>

struct dir_entries {
	DIR *dir;
	int error; /* errno of the first failure */
};

/* FD (borrowed) keeps its own read position. A failure to open is reported at the end. */
void dir_entries_begin(struct dir_entries *d, int fd);
/* The next entry other than "." and "..", valid until the next call; NULL at the end or
 * after a failure. The caller may remove the entry. */
const struct dirent *dir_entries_next(struct dir_entries *d);
/* Must follow in any case. False, with errno, if the directory could not be read. */
bool dir_entries_end(struct dir_entries *d);

#endif
