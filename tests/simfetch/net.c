#include "net.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bulk.h"
#include "http/transfer_stats.h"
#include "net_state.h"

#define CONNECT_TIMEOUT_MS 5000
#define STALL_TIMEOUT_MS   30000
/* A smaller fraction of a byte counts as nothing. */
#define ROUNDING 0.05
/* Limits of a run: its time, its requests, and its turns without progress of time. */
#define RUN_MS_MAX   (4 * 3600e3)
#define REQUESTS_MAX 20000 /* and 20 per path */
#define STILL_MAX    10000

static uint32_t any(struct net *n)
{
	n->random ^= n->random << 13;
	n->random ^= n->random >> 17;
	n->random ^= n->random << 5;
	return n->random;
}

static bool chance(struct net *n, double percent)
{
	return percent > 0 && any(n) < percent / 100 * UINT32_MAX;
}

static const struct net_cache *cache_of(const struct net *n, const struct net_transfer *x)
{
	return &n->world->caches[x->cache];
}

static void trace(const struct net *n, const struct net_transfer *x, const char *what,
		  uint64_t number)
{
	if (n->trace)
		fprintf(stderr, "%10.1f ms: %s %" PRIu64 "-%" PRIu64 ": %s %" PRIu64 "\n",
			n->now, x->url, x->req.range_start, x->req.range_end, what,
			number);
}

/* ---- ends of transfers ---- */

static void transfer_free(struct net *n, struct net_transfer *x)
{
	TAILQ_REMOVE(&n->transfers, x, link);
	n->active -= x->phase != NET_QUEUED;
	buf_release(&x->text);
	free(x->url);
	free(x->if_range);
	free(x);
}

static void finish(struct net *n, struct net_transfer *x, struct transfer_done d)
{
	int64_t now = (int64_t)n->now;

	d.bytes = x->told;
	d.connect_s = d.connected ? cache_of(n, x)->latency_ms / 2000 : 0;
	d.first_byte_s = d.answer_s = (x->due - x->asked) / 1000;
	d.total_s = (n->now - x->began) / 1000;
	strcpy(d.http_version, "1.1");
	trace(n, x, d.rc ? "failed after" : "over after", x->told);
	if (x->req.stats)
		transfer_stats_end(x->req.stats, x->req.large, &d, now);
	/* The transfer has ended: the callee may end others. */
	TAILQ_REMOVE(&n->transfers, x, link);
	x->req.done(x->req.ctx, &d, &x->err);
	TAILQ_INSERT_HEAD(&n->transfers, x, link);
	transfer_free(n, x);
}

static void fail_transfer(struct net *n, struct net_transfer *x,
			  enum transfer_cause cause, bool connected, const char *text)
{
	struct transfer_done d = {
		.status = x->head_told ? x->answer.status : 0,
		.cause = cause,
		.connected = connected,
		.stalled = connected && cause == TRANSFER_TIMEOUT,
		.retry_after_s = -1,
	};

	d.rc = err_set(&x->err, NF_E_NET, "%s", text);
	finish(n, x, d);
}

static void answered(struct net *n, struct net_transfer *x, int rc)
{
	int after = x->answer.status == 503 ? cache_of(n, x)->retry_after_s : 0;
	const struct transfer_done d = {
		.rc = rc == TRANSFER_ENOUGH ? 0 : rc,
		.status = x->answer.status,
		.connected = true,
		.retry_after_s = after ? after : -1,
	};

	finish(n, x, d);
}

/* ---- requests ---- */

static struct transfer *net_start(void *ctx, const struct transfer_request *req)
{
	struct net *n = ctx;
	struct net_transfer *x = mem_calloc(1, sizeof(*x));

	x->req = *req;
	x->url = mem_strdup(req->url);
	x->if_range = req->if_range ? mem_strdup(req->if_range) : NULL;
	x->began = n->now;
	net_address(n, x);
	TAILQ_INSERT_TAIL(&n->transfers, x, link);
	if (req->stats)
		transfer_stats_begin(req->stats, req->large, (int64_t)n->now);
	return (struct transfer *)x;
}

static void net_cancel(void *ctx, struct transfer *transfer)
{
	struct net *n = ctx;
	struct net_transfer *x = (struct net_transfer *)transfer;

	trace(n, x, "cancelled after", x->told);
	if (x->req.stats)
		transfer_stats_end(x->req.stats, x->req.large, NULL, (int64_t)n->now);
	transfer_free(n, x);
}

