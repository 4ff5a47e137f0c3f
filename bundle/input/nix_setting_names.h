/* The names of all settings that some Nix knows, so that a misspelt one is noticed. */
#ifndef NIX_SETTING_NAMES_H
#define NIX_SETTING_NAMES_H

#include <stdbool.h>

/* NAME is without "extra-". */
bool nix_setting_is_known(const char *name);

/* The known name that is most like it, or NULL if none is. */
const char *nix_setting_nearest(const char *name);

#endif
