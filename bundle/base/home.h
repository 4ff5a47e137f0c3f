/* The home directory of who runs. */
#ifndef HOME_H
#define HOME_H

#include <stdbool.h>

/* False if HOME belongs to somebody else, as sudo may leave it: its files do not speak
 * for us. One that does not exist belongs to nobody. */
bool home_is_ours(const char *home);

/* $HOME; for root, where that is somebody else's, root's own: files that root makes in
 * another's home would be in the way of their owner. NULL if there is none that is
 * absolute. free(). */
char *home_dir(void);

#endif