static struct net_counts *count_of(struct net *n, const struct net_transfer *x)
{
	return &n->counts[world_offer(n->world, x->cache, x->path) - n->world->offers];
}

static void wait_for_answer(struct net *n, struct net_transfer *x)
{
	double latency = cache_of(n, x)->latency_ms;

	switch (n->modes[x->cache]) {
	case NET_UP:
	case NET_BUSY:
	case NET_REFUSING:
		if (!n->world->is_steady)
			latency *= 1 + (double)any(n) / UINT32_MAX / 4;
		x->due = n->now + latency;
		break;
	case NET_BLACKHOLE:
		x->due = n->now + CONNECT_TIMEOUT_MS;
		break;
	case NET_MUTE:
		x->due = n->now + STALL_TIMEOUT_MS;
		break;
	}
}

static void ask(struct net *n, struct net_transfer *x)
{
	const struct net_cache *c = cache_of(n, x);

	trace(n, x, "asked, active", n->active);
	x->phase = NET_ASKED;
	x->asked = n->now;
	x->breaks = chance(n, c->breaks);
	x->stalls = !x->breaks && chance(n, c->stalls);
	n->active++;
	n->requests++;
	if (x->req.large && x->path != UINT32_MAX)
		count_of(n, x)->nars_asked++;
	wait_for_answer(n, x);
}

static void ask_queued(struct net *n)
{
	struct net_transfer *x;

	TAILQ_FOREACH(x, &n->transfers, link)
	if (x->phase == NET_QUEUED && n->active < n->world->connections)
		ask(n, x);
}

/* ---- responses ---- */

static void begin_flow(struct net *n, struct net_transfer *x)
{
	const struct net_cache *c = cache_of(n, x);
	double cap = c->connection_rate > 0 ? c->connection_rate / 1000 : SHARE_UNLIMITED;

	x->phase = NET_FLOWS;
	x->flow = (struct flow){ .cache = x->cache, .is_linked = true, .cap = cap };
	x->stops_at = (double)x->answer.body.len;
	if (x->breaks || x->stalls)
		x->stops_at *= (double)any(n) / UINT32_MAX;
}

static void on_answer(struct net *n, struct net_transfer *x)
{
	switch (n->modes[x->cache]) {
	case NET_REFUSING:
		fail_transfer(n, x, TRANSFER_REFUSED, false, "connection refused");
		return;
	case NET_BLACKHOLE:
		fail_transfer(n, x, TRANSFER_TIMEOUT, false, "connection timed out");
		return;
	case NET_MUTE:
		fail_transfer(n, x, TRANSFER_TIMEOUT, true, "nothing came");
		return;
	case NET_BUSY:
	case NET_UP:
		break;
	}
	if (n->modes[x->cache] == NET_BUSY || chance(n, cache_of(n, x)->errors))
		x->answer = (struct net_answer){ .status = 503, .has_length = true };
	else
		net_serve(n, x);
	begin_flow(n, x);
}

static int tell_head(struct net_transfer *x)
{
	const struct net_answer *a = &x->answer;
	struct transfer_head h = {
		.status = a->status,
		.range_start = a->from,
		.range_end = a->from + a->body.len,
		.range_total = a->is_range ? a->total : UINT64_MAX,
		.range_ok = a->status == 206,
		.ranges = a->has_ranges,
		.etag = a->etag[0] ? a->etag : NULL,
		.length = a->has_length ? (int64_t)a->body.len : -1,
	};

	if (x->head_told)
		return 0;
	x->head_told = true;
	return x->req.head ? x->req.head(x->req.ctx, &h, &x->err) : 0;
}

static int tell_bytes(struct net *n, struct net_transfer *x, size_t len)
{
	const struct net_answer *a = &x->answer;
	const char *from = a->body.ptr ? a->body.ptr + x->told : bulk_bytes(a->is_wrong);
	int rc = tell_head(x);

	if (!rc && len > x->req.max_bytes - x->told)
		rc = err_set(&x->err, NF_E_LIMIT, "more than %" PRIu64 " bytes came",
			     x->req.max_bytes);
	if (!rc)
		rc = x->req.data(x->req.ctx, from, len, &x->err);
	if (x->req.stats)
		transfer_stats_bytes(x->req.stats, x->req.large, len);
	if (x->req.large && x->path != UINT32_MAX && x->answer.status / 100 == 2)
		count_of(n, x)->nar_bytes += len;
	x->told += len;
	return rc;
}

