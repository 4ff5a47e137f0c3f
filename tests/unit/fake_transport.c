#include "fake_transport.h"

#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/plural.h"
#include "expect.h"

/* Start time: a clock need not begin at 0. */
#define EPOCH_MS 1000000
/* A test that runs longer would never end. */
#define HOURS_MAX 24

struct written {
	TAILQ_ENTRY(written) link;
	char *url;
	struct fake_answer answer;
	bool was_given;
};

struct fake_transfer {
	TAILQ_ENTRY(fake_transfer) link;
	struct transfer_request req;
	size_t request; /* its number */
	struct fake_answer answer;
	struct nf_slice body; /* the bytes to be sent */
	uint64_t from;
	bool is_range, head_was_told;
	size_t sent;
	int64_t due; /* of the head, then of the next bytes */
};

struct fake_transport {
	int64_t now;
	TAILQ_HEAD(, written) written;
	TAILQ_HEAD(, fake_transfer) active;
	struct fake_request *requests;
	size_t len, cap;
};

struct fake_transport *fake_transport_new(void)
{
	struct fake_transport *ft = mem_calloc(1, sizeof(*ft));

	TAILQ_INIT(&ft->written);
	TAILQ_INIT(&ft->active);
	return ft;
}

static void transfer_free(struct fake_transport *ft, struct fake_transfer *x)
{
	TAILQ_REMOVE(&ft->active, x, link);
	free(x);
}

void fake_transport_free(struct fake_transport *ft)
{
	struct written *w;
	struct fake_transfer *x;

	while ((w = TAILQ_FIRST(&ft->written))) {
		TAILQ_REMOVE(&ft->written, w, link);
		free(w->url);
		free(w);
	}
	while ((x = TAILQ_FIRST(&ft->active)))
		transfer_free(ft, x);
	for (size_t i = 0; i < ft->len; i++) {
		free(ft->requests[i].url);
		free(ft->requests[i].if_range);
	}
	free(ft->requests);
	free(ft);
}

void fake_transport_answer(struct fake_transport *ft, const char *url,
			   const struct fake_answer *a)
{
	struct written *w = mem_calloc(1, sizeof(*w));

	w->url = mem_strdup(url);
	w->answer = *a;
	TAILQ_INSERT_TAIL(&ft->written, w, link);
}

static struct fake_answer next_answer(struct fake_transport *ft, const char *url)
{
	struct written *w, *last = NULL;

	TAILQ_FOREACH(w, &ft->written, link)
	{
		if (strcmp(w->url, url) != 0)
			continue;
		last = w;
		if (!w->was_given)
			break;
	}
	if (!last)
		return (struct fake_answer){ .status = 404 };
	last->was_given = true;
	return last->answer;
}

/* ---- the server's side ---- */

static bool takes_range(const struct fake_transfer *x)
{
	const struct transfer_request *r = &x->req;

	if (x->answer.always_ranges)
		return true;
	if (!x->answer.has_ranges || (!r->range_start && !r->range_end))
		return false;
	return !r->if_range ||
	       (x->answer.etag && strcmp(r->if_range, x->answer.etag) == 0);
}

static void choose_range(struct fake_transfer *x)
{
	size_t len = x->answer.body.len;
	uint64_t from = x->req.range_start;
	uint64_t end = x->req.range_end ? x->req.range_end + 1 : len;

	x->body = x->answer.body;
	if (x->answer.status != 200 || !takes_range(x))
		return;
	if (from >= len) {
		x->answer.status = 416;
		x->body = (struct nf_slice){ 0 };
		return;
	}
	end = end > len ? len : end;
	from += x->answer.range_shift;
	end -= x->answer.range_short;
	x->answer.status = 206;
	x->is_range = true;
	x->from = from;
	x->body = nf_slice(x->answer.body.ptr + from, (size_t)(end - from));
}

static struct transfer *start_transfer(void *ctx, const struct transfer_request *req)
{
	struct fake_transport *ft = ctx;
	struct fake_transfer *x = mem_calloc(1, sizeof(*x));

	x->req = *req;
	x->request = ft->len;
	x->answer = next_answer(ft, req->url);
	x->due = ft->now + x->answer.after_ms;
	choose_range(x);
	TAILQ_INSERT_TAIL(&ft->active, x, link);
	MEM_GROW(ft->requests, ft->len, ft->cap);
	ft->requests[ft->len++] = (struct fake_request){
		.url = mem_strdup(req->url),
		.at = ft->now,
		.range_start = req->range_start,
		.range_end = req->range_end,
		.if_range = req->if_range ? mem_strdup(req->if_range) : NULL,
		.no_cache = req->no_cache,
	};
	return (struct transfer *)x;
}

static void cancel_transfer(void *ctx, struct transfer *transfer)
{
	struct fake_transport *ft = ctx;
	struct fake_transfer *x = (struct fake_transfer *)transfer;

	ft->requests[x->request].was_cancelled = true;
	transfer_free(ft, x);
}

/* ---- virtual time ---- */

