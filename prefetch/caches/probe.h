/* Checks caches: reachability, latency, throughput, and who signs what they serve. */
#ifndef PROBE_H
#define PROBE_H

#include <nixferry/storepath.h>

#include "base/err.h"
#include "caches/probe_report.h"
#include "http/transfer.h"

struct probe_options {
	const struct substituter *substituters;
	size_t substituter_count;
	const struct nf_keyring *keys;
	/* Paths whose narinfos are requested, as well as some of their references. If
	 * there are none, a directory's own narinfos are used. */
	const struct nf_storepath *samples;
	size_t sample_count;
	/* A zero stands for the default. The connect timeout also holds for each
	 * response, and decides the stall timeout. */
	struct transfers_options http;
};

/* Maximum number of requested paths. */
#define PROBE_SAMPLES_MAX 16

/* Checks all caches at the same time, so that dead ones cost only one timeout together;
 * only throughput is measured one cache at a time, for a second or two each. RET has room
 * for one report per substituter; always release each with probe_report_release. A
 * failing cache is not an error; NF_E_INTR and NF_E_SYS are. */
int probe_run(struct probe_report *ret, const struct probe_options *opts,
	      struct nf_err *err) MUST_CHECK;

#endif
