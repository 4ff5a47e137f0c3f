/* How parts, files and NARs end: what is right, who lied, and which cache is used
 * instead. */
#ifndef VERDICT_H
#define VERDICT_H

#include "fetch/part.h"

/* A part ended; it is gone after this, perhaps together with its file. */
void verdict_part_over(struct part *p, const struct part_outcome *o);

/* A worker or follower has finished the download_file that contains the job. */
void verdict_on_ingested(struct ingest *job);

#endif