static bool has_arrived(const struct net_transfer *x)
{
	return x->at >= x->stops_at - ROUNDING;
}

/* True if the transfer has ended. */
static bool tell_what_came(struct net *n, struct net_transfer *x)
{
	uint64_t at = (uint64_t)(has_arrived(x) ? x->stops_at : x->at);
	int rc = 0;

	while (!rc && x->told < at)
		rc = tell_bytes(n, x,
				at - x->told < BULK_BYTES ? at - x->told : BULK_BYTES);
	if (!rc && has_arrived(x) && !x->breaks && !x->stalls) {
		rc = tell_head(x);
		rc = rc ? rc : TRANSFER_ENOUGH;
	}
	if (rc)
		answered(n, x, rc);
	return rc != 0;
}

static bool go_on(struct net *n, struct net_transfer *x)
{
	if (tell_what_came(n, x))
		return true;
	if (!has_arrived(x))
		return false;
	if (x->breaks) {
		fail_transfer(n, x, TRANSFER_OTHER, true, "the connection broke");
		return true;
	}
	x->phase = NET_SILENT;
	x->due = n->now + STALL_TIMEOUT_MS;
	return false;
}

/* Does what is due for it; true if other transfers may have ended, too. */
static bool turn(struct net *n, struct net_transfer *x)
{
	switch (x->phase) {
	case NET_ASKED:
		if (x->due > n->now)
			return false;
		on_answer(n, x);
		return true;
	case NET_FLOWS:
		return go_on(n, x);
	case NET_SILENT:
		if (x->due > n->now)
			return false;
		fail_transfer(n, x, TRANSFER_TIMEOUT, true, "it went silent");
		return true;
	case NET_QUEUED:
		break;
	}
	return false;
}

static void deal(struct net *n)
{
	struct net_transfer *x;

	ask_queued(n);
	for (x = TAILQ_FIRST(&n->transfers); x;)
		x = turn(n, x) ? TAILQ_FIRST(&n->transfers) : TAILQ_NEXT(x, link);
	ask_queued(n);
}

/* ---- the clock ---- */

static double due_of(const struct net *n, const struct net_transfer *x)
{
	switch (x->phase) {
	case NET_ASKED:
	case NET_SILENT:
		return x->due;
	case NET_FLOWS:
		if (x->flow.rate <= 0)
			return n->now + n->world->tick_ms;
		return fmin(n->now + n->world->tick_ms,
			    n->now + (x->stops_at - x->at) / x->flow.rate);
	case NET_QUEUED:
		break;
	}
	return INFINITY;
}

static void reshare(struct net *n)
{
	double link = n->world->link > 0 ? n->world->link / 1000 : SHARE_UNLIMITED;
	struct flow **flows = mem_calloc(n->active + 1, sizeof(struct flow *));
	struct net_transfer *x;
	size_t count = 0;

	TAILQ_FOREACH(x, &n->transfers, link)
	if (x->phase == NET_FLOWS)
		flows[count++] = &x->flow;
	share(flows, count, n->shares, link);
	free(flows);
}

static void move_to(struct net *n, double next)
{
	struct net_transfer *x;

	n->still = next > n->now ? 0 : n->still + 1;
	TAILQ_FOREACH(x, &n->transfers, link)
	if (x->phase == NET_FLOWS)
		x->at = fmin(x->stops_at, x->at + x->flow.rate * (next - n->now));
	n->now = next;
}

/* Its cache has changed its mode; true if the transfer has ended. */
static bool change_mode(struct net *n, struct net_transfer *x)
{
	enum net_mode mode = n->modes[x->cache];
	bool is_silent = mode == NET_BLACKHOLE || mode == NET_MUTE;

	if (x->phase == NET_ASKED) {
		wait_for_answer(n, x);
	} else if (x->phase != NET_QUEUED && mode == NET_REFUSING) {
		fail_transfer(n, x, TRANSFER_OTHER, true, "the connection was reset");
		return true;
	} else if (x->phase == NET_FLOWS && is_silent) {
		x->phase = NET_SILENT;
		x->due = n->now + STALL_TIMEOUT_MS;
	} else if (x->phase == NET_SILENT && !is_silent && !x->stalls) {
		x->phase = NET_FLOWS;
	}
	return false;
}

