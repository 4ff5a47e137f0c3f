/* Dumping a tree as a NAR, and looking at what is dumped. */
#ifndef NAR_DUMP_H
#define NAR_DUMP_H

#include <nixferry/nar.h>
#include <sys/stat.h>

/* PATH is the object's, relative to the directory fd, as ST has it before it is read. */
typedef void (*nar_dump_look_fn)(void *ctx, const char *path, const struct stat *st);

/* As nf_nar_dump_source; LOOK is called once for each object. */
struct nf_source *nar_dump_watched(int dir_fd, const char *path, nar_dump_look_fn look,
				   void *ctx);

#endif
