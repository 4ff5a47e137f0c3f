/* Where verified NARs go: the pool, or straight into a target store, where each is
 * unpacked as it is decoded, and registered in batches. */
#ifndef DESTINATION_H
#define DESTINATION_H

#include <nixferry/key.h>
#include <nixferry/narinfo.h>
#include <nixferry/trust.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/codec.h"
#include "base/err.h"
#include "pool/pool.h"
#include "store/intake.h"

struct destination;

/* Both are borrowed. INTAKE NULL: the pool, where NARs are stored as LEVEL says.
 * Otherwise only partial downloads are in the pool. */
struct destination *destination_new(struct pool *pool, int level, struct intake *intake,
				    struct progress *progress);
/* What is done to a NAR there, of one and of all: "compress" and "compressing". */
const char *destination_verb(const struct destination *d);
const char *destination_phase(const struct destination *d);
void destination_free(struct destination *d);
DEFINE_CLEANUP(struct destination *, destination_free)

bool destination_is_store(const struct destination *d);
/* For people. */
const char *destination_name(const struct destination *d);
/* Where its files are. */
const char *destination_dir(const struct destination *d);

/* What is there already: NF_E_MISSING if it is not, NF_E_TRUST if it is and neither a key
 * nor its content address vouches for it. A store's facts are taken in any case, since
 * what is valid there stays as it is: T says who vouches. NI is initialised in any case,
 * T points into it. */
int destination_find(struct destination *d, const struct nf_storepath *path,
		     const struct nf_keyring *keys, struct nf_narinfo *ni,
		     struct nf_trusted *t, struct nf_err *err) MUST_CHECK;

/* NF_E_FORMAT if the path is valid there with another hash, and missing on the disk: what
 * comes of it has no place. */
int destination_check(struct destination *d, const char *base, const uint8_t *nar_hash,
		      struct nf_err *err) MUST_CHECK;
/* Valid paths that were found missing on the disk, and did not come. After
 * destination_finish. */
void destination_each_lost(struct destination *d, void (*fn)(void *ctx, const char *base),
			   void *ctx);

/* NF_E_NOSPACE if it is known that so many paths with NARs of so many bytes do not fit.
 */
int destination_check_space(const struct destination *d, uint64_t bytes, uint64_t paths,
			    struct nf_err *err) MUST_CHECK;

/* Decodes IN (taken over; encoded with CODEC), verifies it against T and keeps it.
 * MADE_HERE: nobody served it so, its encoding is not worth keeping. Any thread. */
int destination_put(struct destination *d, const struct nf_trusted *t, enum codec codec,
		    struct nf_source *in, bool made_here, struct nf_err *err) MUST_CHECK;
/* The same of a partial download that is whole when IN, which reads it, comes to its end.
 * On success it is gone from the caller's hands; on failure it is still open and the
 * caller decides. Any thread. */
int destination_put_partial(struct destination *d, const struct nf_trusted *t,
			    enum codec codec, struct pool_partial *pp,
			    struct nf_source *in, struct nf_err *err) MUST_CHECK;

/* Signatures that a path which is there already may lack, to be added at the end. */
void destination_offer_sigs(struct destination *d, const struct nf_pathinfo *info);

/* Removes downloads that killed runs left, of paths that are there by now. */
void destination_sweep(struct destination *d);

/* From time to time, with a monotonic time: registers what came, on another thread. Tells
 * of its failure; nothing that comes later is of use then. */
int destination_pump(struct destination *d, int64_t now_ms,
		     struct nf_err *err) MUST_CHECK;
/* All that was put is there, durably, when it returns, but what refers to a path that is
 * not; or the reason why it is not. */
int destination_finish(struct destination *d, struct nf_err *err) MUST_CHECK;
/* What one of those refers to; 0 if there is none. After destination_finish. */
int destination_why_waiting(struct destination *d, struct nf_err *err) MUST_CHECK;

#endif
