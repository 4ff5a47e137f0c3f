/* The names of all settings of any version of Nix, to detect misspelt ones. */
#ifndef NIX_SETTING_NAMES_H
#define NIX_SETTING_NAMES_H

#include <stdbool.h>

/* NAME is without "extra-". */
bool nix_setting_is_known(const char *name);

/* The known name most similar to it, or NULL if none is similar. */
const char *nix_setting_nearest(const char *name);

#endif
