/* What the files of the simulator share: sim.c has the clock, sim_part.c one part's way,
 * sim_node.c orders, files and verdicts. */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include "base/err.h"
#include "base/runs.h"
#include "caches/health.h"
#include "caches/patience.h"
#include "dispatch/dispatch.h"
#include "sim.h"
#include "sim_share.h"

/* Whole files that wait for a worker, at most, before nothing more is asked for. */
#define SIM_UNVERIFIED_MAX 32

/* One of a node's files, as far as it is on the disk. */
struct sim_file {
	struct sim_file *next; /* of the node */
	uint32_t number;       /* the dispatcher's */
	uint32_t identity;     /* files with equal ones have the same bytes */
	uint64_t size;	       /* as it is */
	uint64_t known_size;   /* 0: nobody told */
	struct runs here, wrong;
	struct runs refused; /* what is here and need not count */
	uint32_t source;     /* that its last part came from */
	bool at_worker;
};

enum node_state {
	NODE_UNTOLD,
	NODE_OPEN,
	NODE_VERIFIED,
	NODE_GIVEN_UP
};

struct node_run {
	struct sim_file *files; /* of which something is here or under way */
	uint8_t state;
	bool is_closed;
	bool asked_caches; /* after the store */
};

enum phase {
	PHASE_FREE,
	PHASE_ASKED, /* the head is waited for, or a time-out */
	PHASE_FLOWS,
	PHASE_SILENT,  /* until the time-out */
	PHASE_STOPPED, /* the dispatcher will cancel it */
};

/* What ends the waiting for a head. */
enum answer {
	ANSWER_HEAD,
	ANSWER_REFUSED,
	ANSWER_NO_CONNECTION,
	ANSWER_NOTHING
};

struct part {
	enum phase phase;
	enum answer answer;
	uint32_t number, node, cache, source;
	struct sim_file *file;
	bool is_local, is_race, is_cut;
	uint64_t from, end, asked_end;
	uint64_t told;	 /* where its next byte goes */
	double at;	 /* the same, with fractions */
	double stops_at; /* where the server's bytes end */
	bool breaks, stalls;
	double due;
	struct flow flow;
};

struct cache_run {
	struct health health;
	enum sim_mode mode;
	unsigned parts;
	bool is_watched; /* in the list of those that may not be usable */
	bool is_gone;
};

struct verify_job {
	uint32_t node;
	uint32_t file; /* its number */
	bool is_local; /* a file of this machine whose part was cancelled */
	double due;
};

enum arrival_kind {
	ARRIVAL_SOURCE,
	ARRIVAL_CLOSED
};

struct arrival {
	double at;
	uint32_t node, source;
	enum arrival_kind kind;
};

struct sim {
	const struct sim_world *world;
	struct sim_result *result;
	bool trace;
	uint32_t random;
	double now;
	struct dispatch *dispatch;
	struct patience patience;
	struct cache_run *caches;
	struct share_cache *shares;
	double link; /* bytes a millisecond */
	struct node_run *nodes;
	size_t open; /* nodes that are wanted or will be, and have no verdict */
	bool *dead;  /* sources that will not be asked again */
	bool *present_used;
	uint32_t *watched; /* caches */
	size_t watched_count, watched_cap;
	struct part *parts; /* by their numbers */
	size_t part_count;
	unsigned active[2]; /* of the network, of this machine */
	struct flow **flows;
	bool is_reshare_due;
	struct verify_job *jobs;
	size_t job_count, job_cap;
	unsigned unverified;
	struct arrival *arrivals; /* a heap */
	size_t arrival_count, arrival_cap;
	size_t next_node, next_change;
	int64_t due; /* the dispatcher's */
	int64_t decide_ns;
};

/* Ends the run: a promise was broken. */
void sim_fail(struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool sim_failed(const struct sim *s);
void sim_trace(const struct sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

uint32_t sim_random(struct sim *s);
/* True in PERCENT of all cases. */
bool sim_chance(struct sim *s, double percent);

int64_t sim_now(const struct sim *s);
int64_t sim_clock_ns(void);
void sim_health(struct sim *s, uint32_t cache, enum health_event event);
void sim_source_dead(struct sim *s, uint32_t source);
void sim_arrival(struct sim *s, const struct arrival *a);

/* Runs a call of a decider and counts its time. */
#define DECIDE(s, call)                                                                  \
	do {                                                                             \
		int64_t began_ = sim_clock_ns();                                         \
		call;                                                                    \
		(s)->decide_ns += sim_clock_ns() - began_;                               \
	} while (0)

/* ---- sim_part.c ---- */

void sim_part_ask(struct sim *s, struct part *p);
void sim_part_cut(struct sim *s, struct part *p, uint64_t end);
/* Its cache is in another mode now. */
void sim_part_mode(struct sim *s, struct part *p);
/* What came since it was last told. */
void sim_part_tell(struct sim *s, struct part *p);
/* Something of it may be due. */
void sim_part_turn(struct sim *s, struct part *p);
/* When that will be. */
double sim_part_due(const struct sim *s, const struct part *p);
/* It does not take bandwidth any more. */
void sim_part_still(struct sim *s, struct part *p, enum phase phase);
void sim_part_free(struct sim *s, struct part *p);

/* ---- sim_node.c ---- */

void sim_follow_orders(struct sim *s);
/* The part is gone after this. */
void sim_part_over(struct sim *s, struct part *p, enum dispatch_end how,
		   int64_t retry_at);
void sim_write(struct sim *s, struct part *p, uint64_t end);
void sim_local_over(struct sim *s, struct part *p);
void sim_verdicts(struct sim *s);
void sim_files_free(struct sim *s, uint32_t node);

#endif
