/* Shared by the files of this room: the state of one fetch. Only one thread changes it;
 * workers only see their own job. */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "caches/health.h"
#include "caches/history.h"
#include "caches/local_cache.h"
#include "caches/patience.h"
#include "dispatch/dispatch.h"
#include "fetch/destination.h"
#include "fetch/fetch.h"
#include "fetch/ingest.h"
#include "fetch/rest.h"
#include "fetch/transport.h"
#include "plan/resolver.h"

#define FETCH_FIRSTS_MAX 2

enum cache_state {
	CACHE_NEW, /* its nix-cache-info has not arrived yet */
	CACHE_READY,
	CACHE_REFUSED, /* for another store directory, or not a cache: never queried */
};

/* A cache as the engine sees it. All except substituters are on this machine and are
 * queried first: for what they have, no other cache is queried. */
enum cache_role {
	CACHE_SUBSTITUTER,
	CACHE_POOL, /* its location */
	CACHE_STORE,
};

struct cache {
	struct engine *engine;
	uint32_t index;
	const struct substituter *conf;
	enum cache_state state;
	int priority;
	struct local_cache *local; /* NULL: over the network */
	enum cache_role role;
	struct health health;
	char *refused; /* reason */
	int refused_code;
	enum cause refused_cause;
	uint32_t cursor;	      /* nodes below it were queried */
	size_t again_cursor;	      /* of those to be queried again */
	unsigned lookups;	      /* narinfos in progress */
	unsigned held;		      /* those answered before its nix-cache-info */
	unsigned asking;	      /* those with a transfer */
	int first_timeout_ms;	      /* for its first answer; 0: none */
	struct history_entry learned; /* in this run */
	unsigned transferring;	      /* NARs in transfer from the network */
	int64_t busy_since;	      /* while there are any */
	int64_t busy_ms;	      /* before that */
	/* From the history; 0: unknown. */
	uint32_t known_latency_us;
	uint64_t known_throughput;
	int told_priority; /* its number in the dispatcher */
	int shown;	   /* its number in the progress; -1: not shown */
	size_t left_out;   /* number of dropped texts in its answers */
	struct fetch_cache_stats *stats;
};

/* What this machine has: the local caches, and what they said. */
struct engine_here {
	struct cache *caches; /* in query order */
	size_t count;
	struct substituter confs[FETCH_FIRSTS_MAX];
	uint32_t cursor; /* nodes below it were looked for on this machine */
	/* Nodes that the pool has without a trusted signature; ascending. */
	uint32_t *doubted;
	size_t doubted_len, doubted_cap;
	/* Nodes that the target store has without a trusted signature; ascending. */
	uint32_t *unsigned_nodes;
	size_t unsigned_len, unsigned_cap;
	/* Nodes whose NAR the store could not supply: caches are queried after all. */
	uint32_t *again;
	size_t again_len, again_cap;
	size_t dropped_texts; /* number of texts in the target's database that Nix cannot
				 read */
	uint64_t bytes;	      /* size of files that are already in the pool */
};

struct engine_lookups {
	LIST_HEAD(, lookup) started; /* and not answered */
	unsigned early_max;	     /* number for a cache that has not answered yet */
	size_t delayed;		     /* those waiting for a retry */
	/* Called in each turn, to request more nodes; NULL: references are followed. */
	int (*ask)(void *ctx, struct nf_err *err);
	void *ask_ctx;
};

/* Queries that follow from verdicts; the oldest first. */
struct engine_questions {
	struct ask_again *items;
	size_t count, cap;
};

struct engine_downloads {
	LIST_HEAD(, wanted_nar) active;
	size_t count;	     /* NARs with bytes present or in progress */
	struct part **parts; /* by the dispatcher's numbers; NULL: unused */
	size_t part_count, part_cap;
	size_t open_files;   /* number of partial downloads */
	size_t unverified;   /* complete ones, with the workers */
	int64_t due;	     /* when the dispatcher wants to be called again */
	size_t transferring; /* parts in progress over the network */
};

struct engine {
	const struct fetch_options *opts;
	struct fetch_result *result;
	struct transport transport;
	struct transfers *transfers; /* NULL with another transport */
	size_t connections;	     /* maximum */
	struct resolver *resolver;
	struct dispatch *dispatch;
	struct destination *destination;
	struct ingests *ingests;
	struct cache *caches; /* the substituters, then those that are queried first */
	size_t cache_count;
	struct engine_here here;
	/* Known total size of what the target store will receive. */
	uint64_t wanted_paths, wanted_bytes;
	struct rest rest; /* of the bytes counted as downloaded */
	struct engine_lookups lookups;
	struct engine_questions questions;
	struct engine_downloads downloads;
	bool stopping;	       /* nothing new is started */
	atomic_bool is_broken; /* this machine failed: workers skip their queue */
	int rc;		       /* the most severe failure */
	struct nf_err err;
	uint32_t random;
	struct patience patience;
	int64_t began_at;
	bool sizes_checked;
};

int64_t engine_now_ms(const struct engine *e);
uint32_t engine_random(struct engine *e);

/* Records a failure for a path (or for the run, if PATH is NULL); the most severe is
 * kept. */
void engine_fail(struct engine *e, const char *path, int code, const char *text);

/* WHERE (a directory) cannot be written, or the machine lacks some resource: ends the
 * run. Many parts and workers meet the same failure; the first is reported. */
void engine_broken(struct engine *e, const char *where, int code, const char *text);

/* Whether a failure is the cache's fault, not this machine's. */
bool engine_is_caches_fault(int rc);

#endif