static void end(struct fake_transport *ft, struct fake_transfer *x, int rc,
		const struct nf_err *err)
{
	struct transfer_request req = x->req;
	struct transfer_done done = {
		.rc = rc < 0 ? rc : 0,
		.status = x->answer.status,
		.connected = x->answer.status || x->answer.connected,
		.stalled = x->answer.stalled,
		.retry_after_s = -1,
		.bytes = x->sent,
		.answer_s = (double)x->answer.after_ms / 1000,
		.http_version = "1.1",
	};

	transfer_free(ft, x);
	req.done(req.ctx, &done, err);
}

static int tell_head(struct fake_transfer *x, struct nf_err *err)
{
	bool has_total = x->is_range || x->answer.status == 416;
	struct transfer_head head = {
		.status = x->answer.status,
		.range_ok = x->is_range,
		.range_start = x->from,
		.range_end = x->from + x->body.len,
		.range_total = has_total && !x->answer.no_total ? x->answer.body.len
								: UINT64_MAX,
		.ranges = x->answer.has_ranges,
		.etag = x->answer.etag,
		.length = x->answer.no_length ? -1 : (int64_t)x->body.len,
	};

	x->head_was_told = true;
	return x->req.head ? x->req.head(x->req.ctx, &head, err) : 0;
}

/* The next bytes, as many as the rate allows in a millisecond. */
static int send_some(struct fake_transfer *x, struct nf_err *err)
{
	size_t len = x->body.len - x->sent;
	uint64_t breaks_at = x->answer.breaks_at;

	if (x->answer.rate && len > x->answer.rate)
		len = (size_t)x->answer.rate;
	if (breaks_at && x->sent + len > breaks_at)
		len = (size_t)(breaks_at - x->sent);
	if (x->sent + len > x->req.max_bytes)
		return err_set(err, NF_E_LIMIT, "'%s': it is too long", x->req.url);
	x->sent += len;
	return len ? x->req.data(x->req.ctx, x->body.ptr + x->sent - len, len, err) : 0;
}

static int break_off(const struct fake_transfer *x, struct nf_err *err)
{
	int code = x->answer.breaks_with ? x->answer.breaks_with : NF_E_NET;

	return err_set(err, (enum nf_error)code, "'%s': the connection broke",
		       x->req.url);
}

static void advance(struct fake_transport *ft, struct fake_transfer *x)
{
	struct nf_err err = { 0 };
	int rc = 0;

	if (!x->answer.status) {
		rc = err_set(&err, NF_E_NET, "'%s': no answer", x->req.url);
		end(ft, x, rc, &err);
		return;
	}
	if (!x->head_was_told)
		rc = tell_head(x, &err);
	if (!rc)
		rc = send_some(x, &err);
	if (!rc && x->answer.breaks_at && x->sent == x->answer.breaks_at)
		rc = break_off(x, &err);
	if (rc || x->sent == x->body.len)
		end(ft, x, rc, &err);
	else
		x->due = ft->now + 1;
}

static struct fake_transfer *first_due(const struct fake_transport *ft)
{
	struct fake_transfer *x, *first = NULL;

	TAILQ_FOREACH(x, &ft->active, link)
	if (!first || x->due < first->due)
		first = x;
	return first;
}

static int run_transfers(void *ctx, int timeout_ms, struct nf_err *err)
{
	struct fake_transport *ft = ctx;
	struct fake_transfer *x = first_due(ft);
	int64_t until = ft->now + timeout_ms;

	(void)err;
	if (ft->now > HOURS_MAX * 3600 * 1000LL)
		fail_msg("it goes on for ever");
	if (!x || x->due > until) {
		ft->now = until;
		return 0;
	}
	if (x->due > ft->now)
		ft->now = x->due;
	while ((x = first_due(ft)) && x->due <= ft->now)
		advance(ft, x);
	return 0;
}

static int64_t now_ms(void *ctx)
{
	const struct fake_transport *ft = ctx;

	return EPOCH_MS + ft->now;
}

struct transport fake_transport_transport(struct fake_transport *ft)
{
	return (struct transport){
		.ctx = ft,
		.start = start_transfer,
		.cancel = cancel_transfer,
		.run = run_transfers,
		.now_ms = now_ms,
		.in_step = true,
	};
}

/* ---- recorded requests ---- */

size_t fake_transport_count(const struct fake_transport *ft, const char *url)
{
	size_t n = 0;

	for (size_t i = 0; i < ft->len; i++)
		n += strcmp(ft->requests[i].url, url) == 0;
	return n;
}

const struct fake_request *fake_transport_request(const struct fake_transport *ft,
						  const char *url, size_t n)
{
	size_t seen = 0;

	for (size_t i = 0; i < ft->len; i++)
		if (strcmp(ft->requests[i].url, url) == 0 && seen++ == n)
			return &ft->requests[i];
	fail_msg("'%s' was asked for %zu %s", url, seen, plural(seen, "time", "times"));
	return NULL;
}

int64_t fake_transport_now(const struct fake_transport *ft)
{
	return ft->now;
}
