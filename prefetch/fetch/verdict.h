/* How parts, files and NARs end: what is right, who lied, who is asked instead. */
#ifndef VERDICT_H
#define VERDICT_H

#include "fetch/part.h"

/* A part ended; it is gone after this, perhaps with its file and all. */
void verdict_part_over(struct part *p, const struct part_outcome *o);

/* A worker or a follower is done with the download_file that the job is part of. */
void verdict_on_ingested(struct ingest *job);

#endif
