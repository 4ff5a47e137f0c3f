/* The entity behind a URL of the test cache: a file's bytes, possibly with faults. */
#ifndef ENTITY_H
#define ENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "fault.h"

struct entity {
	int fd;	       /* the file, or -1 */
	char *bytes;   /* the whole content if it is not from fd, or NULL */
	uint64_t size; /* of the content, including faults */
	uint64_t file_size;
	time_t mtime;
	char etag[64]; /* with quotes; empty if there is none */
	bool garbage;
	uint64_t flip;
};

/* Opens PATH ("/nar/x") below ROOT_FD, following no link and no "..", and applies FX to
 * the content. False if there is no such file. */
bool entity_open(struct entity *e, int root_fd, const char *path,
		 const struct fault_effects *fx);
void entity_release(struct entity *e);

/* True if the bytes are unchanged, so that the kernel can send them. */
bool entity_is_plain(const struct entity *e);

/* Reads up to LEN bytes at OFFSET (below size); -1 on failure. */
ssize_t entity_read(const struct entity *e, uint64_t offset, char *out, size_t len);

#endif
