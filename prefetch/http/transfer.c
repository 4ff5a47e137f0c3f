#include "http/transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <nixferry/version.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "http/transfer_private.h"
#include "http/transfer_stats.h"

/* The body of a redirect is read up to this size, to keep the connection usable. */
#define REDIRECT_BODY_MAX (64 * 1024)
#define SMALL_BUFFER	  (16L * 1024)
#define LARGE_BUFFER	  (256L * 1024)
/* With a limit, each transfer reads one buffer in turn: this fraction of a second's
 * bytes, or a full round would take too long. */
#define LIMITED_BUFFER_LEAST 1024L
#define LIMITED_TURNS	     64
/* Narinfos may exceed the limit by this factor. */
#define HOLD_MS 250
/* Even with a limit far above the network's rate, a transfer sometimes waits for a
 * moment. */
#define HELD_BACK_MS 20
/* Over HTTP/2; a server may allow fewer. From 100 on, curl would open another
 * connection. */
#define STREAMS_MAX	    512L
#define SMALL_STREAM_WEIGHT 256L
#define LARGE_STREAM_WEIGHT 16L
/* Interval between checks for overdue transfers. */
#define OVERDUE_LOOK_MS 100
/* Time that the program may spend elsewhere without excusing the transfers. */
#define ABSENCE_MS 500

static char *user_agent(const char *suffix)
{
	const char *curl = curl_version_info(CURLVERSION_NOW)->version;
	bool more = suffix && suffix[0];

	return mem_printf("nixferry/" NF_VERSION " libcurl/%s%s%s", curl, more ? " " : "",
			  more ? suffix : "");
}

static long large_buffer(uint64_t lowest_rate)
{
	uint64_t bytes = lowest_rate / LIMITED_TURNS;

	if (!lowest_rate)
		return LARGE_BUFFER;
	if (bytes < LIMITED_BUFFER_LEAST)
		return LIMITED_BUFFER_LEAST;
	return bytes < SMALL_BUFFER ? (long)bytes : SMALL_BUFFER;
}

static void set_limit(struct transfers *t, const struct rate_schedule *s)
{
	uint64_t lowest = rate_schedule_lowest(s);

	rate_limit_init(&t->limit, s);
	t->is_limited = lowest != 0;
	TAILQ_INIT(&t->paused);
	t->large_buffer = large_buffer(lowest);
}

int transfers_new(struct transfers **ret, const struct transfers_options *opts,
		  struct nf_err *err)
{
	struct transfers *t;
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CURLM *multi = NULL;

	if (wake_fd < 0)
		return err_sys(err, "eventfd");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0)
		multi = curl_multi_init();
	if (!multi) {
		close(wake_fd);
		return err_set(err, NF_E_SYS, "libcurl cannot be initialised");
	}
	t = mem_calloc(1, sizeof(*t));
	t->multi = multi;
	t->wake_fd = wake_fd;
	t->connect_timeout_ms = opts->connect_timeout_ms;
	t->stall_timeout_ms = opts->stall_timeout_s * INT64_C(1000);
	t->credentials = opts->credentials;
	t->ca_file = opts->ca_file ? mem_strdup(opts->ca_file) : NULL;
	t->user_agent = user_agent(opts->user_agent_suffix);
	set_limit(t, &opts->limit);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);
	curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)opts->connections);
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
			  (long)opts->connections_per_host);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)opts->connections);
	*ret = t;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Removes the transfer from curl; its easy handle is kept for the next one. */
static void transfer_free(struct transfer *x)
{
	struct transfers *t = x->owner;

	if (x->req.stats && !x->ended)
		transfer_stats_end(x->req.stats, x->req.large, NULL, now_ms());
	if (x->is_paused)
		TAILQ_REMOVE(&t->paused, x, paused_link);
	LIST_REMOVE(x, link);
	t->active_count--;
	curl_multi_remove_handle(t->multi, x->easy);
	curl_easy_reset(x->easy);
	if (t->idle_count < IDLE_HANDLES_MAX)
		t->idle[t->idle_count++] = x->easy;
	else
		curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	route_release(&x->route);
	free(x);
}

void transfers_free(struct transfers *t)
{
	struct transfer *next;

	if (!t)
		return;
	for (struct transfer *x = LIST_FIRST(&t->active); x; x = next) {
		next = LIST_NEXT(x, link);
		transfer_free(x);
	}
	while (t->idle_count)
		curl_easy_cleanup(t->idle[--t->idle_count]);
	curl_multi_cleanup(t->multi);
	close(t->wake_fd);
	free(t->ca_file);
	free(t->user_agent);
	free(t);
}

