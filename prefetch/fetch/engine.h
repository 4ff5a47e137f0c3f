/* What the parts of a fetch share: fetch.c owns the loop, lookup.c asks for narinfos,
 * download.c for NARs. All of it runs on one thread; workers only see the job that they
 * are given. */
#ifndef ENGINE_H
#define ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/workers.h"
#include "caches/health.h"
#include "caches/history.h"
#include "caches/local_source.h"
#include "caches/patience.h"
#include "dispatch/dispatch.h"
#include "fetch/destination.h"
#include "fetch/fetch.h"
#include "fetch/rest.h"
#include "http/transfer.h"
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
	struct transfers *transfers;
	size_t connections; /* at most */
	struct workers *workers;
	struct workers *followers; /* of downloads that still come */
	size_t follower_count;
	struct resolver *resolver;
	struct dispatch *dispatch;
	struct destination *destination;
	struct cache *caches; /* the substituters, then those that are asked first */
	size_t cache_count;
	struct cache *firsts; /* in the order in which they are asked */
	size_t first_count;
	struct substituter first_confs[FETCH_FIRSTS_MAX];
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
	LIST_HEAD(, lookup) lookups; /* started and not answered */
	unsigned early_lookups;	     /* of a cache that has not answered yet, at most */
	size_t delayed_lookups;	     /* of these, waiting to be repeated */
	LIST_HEAD(, download) active;
	size_t downloads;    /* NARs of which something is here or under way */
	struct part **parts; /* by the dispatcher's numbers; NULL: not in use */
	size_t part_count, part_cap;
	size_t open_files;     /* partial downloads */
	size_t unverified;     /* whole ones, with the workers */
	int64_t downloads_due; /* when the dispatcher wants to be asked again */
	size_t transferring;   /* parts that come over the network */
	size_t ingesting;      /* NARs that are with the workers */
	pthread_mutex_t lock;
	pthread_cond_t came_back; /* something was added to it: */
	struct ingest *ingested;  /* under lock: over, not yet looked at */
	/* At each turn: whoever decides what is asked for wants it now; NULL: references
	 * are followed. */
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

/* Opens what OPTS names; to be closed also where that failed. */
int engine_open(struct engine *e, const struct fetch_options *opts,
		struct fetch_result *result, struct nf_err *err) MUST_CHECK;
/* Runs until there is nothing more to do; failures of paths are in e->rc and the result.
 */
int engine_run(struct engine *e, struct nf_err *err) MUST_CHECK;
void engine_close(struct engine *e);

int64_t engine_now_ms(void);
uint32_t engine_random(struct engine *e);

/* Something failed for a path (or for the run, PATH NULL): remembered, the gravest kept.
 */
void engine_fail(struct engine *e, const char *path, int code, const char *text);

/* WHERE (a directory) cannot be written, or the machine is short of something: the run
 * ends. Many parts and workers meet the same failure; the first is told. */
void engine_broken(struct engine *e, const char *where, int code, const char *text);

/* A path is known and not where it is to go: its NAR is to be had, over the network
 * unless it is ON_THIS_MACHINE. */
void engine_want_nar(struct engine *e, uint32_t node, bool on_this_machine);

/* An event of a cache: for its health, its statistics and, where TEXT is not NULL, a
 * note. */
void engine_cache_event(struct cache *c, enum health_event event, const char *text);

/* It answered, with a status that says no: that is not a failure of its health. */
void engine_cache_denied(struct cache *c, const char *text);

/* A transfer of a NAR from the cache starts (1) or ends (-1). */
void engine_transferring(struct cache *c, int change);

/* True if the cache will not answer any more. */
bool engine_cache_is_gone(const struct cache *c);
const char *engine_why_gone(const struct cache *c);

/* ---- outage.c: caches that went away and are waited for ---- */

/* Looks who is waited for, and for how long yet; the display says so. At each turn. */
void outage_look(struct engine *e, int64_t now);
/* Something came that brings the run further. */
void outage_progress(struct engine *e);
/* True if the cache may be asked something now: of one that is down one thing at a time.
 */
bool outage_may_ask(const struct cache *c, int64_t now);
/* Milliseconds until a question that failed is asked again; -1: never. */
int64_t outage_delay_ms(struct engine *e, unsigned attempt,
			const struct transfer_done *done);

/* ---- lookup.c ---- */

/* Asks every cache for its nix-cache-info. */
void lookup_begin(struct engine *e);
/* Asks this machine, then the caches, for what is wanted and was not asked for. */
void lookup_pump(struct engine *e, int64_t now);
/* FROM, which was asked first, could not give a node's NAR after all: asks those who were
 * not asked because of it. */
void lookup_again(struct engine *e, uint32_t node, const struct cache *from);
/* A NAR is not where the cache told: it is asked anew, once, and until it has answered
 * the node is not given up. Before the dispatcher is told that the cache refused. */
void lookup_anew(struct engine *e, uint32_t node, uint32_t cache);
/* Frees what is not answered; transfers_free must have come before. */
void lookup_end(struct engine *e);

/* True if all caches were asked for all that is wanted, and have answered. */
bool lookup_is_done(const struct engine *e);

/* ---- download.c ---- */

/* Makes the dispatcher. */
void download_begin(struct engine *e);
/* A known node's NAR is wanted, */
void download_want(struct engine *e, uint32_t node);
/* a cache has it, */
void download_found(struct engine *e, uint32_t node, uint32_t cache);
/* and perhaps all caches have answered. */
void download_answered(struct engine *e, uint32_t node);

/* Starts what may start; takes back what workers have done. */
void download_pump(struct engine *e, int64_t now);
/* Brings e->rest up to date with what is under way. */
void download_tell_rest(struct engine *e);
/* True if nothing is wanted that is not where it is to go, or given up. */
bool download_is_done(const struct engine *e);
/* Ends what follows downloads that are not whole; of the rest it waits for the end. */
void download_let_go(struct engine *e);
void download_end(struct engine *e);

/* Milliseconds until a delayed lookup or download is due, at most LIMIT. */
int64_t lookup_next_due(const struct engine *e, int64_t now, int64_t limit);
int64_t download_next_due(const struct engine *e, int64_t now, int64_t limit);

#endif
