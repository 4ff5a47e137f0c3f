/* What the files of this room share: the state of one fetch. All of it is changed on one
 * thread; workers only see the job that they are given. */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "caches/health.h"
#include "caches/history.h"
#include "caches/local_source.h"
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
	CACHE_NEW, /* nix-cache-info is not here yet */
	CACHE_READY,
	CACHE_REFUSED, /* another store directory, not a cache: never asked */
};

/* What a cache is to us. All but substituters are on this machine and are asked before
 * these: what they have, nobody else is asked for. */
enum cache_role {
	CACHE_SUBSTITUTER,
	CACHE_POOL, /* where it is a source */
	CACHE_STORE,
};

struct cache {
	struct engine *engine;
	uint32_t index;
	const struct substituter *conf;
	enum cache_state state;
	int priority;
	struct local_source *local; /* NULL: it is asked over the network */
	enum cache_role role;
	struct health health;
	char *refused; /* why */
	int refused_code;
	enum cause refused_cause;
	uint32_t cursor;	      /* nodes below it were asked for */
	size_t again_cursor;	      /* of those that are asked for again */
	unsigned lookups;	      /* narinfos under way */
	unsigned held;		      /* of these, answered before its nix-cache-info */
	unsigned asking;	      /* of these, with a transfer */
	int first_timeout_ms;	      /* for its first answer; 0: none */
	struct history_entry learned; /* in this run */
	unsigned transferring;	      /* NARs that come over the network now */
	int64_t busy_since;	      /* while there are any */
	int64_t busy_ms;	      /* before that */
	/* From earlier runs; 0: not known. */
	uint32_t known_latency_us;
	uint64_t known_throughput;
	int told_priority; /* to the dispatcher */
	size_t left_out;   /* texts of its answers that are not passed on */
	struct fetch_cache_stats *stats;
};

struct engine {
	const struct fetch_options *opts;
	struct fetch_result *result;
	struct transport transport;
	struct transfers *transfers; /* NULL: another transport */
	size_t connections;	     /* at most */
	struct resolver *resolver;
	struct dispatch *dispatch;
	struct destination *destination;
	struct ingests *ingests;
	struct cache *caches; /* the substituters, then those that are asked first */
	size_t cache_count;
	struct cache *locals; /* in the order in which they are asked */
	size_t local_count;
	struct substituter local_confs[FETCH_FIRSTS_MAX];
	uint32_t here_cursor; /* nodes below it were looked for on this machine */
	/* Nodes that the pool has, but nobody trusted vouches for there; ascending. */
	uint32_t *doubted;
	size_t doubted_len, doubted_cap;
	/* Nodes that are in the target store without a trusted signature; ascending. */
	uint32_t *unsigned_here;
	size_t unsigned_len, unsigned_cap;
	size_t left_out_here; /* texts in the target's database that Nix cannot read */
	/* What is to come into the target store, as far as it is known. */
	uint64_t wanted_paths, wanted_bytes;
	struct rest rest; /* of what counts as downloaded */
	/* Nodes whose NAR the store could not give: caches are asked after all. */
	uint32_t *again;
	size_t again_len, again_cap;
	/* Questions that verdicts left; the oldest first. */
	struct ask_again *questions;
	size_t question_count, question_cap;
	LIST_HEAD(, lookup) lookups; /* started and not answered */
	unsigned early_lookups;	     /* of a cache that has not answered yet, at most */
	size_t delayed_lookups;	     /* of these, waiting to be repeated */
	LIST_HEAD(, wanted_nar) active;
	size_t downloads;    /* NARs of which something is here or under way */
	struct part **parts; /* by the dispatcher's numbers; NULL: not in use */
	size_t part_count, part_cap;
	size_t open_files;     /* partial downloads */
	size_t unverified;     /* whole ones, with the workers */
	int64_t downloads_due; /* when the dispatcher wants to be asked again */
	size_t transferring;   /* parts that come over the network */
	/* Called at each turn, to want more nodes; NULL: references are followed. */
	int (*ask)(void *ctx, struct nf_err *err);
	void *ask_ctx;
	bool stopping;	       /* nothing new is started */
	atomic_bool is_broken; /* this machine failed us: workers leave what is queued */
	int rc;		       /* the gravest failure */
	struct nf_err err;
	uint32_t random;
	struct patience patience;
	int64_t began_at;
	bool sizes_checked;
	uint64_t here_bytes; /* of files that the pool has already */
};

int64_t engine_now_ms(const struct engine *e);
uint32_t engine_random(struct engine *e);

/* Something failed for a path (or for the run, PATH NULL): remembered, the gravest kept.
 */
void engine_fail(struct engine *e, const char *path, int code, const char *text);

/* WHERE (a directory) cannot be written, or the machine is short of something: the run
 * ends. Many parts and workers meet the same failure; the first is told. */
void engine_broken(struct engine *e, const char *where, int code, const char *text);

/* Whether a failure says something of the source, not of us. */
bool engine_is_sources_fault(int rc);

#endif
