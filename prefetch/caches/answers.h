/* What caches answered earlier in this run, so that nothing is asked twice: kept from one
 * engine to the next. Pure. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "http/transfer_stats.h"

/* Bytes of all answers; of more nothing is kept. */
#define ANSWERS_BYTES_MAX (64 << 20)

struct answers;

/* Caches are told by their number, the same in all engines. */
struct answers *answers_new(size_t cache_count);
void answers_free(struct answers *a);
DEFINE_CLEANUP(struct answers *, answers_free)

/* The cache has FILE with that TEXT; TEXT.ptr NULL: it does not have it. */
void answers_add(struct answers *a, uint32_t cache, const char *file,
		 struct nf_slice text);

/* True if the cache has answered; *TEXT is valid as long as A. */
bool answers_find(const struct answers *a, uint32_t cache, const char *file,
		  struct nf_slice *text);

/* The cache is not to be asked any more: an NF_E_... and its words. */
void answers_leave_out(struct answers *a, uint32_t cache, int code, const char *why);
/* NULL: it is; else *CODE is set. */
const char *answers_left_out(const struct answers *a, uint32_t cache, int *code);

/* What its answers have cost so far. */
struct transfer_stats *answers_stats(struct answers *a, uint32_t cache);

#endif
