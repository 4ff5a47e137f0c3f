/* The destination of verified NARs: the pool, or a target store, where each is unpacked
 * while it is decoded, and registered in batches. */
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

/* Both are borrowed. If INTAKE is NULL, NARs are stored in the pool, encoded as LEVEL
 * says. Otherwise the pool only holds partial downloads. */
struct destination *destination_new(struct pool *pool, int level, struct intake *intake,
				    struct progress *progress);
/* The verb for storing one NAR, and for the phase: "compress" and "compressing". */
const char *destination_verb(const struct destination *d);
const char *destination_phase(const struct destination *d);
void destination_free(struct destination *d);
DEFINE_CLEANUP(struct destination *, destination_free)

bool destination_is_store(const struct destination *d);
/* Its name, for messages. */
const char *destination_name(const struct destination *d);
/* Where its files are. */
const char *destination_dir(const struct destination *d);

/* Looks for a path that is already present: NF_E_MISSING if it is not; NF_E_TRUST if it
 * is, but neither a key nor its content address vouches for it. A store's metadata is
 * accepted in any case, because what is valid there stays as it is: T says who vouches.
 * NI is always initialised; T points into it. */
int destination_find(struct destination *d, const struct nf_storepath *path,
		     const struct nf_keyring *keys, struct nf_narinfo *ni,
		     struct nf_trusted *t, struct nf_err *err) MUST_CHECK;

/* NF_E_FORMAT if the path is valid there with another hash, and missing on the disk: a
 * new NAR of it could not be stored. */
int destination_check(struct destination *d, const char *base, const uint8_t *nar_hash,
		      struct nf_err *err) MUST_CHECK;
/* Valid paths that were missing on the disk and have not been restored. After
 * destination_finish. */
void destination_each_lost(struct destination *d, void (*fn)(void *ctx, const char *base),
			   void *ctx);

/* NF_E_NOSPACE if this many paths, with NARs of this total size, certainly do not fit. */
int destination_check_space(const struct destination *d, uint64_t bytes, uint64_t paths,
			    struct nf_err *err) MUST_CHECK;

/* Decodes IN (taken over; encoded with CODEC), verifies it against T and stores it.
 * MADE_HERE: no cache served it in this encoding, which is not worth keeping. Any
 * thread. */
int destination_put(struct destination *d, const struct nf_trusted *t, enum codec codec,
		    struct nf_source *in, bool made_here, struct nf_err *err) MUST_CHECK;
/* The same for a partial download, which is complete when IN, which reads it, ends. On
 * success the caller no longer has it; on failure it is still open, and the caller
 * decides what to do with it. Any thread. */
int destination_put_partial(struct destination *d, const struct nf_trusted *t,
			    enum codec codec, struct pool_partial *pp,
			    struct nf_source *in, struct nf_err *err) MUST_CHECK;

/* Signatures that a present path may lack; added at the end. */
void destination_offer_sigs(struct destination *d, const struct nf_pathinfo *info);

/* From now on Nix's garbage collector may run beside us (store/intake.h). */
void destination_allow_gc(struct destination *d);

/* Removes downloads that killed runs left, if their paths are now present. */
void destination_sweep(struct destination *d);

/* Call it from time to time, with a monotonic time: registers what has been stored, on
 * another thread. Reports its failure; storing more is pointless then. */
int destination_pump(struct destination *d, int64_t now_ms,
		     struct nf_err *err) MUST_CHECK;
/* When it returns, everything that was stored is there durably, except paths with a
 * missing reference; or it returns the reason for the failure. */
int destination_finish(struct destination *d, struct nf_err *err) MUST_CHECK;
/* The missing reference of one of those; 0 if there is none. After destination_finish. */
int destination_why_waiting(struct destination *d, struct nf_err *err) MUST_CHECK;

#endif
