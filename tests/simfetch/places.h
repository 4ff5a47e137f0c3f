/* The caches of a bulk world that are on this machine: directories, and a store. */
#ifndef PLACES_H
#define PLACES_H

#include "fetch_world.h"

/* Creates in DIR what each of them serves; DIR/cNUMBER is its directory, or root. */
void places_make(const struct fetch_world *w, const char *dir);

#endif
