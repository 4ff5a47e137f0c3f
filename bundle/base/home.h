/* The home directory of the user who runs the program. */
#ifndef HOME_H
#define HOME_H

#include <stdbool.h>

/* False if HOME belongs to another user, as it may after sudo: its files must not
 * configure us. A directory that does not exist has no owner. */
bool home_is_ours(const char *home);

/* Returns $HOME or, if root runs with the HOME of another user, root's own: files that
 * root creates in another user's home would obstruct that user. NULL if there is no
 * absolute one. free(). */
char *home_dir(void);

#endif
