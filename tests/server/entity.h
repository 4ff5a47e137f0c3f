/* What a URL of the test cache stands for: a file's bytes, perhaps made wrong. */
#ifndef ENTITY_H
#define ENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "fault.h"

struct entity {
	int fd;	       /* the file, or -1 */
	char *bytes;   /* the whole content where it does not come from fd, or NULL */
	uint64_t size; /* of the content, faults included */
	uint64_t file_size;
	time_t mtime;
	char etag[64]; /* with quotes; empty: none */
	bool garbage;
	uint64_t flip;
};

/* Opens PATH ("/nar/x") below ROOT_FD, following no link and no "..", and applies what FX
 * says of the content. False: there is no such file. */
bool entity_open(struct entity *e, int root_fd, const char *path,
		 const struct fault_effects *fx);
void entity_release(struct entity *e);

/* True if the bytes are the file's own, so that the kernel can send them. */
bool entity_is_plain(const struct entity *e);

/* Up to LEN bytes at OFFSET (below size); -1 on a failure. */
ssize_t entity_read(const struct entity *e, uint64_t offset, char *out, size_t len);

#endif
