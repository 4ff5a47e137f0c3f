/* The files in a NAR: where their contents are, and what they are like. */
#ifndef NAR_FILES_H
#define NAR_FILES_H

#include <nixferry/stream.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct nar_file {
	uint64_t offset; /* of its contents in the NAR */
	uint64_t size;
	uint64_t gap;  /* offset of what precedes them: the end of the file before */
	uint64_t path; /* hashes */
	uint64_t name;
	uint64_t content;
	uint32_t nar; /* which NAR it is in */
	bool is_last; /* of its NAR */
};

/* Files that are not empty, of one or several NARs. */
struct nar_files {
	struct nar_file *list; /* in the order of the NARs */
	size_t count, cap;
	uint32_t nars;
	/* After nar_files_sort: the same files in other orders. */
	const struct nar_file **by_path, **by_content, **by_name;
};

/* Reads a NAR to its end and appends its files. *RET_SIZE is the size of the NAR. */
int nar_files_read(struct nar_files *f, struct nf_source *nar, uint64_t *ret_size,
		   struct nf_err *err) MUST_CHECK;
void nar_files_release(struct nar_files *f);

void nar_files_sort(struct nar_files *f);
/* The file that is most like FILE: with the same path, else the same content, else the
 * same name and the nearest size. NULL if there is none. */
const struct nar_file *nar_files_find(const struct nar_files *f,
				      const struct nar_file *file);

/* Where the contents of a file and their padding end. */
static inline uint64_t nar_file_end(const struct nar_file *f)
{
	return f->offset + ((f->size + 7) & ~7ULL);
}

#endif
