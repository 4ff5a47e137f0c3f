#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/plural.h"
#include "fetch/cache.h"
#include "fetch/outage.h"
#include "fetch/part.h"
#include "http/retry.h"

static uint64_t nar_size_of(const struct part *p)
{
	const struct wanted_nar *d = p->file->nar;

	return resolver_node(d->engine->resolver, d->node)->nar_size;
}

struct part *part_new(struct download_file *f, const struct dispatch_order *o,
		      const struct resolver_offer *offer, part_over_fn over)
{
	struct engine *e = f->nar->engine;
	struct part *p = mem_calloc(1, sizeof(*p));

	p->file = f;
	p->over = over;
	p->number = o->part;
	p->cache = &e->caches[o->cache];
	p->offer = offer;
	p->is_race = o->is_race;
	p->from = p->at = o->from;
	p->end = o->end;
	p->digest = xxh3_new();
	if (!p->cache->local)
		p->url = substituter_resolve(p->cache->conf, offer->url);
	if (!p->url) /* a transfer from it fails like one without an offer */
		p->url = mem_strdup("");
	LIST_INSERT_HEAD(&f->parts, p, link);
	while (e->downloads.part_count <= p->number) {
		MEM_GROW(e->downloads.parts, e->downloads.part_count,
			 e->downloads.part_cap);
		e->downloads.parts[e->downloads.part_count++] = NULL;
	}
	e->downloads.parts[p->number] = p;
	return p;
}

void part_claim(struct part *p)
{
	uint8_t digest[XXH3_128_SIZE];

	if (p->at == p->from)
		return;
	xxh3_final(p->digest, digest);
	claims_add(&p->file->claims, p->cache->index, p->from, p->at, digest);
}

void part_stop(struct part *p)
{
	const struct transport *t = &p->file->nar->engine->transport;

	if (!p->transfer)
		return;
	t->cancel(t->ctx, p->transfer);
	p->transfer = NULL;
	p->cache->stats->unanswered += p->status == 0;
	cache_transferring(p->cache, -1);
	part_claim(p);
}

void part_free(struct part *p)
{
	part_stop(p);
	p->file->nar->engine->downloads.parts[p->number] = NULL;
	LIST_REMOVE(p, link);
	xxh3_free(p->digest);
	free(p->url);
	free(p);
}

void part_cut(struct part *p, uint64_t end)
{
	p->end = end;
	p->is_cut = true;
}

/* ---- the response head ---- */

static int not_as_asked(const struct part *p, struct nf_err *err)
{
	return err_set(err, NF_E_FORMAT, "'%s': it sent another range than requested",
		       p->url);
}

static bool is_ranged(const struct part *p)
{
	return p->from || p->asked_end != DISPATCH_TO_END;
}

/* Exactly the requested range, or less at the end of the file. */
static int check_range(const struct part *p, const struct transfer_head *h,
		       struct nf_err *err)
{
	uint64_t total = h->range_total, end = p->asked_end;

	if (!h->range_ok || h->range_start != p->from)
		return not_as_asked(p, err);
	/* Some servers send the whole file as an unrequested range. */
	if (!is_ranged(p) && total == UINT64_MAX)
		return not_as_asked(p, err);
	if (total != UINT64_MAX && end > total)
		end = total;
	else if (end == DISPATCH_TO_END)
		end = p->file->size ? p->file->size : h->range_end;
	return h->range_end == end ? 0 : not_as_asked(p, err);
}

/* The response is another file than the one begun, or another part of it: request the
 * whole file from this cache alone. */
static int other_file(struct part *p)
{
	p->is_other_file = true;
	return TRANSFER_ENOUGH;
}

/* The dispatcher decides what the newly reported size means for the part. */
static int tell_head(struct part *p, uint64_t size, bool ranges, struct nf_err *err)
{
	struct engine *e = p->file->nar->engine;
	struct dispatch *d = e->dispatch;
	uint64_t from;

	p->is_sized = size && size != DISPATCH_TO_END;
	if (p->is_sized && size > NAR_FILE_SIZE_MAX(nar_size_of(p)))
		return err_set(err, NF_E_LIMIT,
			       "'%s': a file of %" PRIu64 " bytes for a NAR of %" PRIu64,
			       p->url, size, nar_size_of(p));
	if (!dispatch_part_head(d, p->number, size, ranges, engine_now_ms(e)))
		return other_file(p);
	dispatch_part_range(d, p->number, &from, &p->end);
	p->file->size = dispatch_part_size(d, p->number);
	/* Another part fetches what follows the announced end. */
	p->is_cut |= p->is_sized && p->end < size && p->asked_end > p->end;
	return 0;
}