static void apply_change(struct net *n, const struct net_change *change)
{
	struct net_transfer *x;

	n->modes[change->cache] = change->mode;
	if (change->rate > 0)
		n->shares[change->cache].rate = change->rate / 1000;
	for (x = TAILQ_FIRST(&n->transfers); x;)
		x = x->cache == change->cache && change_mode(n, x)
			    ? TAILQ_FIRST(&n->transfers)
			    : TAILQ_NEXT(x, link);
}

static void apply_changes(struct net *n)
{
	const struct fetch_world *w = n->world;

	while (n->next_change < w->change_count &&
	       w->changes[n->next_change].at_ms <= n->now)
		apply_change(n, &w->changes[n->next_change++]);
}

static double next_time(const struct net *n, double until)
{
	const struct fetch_world *w = n->world;
	const struct net_transfer *x;

	TAILQ_FOREACH(x, &n->transfers, link)
	until = fmin(until, due_of(n, x));
	if (n->next_change < w->change_count)
		until = fmin(until, w->changes[n->next_change].at_ms);
	return fmax(until, n->now);
}

static int check_limits(struct net *n, struct nf_err *err)
{
	const char *what = NULL;

	if (n->stop_ms > 0 && n->now >= n->stop_ms) {
		n->was_stopped = true;
		return err_set(err, NF_E_INTR, "the simulated run is killed");
	}
	if (n->now > RUN_MS_MAX)
		what = "it does not come to an end";
	else if (n->requests > REQUESTS_MAX + 20 * n->world->path_count)
		what = "it asks for too much";
	else if (n->still > STILL_MAX)
		what = "the time stands still";
	if (what)
		snprintf(n->failure, sizeof(n->failure), "%s", what);
	return n->failure[0] ? err_set(err, NF_E_SYS, "%s", n->failure) : 0;
}

static int net_run(void *ctx, int timeout_ms, struct nf_err *err)
{
	struct net *n = ctx;
	double until = n->now + timeout_ms;

	deal(n);
	reshare(n);
	move_to(n, next_time(n, until));
	apply_changes(n);
	deal(n);
	return check_limits(n, err);
}

static int64_t net_now_ms(void *ctx)
{
	return (int64_t)((struct net *)ctx)->now;
}

/* ---- interface ---- */

struct net *net_new(struct fetch_world *w, bool is_traced)
{
	struct net *n = mem_calloc(1, sizeof(*n));
	size_t offers = w->cache_count * w->path_count;
	bool is_new;

	n->world = w;
	n->trace = is_traced;
	n->random = w->seed * 2654435761U | 1;
	n->now = 1;
	TAILQ_INIT(&n->transfers);
	map_init(&n->by_hash);
	for (size_t i = 0; i < w->path_count; i++)
		*map_put(
			&n->by_hash,
			nf_slice(w->paths[i].goods.info.path.base, NF_STOREPATH_HASH_LEN),
			&is_new) = i;
	n->counts = mem_calloc(offers, sizeof(*n->counts));
	n->served = mem_calloc(offers, sizeof(*n->served));
	for (size_t i = 0; i < w->cache_count; i++) {
		double rate = w->caches[i].rate;

		n->modes[i] = w->caches[i].mode;
		n->shares[i].rate = rate > 0 ? rate / 1000 : SHARE_UNLIMITED;
	}
	return n;
}

static void forget_transfers(struct net *n)
{
	struct net_transfer *next;

	for (struct net_transfer *x = TAILQ_FIRST(&n->transfers); x; x = next) {
		next = TAILQ_NEXT(x, link);
		transfer_free(n, x);
	}
}

void net_free(struct net *n)
{
	forget_transfers(n);
	for (size_t i = 0; i < n->world->cache_count * n->world->path_count; i++)
		buf_release(&n->served[i]);
	map_release(&n->by_hash);
	free(n->served);
	free(n->counts);
	free(n);
}

struct transport net_transport(struct net *n, double stop_ms)
{
	forget_transfers(n);
	n->stop_ms = stop_ms;
	n->was_stopped = false;
	return (struct transport){ n, net_start, net_cancel, net_run, net_now_ms, true };
}

double net_now(const struct net *n)
{
	return n->now;
}

bool net_was_stopped(const struct net *n)
{
	return n->was_stopped;
}

const struct net_counts *net_counts(const struct net *n, size_t cache, size_t path)
{
	return &n->counts[world_offer(n->world, cache, path) - n->world->offers];
}

unsigned net_greetings(const struct net *n, size_t cache)
{
	return n->greetings[cache];
}

const char *net_failure(const struct net *n)
{
	return n->failure[0] ? n->failure : NULL;
}
