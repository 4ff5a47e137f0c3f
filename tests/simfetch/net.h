/* A network in virtual time, as a transport of the engine. It moves on when the engine
 * waits; bytes share its bandwidth as a fluid does. Equal worlds give equal answers. */
#ifndef NET_H
#define NET_H

#include "fetch/transport.h"
#include "fetch_world.h"

/* What was asked of a cache about a path, over all runs in one network. */
struct net_counts {
	unsigned infos, nars;
	unsigned nars_asked; /* also those that were not answered */
	uint64_t nar_bytes;  /* that came */
};

struct net;

struct net *net_new(struct fetch_world *w, bool trace);
void net_free(struct net *n);

/* STOP_MS: virtual time after which a run is ended as if it had been killed; 0: never. */
struct transport net_transport(struct net *n, double stop_ms);

double net_now(const struct net *n);
bool net_was_stopped(const struct net *n);
const struct net_counts *net_counts(const struct net *n, size_t cache, size_t path);
/* How often its nix-cache-info was asked for. */
unsigned net_greetings(const struct net *n, size_t cache);
/* What the engine did that it must never do; NULL: nothing. */
const char *net_failure(const struct net *n);

#endif
