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

/* A regular file of an outline: its contents are SIZE bytes at OFFSET of the NAR without
 * any contents. PATH is relative to the directory fd. */
typedef void (*nar_dump_file_fn)(void *ctx, const char *path, uint64_t offset,
				 uint64_t size);

/* As nf_nar_dump_source, but without the contents of the files, which are not opened. FN
 * is called for each file that is not empty, in the order of the NAR. */
struct nf_source *nar_dump_outline(int dir_fd, const char *path, nar_dump_file_fn fn,
				   void *ctx);

#endif
