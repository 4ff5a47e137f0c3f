/* A file is read from its beginning while it still comes. One thread tells how much of it
 * is there, another reads. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <nixferry/stream.h>
#include <stdint.h>

struct follow;

/* FD is borrowed until the source is closed. */
struct follow *follow_new(int fd);
/* After the source is closed. */
void follow_free(struct follow *f);

/* The first END bytes are there and stay as they are; it only grows. */
void follow_advance(struct follow *f, uint64_t end);
/* All is there, to the end of the file. */
void follow_whole(struct follow *f);
/* The rest will not come: the next read, or the one that waits, fails with NF_E_NET. */
void follow_break(struct follow *f);

/* Its bytes, waited for where they are not there yet; one, for the other thread. It ends
 * only if follow_whole was told. */
struct nf_source *follow_source(struct follow *f);

#endif
