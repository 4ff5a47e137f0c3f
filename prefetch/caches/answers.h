/* What caches answered earlier in this run, so that nothing is requested twice; passed
 * from one engine to the next. Pure. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "http/transfer_stats.h"

/* Maximum size of all answers; further ones are not kept. */
#define ANSWERS_BYTES_MAX (64 << 20)

struct answers;

/* Caches are identified by their number, which is the same in all engines. */
struct answers *answers_new(size_t cache_count);
void answers_free(struct answers *a);
DEFINE_CLEANUP(struct answers *, answers_free)

/* Records that the cache has FILE with that TEXT, or does not have it (TEXT.ptr NULL). */
void answers_add(struct answers *a, uint32_t cache, const char *file,
		 struct nf_slice text);

/* True if the cache has answered; *TEXT is valid as long as A. */
bool answers_find(const struct answers *a, uint32_t cache, const char *file,
		  struct nf_slice *text);

/* Records that the cache is no longer used: an NF_E_... and its text. */
void answers_leave_out(struct answers *a, uint32_t cache, int code, const char *why);
/* NULL if it is still used; else *CODE is set. */
const char *answers_left_out(const struct answers *a, uint32_t cache, int *code);

/* The requests and bytes that its answers took so far. */
struct transfer_stats *answers_stats(struct answers *a, uint32_t cache);

#endif
