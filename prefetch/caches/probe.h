/* Asks caches how they are: reach, latency, throughput, and who signs what they serve. */
#ifndef PROBE_H
#define PROBE_H

#include <nixferry/storepath.h>

#include "base/err.h"
#include "caches/probe_report.h"
#include "http/rate_limit.h"

struct probe_options {
	const struct substituter *substituters;
	size_t substituter_count;
	const struct nf_keyring *keys;
	/* Paths whose narinfos are looked at, with some that these refer to. A directory
	 * is looked at for itself where there are none. */
	const struct nf_storepath *samples;
	size_t sample_count;
	size_t connections;		       /* at most, in all; 0: the default */
	size_t connections_per_cache;	       /* at most; 0: as many as in all */
	struct rate_schedule limit;	       /* of all together */
	int connect_timeout_ms;		       /* also for each answer; 0: the default */
	const struct credentials *credentials; /* or NULL */
	const char *ca_file;		       /* or NULL: the system's */
	const char *user_agent_suffix;	       /* or NULL */
};

/* Paths that are asked for at most. */
#define PROBE_SAMPLES_MAX 16

/* All caches are asked at once, so that the dead ones cost one timeout together; only
 * throughput is measured one after the other, for a second or two each. RET has room for
 * a report a substituter, to be released by probe_report_release in any case. That a
 * cache fails is no failure; NF_E_INTR and NF_E_SYS are. */
int probe_run(struct probe_report *ret, const struct probe_options *opts,
	      struct nf_err *err) MUST_CHECK;

#endif