static int take_range(struct part *p, const struct transfer_head *h, struct nf_err *err)
{
	uint64_t size = h->range_total == UINT64_MAX ? 0 : h->range_total;
	int rc = check_range(p, h, err);

	return rc ? rc : tell_head(p, size, true, err);
}

static int take_whole(struct part *p, const struct transfer_head *h, struct nf_err *err)
{
	uint64_t size = h->length > 0 ? (uint64_t)h->length : DISPATCH_TO_END;

	if (h->length == 0)
		return err_set(err, NF_E_FORMAT, "'%s': it is empty", p->url);
	if (p->from)
		return other_file(p);
	/* The response contains more than the requested beginning, and includes it. */
	p->is_cut |= p->asked_end != DISPATCH_TO_END;
	return tell_head(p, size, h->ranges, err);
}

static int on_head(void *ctx, const struct transfer_head *head, struct nf_err *err)
{
	struct part *p = ctx;
	struct pool *pool = p->file->nar->engine->opts->pool;
	int rc;

	p->status = head->status;
	p->told_total = head->range_total;
	if (retry_judge(head->status) != RETRY_OK)
		return 0;
	/* A range of another file. */
	if (head->encoded && head->status == 206)
		return other_file(p);
	rc = head->status == 206 ? take_range(p, head, err) : take_whole(p, head, err);
	return rc ? rc
		  : pool_partial_set_etag(pool, &p->file->partial, p->url, head->etag,
					  err);
}

/* ---- the body ---- */

static void count_bytes(const struct part *p, size_t n)
{
	struct engine *e = p->file->nar->engine;

	p->file->cache = p->cache;
	p->cache->stats->bytes += n;
	e->result->fetched_bytes += n;
	progress_cache_came(e->opts->progress, p->cache->shown, n);
	download_file_show(p->file);
	if (!p->is_race)
		progress_add(e->opts->progress, PROGRESS_BYTES_DONE, n);
	dispatch_part_bytes(e->dispatch, p->number, n, engine_now_ms(e));
	/* A cache that restarts from nothing each time makes no progress. */
	if (dispatch_part_attempts(e->dispatch, p->number) == 0)
		outage_progress(e);
}

static int on_data(void *ctx, const void *bytes, size_t len, struct nf_err *err)
{
	struct part *p = ctx;
	struct pool *pool = p->file->nar->engine->opts->pool;
	int rc;

	if (retry_judge(p->status) != RETRY_OK)
		return 0; /* an error page */
	if (len > p->end - p->at && !p->is_cut && !p->is_sized)
		return other_file(p);
	if (len > p->end - p->at && !p->is_cut)
		return err_set(err, NF_E_FORMAT, "'%s': it sent more than it announced",
			       p->url);
	if (len > p->end - p->at)
		len = (size_t)(p->end - p->at);
	rc = pool_partial_write(pool, &p->file->partial, p->at, bytes, len, err);
	if (rc)
		return rc;
	p->at += len;
	xxh3_update(p->digest, bytes, len);
	count_bytes(p, len);
	download_file_grew(p->file);
	return p->is_cut && p->at == p->end ? TRANSFER_ENOUGH : 0;
}

/* ---- the end ---- */

/* Reports to the owner: the part is gone after this. */
static void end(struct part *p, enum dispatch_end how, int64_t retry_at)
{
	const struct part_outcome o = { .how = how, .retry_at = retry_at };

	p->over(p, &o);
}

static void refuse_part(struct part *p, int code, const char *text)
{
	const struct part_outcome o = { DISPATCH_REFUSED, 0, code, text };

	p->over(p, &o);
}

static void on_failure(struct part *p, const struct transfer_done *done, const char *text)
{
	struct engine *e = p->file->nar->engine;
	unsigned attempt = dispatch_part_attempts(e->dispatch, p->number) + 1;
	int64_t wait = outage_delay_ms(e, attempt, done);

	if (p->at - p->from >= DISPATCH_GAIN)
		cache_event(p->cache, HEALTH_OK, NULL);
	cache_event(p->cache, done->connected ? HEALTH_BROKEN : HEALTH_UNREACHABLE, text);
	cache_set_reason(p->cache, p->file->nar->node, NF_E_NET, text);
	if (wait < 0)
		cache_note(p->cache, p->file->nar->node, text);
	end(p, DISPATCH_BROKE, wait < 0 ? DISPATCH_NEVER : engine_now_ms(e) + wait);
}