/* The pending bytes are delivered again when it continues. */
static bool must_pause(struct transfer *x)
{
	struct transfers *t = x->owner;

	if (!t->is_limited || !x->req.large || x->rc || !rate_limit_is_spent(&t->limit))
		return false;
	x->is_paused = true;
	x->paused_at = now_ms();
	TAILQ_INSERT_TAIL(&t->paused, x, paused_link);
	return true;
}

static size_t on_data(char *p, size_t size, size_t count, void *ctx)
{
	struct transfer *x = ctx;
	size_t len = size * count;

	if (must_pause(x))
		return CURL_WRITEFUNC_PAUSE;
	rate_limit_took(&x->owner->limit, len);
	stall_took(&x->stall, len);
	if (x->req.stats)
		transfer_stats_bytes(x->req.stats, x->req.large, len);
	transfer_see_head(x);
	if (x->is_redirect) {
		x->bytes += len;
		return x->bytes > REDIRECT_BODY_MAX ? 0 : len;
	}
	if (!x->rc && len > x->req.max_bytes - x->bytes)
		x->rc = err_set(&x->err, NF_E_LIMIT,
				"more than %" PRIu64 " bytes arrived", x->req.max_bytes);
	if (!x->rc)
		x->rc = x->req.data(x->req.ctx, p, len, &x->err);
	if (x->rc)
		return 0;
	x->bytes += len;
	return len;
}

static void add_header(struct transfer *x, const char *text)
{
	struct curl_slist *longer = curl_slist_append(x->headers, text);

	if (longer)
		x->headers = longer;
}

static void set_range(struct transfer *x)
{
	char range[64];

	if (!x->req.range_start && !x->req.range_end)
		return;
	if (x->req.range_end)
		snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, x->req.range_start,
			 x->req.range_end);
	else
		snprintf(range, sizeof(range), "%" PRIu64 "-", x->req.range_start);
	curl_easy_setopt(x->easy, CURLOPT_RANGE, range);
	if (x->req.if_range) {
		char *line = mem_printf("If-Range: %s", x->req.if_range);

		add_header(x, line);
		free(line);
	}
}

/* ---- the queue ----
 *
 * libcurl counts the time that a transfer waits for a connection as the server's. Our
 * clock starts with the first step for it: its name is looked up, a socket is opened, or
 * an existing connection is chosen. */

static void begin_transfer(struct transfer *x)
{
	if (!x->begun_at)
		x->begun_at = now_ms();
}

static int on_resolve(void *resolver, void *reserved, void *ctx)
{
	(void)resolver;
	(void)reserved;
	begin_transfer(ctx);
	return 0;
}

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	(void)fd;
	(void)purpose;
	begin_transfer(ctx);
	return CURL_SOCKOPT_OK;
}

static int on_connection(void *ctx, char *remote, char *local, int remote_port,
			 int local_port)
{
	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	begin_transfer(ctx);
	return CURL_PREREQFUNC_OK;
}

static void watch_queue(struct transfer *x)
{
	curl_easy_setopt(x->easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
	curl_easy_setopt(x->easy, CURLOPT_RESOLVER_START_DATA, x);
	curl_easy_setopt(x->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(x->easy, CURLOPT_SOCKOPTDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_PREREQFUNCTION, on_connection);
	curl_easy_setopt(x->easy, CURLOPT_PREREQDATA, x);
}

static void set_policy(struct transfer *x)
{
	const struct transfers *t = x->owner;
	CURL *easy = x->easy;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_STREAM_WEIGHT,
			 x->req.large ? LARGE_STREAM_WEIGHT : SMALL_STREAM_WEIGHT);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* A name server that does not respond must not delay the end. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, t->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, t->user_agent);
	if (t->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca_file);
}

/* For the current URL of its route. */
static void set_address(struct transfer *x)
{
	const struct login *login = x->route.login;

	curl_easy_setopt(x->easy, CURLOPT_URL, x->route.url.text);
	/* Only a connection that TLS negotiates can be shared: wait for it. */
	curl_easy_setopt(x->easy, CURLOPT_PIPEWAIT, x->route.url.tls ? 1L : 0L);
	curl_easy_setopt(x->easy, CURLOPT_USERNAME, login ? login->name : NULL);
	curl_easy_setopt(x->easy, CURLOPT_PASSWORD, login ? login->password : NULL);
}

struct transfer *transfers_start(struct transfers *t, const struct transfer_request *req)
{
	struct transfer *x = mem_calloc(1, sizeof(*x));

