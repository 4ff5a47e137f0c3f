/* Reads a file from its beginning while it is still arriving. One thread reports how much
 * of it is present; another reads. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <nixferry/stream.h>
#include <stdint.h>

struct follow;

/* FD is borrowed until the source is closed. */
struct follow *follow_new(int fd);
/* Call it after closing the source. */
void follow_free(struct follow *f);

/* The first END bytes are present and will not change; END only grows. */
void follow_advance(struct follow *f, uint64_t end);
/* The file is complete. */
void follow_whole(struct follow *f);
/* The rest will not arrive: the next or waiting read fails with NF_E_NET. */
void follow_break(struct follow *f);

/* Its bytes, for the other thread; waits for those that are missing. It ends only after
 * follow_whole. */
struct nf_source *follow_source(struct follow *f);

#endif