/* A transfer that this machine ended, or that ended because of what the server sent. */
static void on_refusal(struct part *p, int rc, const char *text)
{
	if (!engine_is_caches_fault(rc)) {
		struct engine *e = p->file->nar->engine;

		engine_broken(e, pool_dir(e->opts->pool), rc, text);
		return;
	}
	cache_event(p->cache, HEALTH_LIED, text);
	refuse_part(p, -rc, text);
}

static void on_success(struct part *p, const struct transfer_done *done)
{
	bool is_short = p->end != DISPATCH_TO_END && p->at < p->end;

	if (p->is_other_file || (is_short && !p->is_sized)) {
		end(p, DISPATCH_NO_RANGE, 0);
	} else if (is_short) {
		/* Complete, as far as the transfer can know. */
		p->cache->stats->net.failures[TRANSFER_FAILED_BREAK]++;
		on_failure(p, done, "it ended too early");
	} else {
		cache_event(p->cache, HEALTH_OK, NULL);
		outage_progress(p->file->nar->engine);
		end(p, DISPATCH_CAME, 0);
	}
}

/* Nothing follows the present bytes. If the size was never reported, they may be the
 * whole file: an earlier run was killed after the last byte. The assembled file is
 * verified anyway. */
static bool may_be_whole(const struct part *p)
{
	return p->from && p->end == DISPATCH_TO_END && !p->file->size &&
	       (p->told_total == UINT64_MAX || p->told_total == p->from);
}

/* The server refused the range, so the whole file is requested; false if there was no
 * range. */
static bool refuses_range(const struct part *p, long status)
{
	return (status == 416 || status == 412) && is_ranged(p);
}

static void on_refused_range(struct part *p, long status)
{
	cache_event(p->cache, HEALTH_OK, NULL);
	end(p, status == 416 && may_be_whole(p) ? DISPATCH_CAME : DISPATCH_NO_RANGE, 0);
}

static void on_done(void *ctx, const struct transfer_done *done, const struct nf_err *err)
{
	struct part *p = ctx;
	char text[128];

	p->transfer = NULL;
	cache_transferring(p->cache, -1);
	if (done->rc == -NF_E_NET && done->cause == TRANSFER_ASTRAY) {
		cache_denied(p->cache, err->text);
		refuse_part(p, NF_E_NET, err->text);
		return;
	}
	if (done->rc == -NF_E_NET) {
		on_failure(p, done, err->text);
		return;
	}
	if (done->rc) {
		on_refusal(p, done->rc, err->text);
		return;
	}
	snprintf(text, sizeof(text), "it answered with HTTP status %ld", done->status);
	if (refuses_range(p, done->status)) {
		on_refused_range(p, done->status);
		return;
	}
	switch (retry_judge(done->status)) {
	case RETRY_OK:
		on_success(p, done);
		break;
	case RETRY_LATER:
		on_failure(p, done, text);
		break;
	case RETRY_ABSENT:
		cache_denied(p->cache, text);
		refuse_part(p, NF_E_MISSING, text);
		break;
	case RETRY_NEVER:
		cache_denied(p->cache, text);
		refuse_part(p, NF_E_NET, text);
		break;
	}
}

void part_ask(struct part *p)
{
	struct wanted_nar *d = p->file->nar;
	struct engine *e = d->engine;
	uint64_t size = p->file->size;
	struct transfer_request req = {
		.url = p->url,
		.max_bytes = NAR_FILE_SIZE_MAX(nar_size_of(p)),
		.large = true,
		.stats = &p->cache->stats->net,
		.ctx = p,
		.head = on_head,
		.data = on_data,
		.done = on_done,
	};

	dispatch_part_range(e->dispatch, p->number, &p->from, &p->end);
	if (p->from >= p->end) {
		end(p, DISPATCH_CAME, 0);
		return;
	}
	p->at = p->from;
	/* A whole file is requested without a range, because not every server supports
	 * ranges. */
	p->asked_end = size && p->end >= size ? DISPATCH_TO_END : p->end;
	req.range_start = p->from;
	req.range_end = p->asked_end == DISPATCH_TO_END ? 0 : p->asked_end - 1;
	req.if_range = partial_state_etag(&p->file->partial.state, p->url);
	cache_transferring(p->cache, 1);
	p->transfer = e->transport.start(e->transport.ctx, &req);
}
