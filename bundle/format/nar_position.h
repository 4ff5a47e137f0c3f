/* Where a NAR reader and a writer are. */
#ifndef NAR_POSITION_H
#define NAR_POSITION_H

#include <nixferry/nar.h>

/* Offset in the NAR of what follows the last event: after NF_NAR_FILE, of the contents.
 */
uint64_t nar_reader_offset(const struct nf_nar_reader *r);

/* The contents of the open file are left out of what is written. */
void nar_writer_skip_data(struct nf_nar_writer *w);

#endif
