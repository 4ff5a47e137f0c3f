/* A network in virtual time, as a transport of the engine. Time passes when the engine
 * waits; bytes share its bandwidth like a fluid. Equal worlds give equal results. */
#ifndef NET_H
#define NET_H

#include "fetch/transport.h"
#include "fetch_world.h"

/* Requests to a cache about a path, over all runs in one network. */
struct net_counts {
	unsigned infos, nars;
	unsigned nars_asked; /* including unanswered ones */
	uint64_t nar_bytes;  /* received */
};

struct net;

struct net *net_new(struct fetch_world *w, bool trace);
void net_free(struct net *n);

/* STOP_MS: virtual time at which a run ends as if killed; 0: never. */
struct transport net_transport(struct net *n, double stop_ms);

double net_now(const struct net *n);
bool net_was_stopped(const struct net *n);
const struct net_counts *net_counts(const struct net *n, size_t cache, size_t path);
/* Number of requests for its nix-cache-info. */
unsigned net_greetings(const struct net *n, size_t cache);
/* What the engine did but must never do; or NULL. */
const char *net_failure(const struct net *n);

#endif