	x->owner = t;
	x->req = *req;
	x->easy = t->idle_count ? t->idle[--t->idle_count] : curl_easy_init();
	if (!x->easy)
		abort(); /* curl_easy_init fails only when out of memory */
	/* Without a URL, libcurl ends it, and finish reports why. */
	if (route_begin(&x->route, t->credentials, req->url))
		set_address(x);
	curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
	curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->error);
	curl_easy_setopt(x->easy, CURLOPT_BUFFERSIZE,
			 req->large ? t->large_buffer : SMALL_BUFFER);
	set_policy(x);
	/* A NAR's bytes must be those whose offsets count when we resume; anything else
	 * may be sent compressed. libcurl decodes a compressed response in any case. */
	curl_easy_setopt(x->easy, CURLOPT_ACCEPT_ENCODING, req->large ? "identity" : "");
	if (req->no_cache)
		add_header(x, "Cache-Control: no-cache");
	watch_queue(x);
	set_range(x);
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
	if (req->stats)
		transfer_stats_begin(req->stats, req->large, now_ms());
	LIST_INSERT_HEAD(&t->active, x, link);
	t->active_count++;
	curl_multi_add_handle(t->multi, x->easy);
	return x;
}

void transfers_cancel(struct transfer *x)
{
	transfer_free(x);
}

size_t transfers_active(const struct transfers *t)
{
	return t->active_count;
}

static void finish(struct transfer *x, CURLcode code)
{
	struct transfer_done d = { 0 };

	if (code == CURLE_OK)
		transfer_see_head(x);
	if (x->rc == TRANSFER_ENOUGH) {
		x->rc = 0;
		code = CURLE_OK;
	}
	if (!x->route.url.text)
		snprintf(x->error, sizeof(x->error), "the URL is not http or https");
	transfer_describe(x, code, &d);
	if (!x->rc && code != CURLE_OK)
		x->rc = err_set(&x->err, NF_E_NET, "%s",
				x->error[0] ? x->error : curl_easy_strerror(code));
	d.rc = x->rc;
	x->ended = true;
	if (x->req.stats)
		transfer_stats_end(x->req.stats, x->req.large, &d, now_ms());
	x->req.done(x->req.ctx, &d, &x->err);
}

/* ---- redirects ----
 *
 * libcurl would send a login from netrc, or from a URL, to any host that it is redirected
 * to. */

static void restart(struct transfer *x)
{
	struct transfers *t = x->owner;

	x->connect_s += transfer_seconds(x, CURLINFO_CONNECT_TIME_T);
	x->head_seen = x->is_redirect = false;
	x->bytes = 0;
	x->error[0] = '\0';
	x->stall = (struct stall){ 0 };
	curl_multi_remove_handle(t->multi, x->easy);
	set_address(x);
	curl_multi_add_handle(t->multi, x->easy);
}

/* An encoding that cannot be decoded matters only if the body is used. */
static CURLcode code_of(struct transfer *x, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	return code == CURLE_BAD_CONTENT_ENCODING && status / 100 != 2 ? CURLE_OK : code;
}

/* True if it continues elsewhere; else *code is why it ends. */
static bool follow_redirect(struct transfer *x, CURLcode *code)
{
	const char *location;
	struct nf_err err;
	int rc;

	if (*code == CURLE_OK)
		transfer_see_head(x);
	if (!x->is_redirect || (*code != CURLE_OK && *code != CURLE_WRITE_ERROR))
		return false;
	location = transfer_header(x, "Location");
	rc = route_follow(&x->route, location ? location : "", &err);
	if (rc == 0) {
		restart(x);
		return true;
	}
	*code = rc == -NF_E_LIMIT ? CURLE_TOO_MANY_REDIRECTS : CURLE_UNSUPPORTED_PROTOCOL;
	snprintf(x->error, sizeof(x->error), "%.*s", CURL_ERROR_SIZE - 1, err.text);
	return false;
}

/* ---- the limit ----
 *
 * libcurl's own limit is per transfer. For a limit on all, NARs are paused as soon as
 * more has arrived than allowed, and continue one after the other, each with one buffer
 * at a time; narinfos continue in the meantime. Only if narinfos alone exceed the limit,
 * nothing is read at all. */

static int64_t limit_ms(struct transfers *t)
{
	return t->is_limited ? rate_limit_wait(&t->limit, now_ms(), time(NULL)) : 0;
}

