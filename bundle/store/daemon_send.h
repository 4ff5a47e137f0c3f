/* Sending many paths to nix-daemon over several connections. Each is a process of the
 * daemon: NARs are decoded and verified here, and verified again and written there, on
 * all processors. A path is sent once all that it refers to is valid. */
#ifndef DAEMON_SEND_H
#define DAEMON_SEND_H

#include <nixferry/pathinfo.h>
#include <nixferry/stream.h>

#include "base/err.h"
#include "base/progress.h"

struct daemon_send_options {
	const char *socket;
	/* References first; what is not among them is valid. */
	const struct nf_pathinfo *const *infos;
	size_t count;
	/* The decoded NAR of infos[i], verified once it was read to its end. Any thread,
	 * one at a time. */
	int (*open)(void *ctx, size_t i, struct nf_source **ret, struct nf_err *err);
	/* open must be called in the order of INFOS. */
	bool is_stream;
	/* infos[i] is valid. Any thread, one at a time; may be NULL. */
	void (*done)(void *ctx, size_t i);
	void *ctx;
	size_t jobs; /* 0: as many as suit the processors */
	struct progress *progress;
};

/* Ends at the first failure, which is returned: what was sent before stays valid. */
int daemon_send(const struct daemon_send_options *opts, struct nf_err *err) MUST_CHECK;

#endif