static void resume_paused(struct transfers *t)
{
	struct transfer *x;

	while (!rate_limit_is_spent(&t->limit) && (x = TAILQ_FIRST(&t->paused))) {
		TAILQ_REMOVE(&t->paused, x, paused_link);
		x->is_paused = false;
		stall_excuse(&x->stall, now_ms() - x->paused_at);
		/* It may call on_data, which reports its result in x->rc. */
		curl_easy_pause(x->easy, CURLPAUSE_CONT);
	}
}

/* When a paused transfer continues, its whole pause is excused. */
static void excuse_all(struct transfers *t, int64_t ms)
{
	struct transfer *x;

	LIST_FOREACH (x, &t->active, link) {
		if (!x->is_paused)
			stall_excuse(&x->stall, ms);
		if (x->begun_at)
			x->begun_at += ms;
	}
}

static CURLMcode perform(struct transfers *t)
{
	int running;

	if (limit_ms(t) > HOLD_MS) {
		if (!t->held_at)
			t->held_at = now_ms();
		return CURLM_OK;
	}
	if (t->held_at)
		excuse_all(t, now_ms() - t->held_at);
	t->held_at = 0;
	resume_paused(t);
	return curl_multi_perform(t->multi, &running);
}

static CURLMcode wait_for_work(struct transfers *t, int timeout_ms)
{
	struct curl_waitfd wake = { .fd = t->wake_fd, .events = CURL_WAIT_POLLIN };
	struct pollfd wake_only = { .fd = t->wake_fd, .events = POLLIN };
	int64_t ms = limit_ms(t);
	CURLMcode code = CURLM_OK;
	uint64_t calls;

	t->held_ms += ms;
	if (ms > HOLD_MS)
		timeout_ms = ms - HOLD_MS < timeout_ms ? (int)(ms - HOLD_MS) : timeout_ms;
	else if (!TAILQ_EMPTY(&t->paused) && ms < timeout_ms)
		timeout_ms = (int)ms;
	if (ms > HOLD_MS)
		poll(&wake_only, 1, timeout_ms);
	else
		code = curl_multi_poll(t->multi, &wake, 1, timeout_ms, NULL);
	while (read(t->wake_fd, &calls, sizeof(calls)) > 0)
		;
	return code;
}

/* ---- overdue transfers ---- */

/* One at a time: each end may start and end other transfers. */
static void end_overdue(struct transfers *t)
{
	int64_t now = now_ms();
	struct transfer *x;

	if (t->held_at || (now < t->next_overdue_look && !t->more_overdue))
		return;
	t->next_overdue_look = now + OVERDUE_LOOK_MS;
	x = transfer_find_overdue(t, now);
	t->more_overdue = x != NULL;
	if (!x)
		return;
	finish(x, CURLE_OPERATION_TIMEDOUT);
	transfer_free(x);
}

/* What waits while the program is busy elsewhere is not overdue. */
static void excuse_absence(struct transfers *t)
{
	int64_t ms = t->left_at && !t->held_at ? now_ms() - t->left_at : 0;

	if (ms > ABSENCE_MS)
		excuse_all(t, ms);
}

static void count_head(struct transfer *x)
{
	long bytes = 0;

	curl_easy_getinfo(x->easy, CURLINFO_HEADER_SIZE, &bytes);
	rate_limit_took(&x->owner->limit, (uint64_t)bytes);
}

/* True if any transfer has ended. */
static bool finish_ended(struct transfers *t)
{
	struct transfer *x;
	bool any = false;
	CURLMsg *msg;
	CURLcode code;
	int left;

	while ((msg = curl_multi_info_read(t->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &x);
		code = code_of(x, msg->data.result);
		count_head(x);
		if (follow_redirect(x, &code))
			continue;
		finish(x, code);
		transfer_free(x);
		any = true;
	}
	return any;
}

int transfers_run(struct transfers *t, int timeout_ms, struct nf_err *err)
{
	CURLMcode code;
	bool ended;

	excuse_absence(t);
	if (t->more_overdue && !t->held_at)
		timeout_ms = 0;
	code = perform(t);
	/* A finished transfer may lead to more work, which does not wait for other
	 * transfers. */
	ended = finish_ended(t);
	if (code == CURLM_OK && !ended)
		code = wait_for_work(t, timeout_ms);
	if (code == CURLM_OK && !ended)
		code = perform(t);
	if (code != CURLM_OK)
		return err_set(err, NF_E_SYS, "libcurl: %s", curl_multi_strerror(code));
	finish_ended(t);
	end_overdue(t);
	t->left_at = now_ms();
	return 0;
}

bool transfers_were_held_back(const struct transfers *t)
{
	return t->held_ms >= HELD_BACK_MS;
}

void transfers_wakeup(struct transfers *t)
{
	uint64_t one = 1;

	while (write(t->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}
