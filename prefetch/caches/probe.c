#include "caches/probe.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/stream.h"
#include "caches/local_cache.h"
#include "http/retry.h"
#include "http/transfer.h"

#define CONNECTIONS 64
/* The first request sets up the connection; the median ignores it. */
#define ROUNDS 3
/* Part of a NAR, large enough to get past TCP's slow start on most links. */
#define NAR_BYTES	(4 * MIB)
#define NAR_BYTES_LEAST (256 * KIB) /* a smaller transfer mostly measures latency */
#define NAR_MS		2000

struct probed_cache {
	struct probe *probe;
	const struct substituter *conf;
	struct probe_report *report;
	unsigned rounds; /* number of samples done */
	uint32_t round_us[ROUNDS];
	unsigned pending; /* number of requests in progress */
	size_t cursor;	  /* samples before it have been requested */
	char *nar;	  /* URL of the largest NAR of the sample, or NULL */
	uint64_t nar_size;
};

struct probe {
	const struct probe_options *opts;
	struct transfers *transfers;
	struct probed_cache *caches;
	struct nf_storepath samples[PROBE_SAMPLES_MAX];
	size_t sample_count;
	LIST_HEAD(, request) requests; /* in progress */
	int timeout_ms;
};

/* For a request of no sample path: nix-cache-info, or any narinfo of a directory. */
#define SAMPLE_NONE SIZE_MAX

struct request {
	struct probed_cache *cache;
	LIST_ENTRY(request) link;
	size_t sample; /* index of the sample, or SAMPLE_NONE */
	struct buf body;
	char *url;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- the sample ---- */

static void add_sample(struct probe *p, const struct nf_storepath *path)
{
	if (p->sample_count == PROBE_SAMPLES_MAX)
		return;
	for (size_t i = 0; i < p->sample_count; i++)
		if (nf_storepath_cmp(&p->samples[i], path) == 0)
			return;
	p->samples[p->sample_count++] = *path;
}

static void add_references(struct probe *p, const struct nf_pathinfo *info)
{
	struct nf_storepath path;

	for (size_t i = 0; i < info->nrefs; i++)
		if (nf_storepath_parse_base(&path, info->refs[i], NULL) == 0)
			add_sample(p, &path);
}

/* A larger NAR is better for measuring throughput. */
static void consider_nar(struct probed_cache *c, const struct nf_narinfo *ni)
{
	uint64_t size = ni->file_size ? ni->file_size : ni->info.nar_size / 4;

	if (c->nar && size <= c->nar_size)
		return;
	free(c->nar);
	c->nar = mem_strndup(ni->url.ptr, ni->url.len);
	c->nar_size = size;
}

/* Takes the response for a sample; RC is not 0 if it cannot be read. */
static void take_facts(struct probed_cache *c, size_t sample, struct nf_narinfo *ni,
		       int rc)
{
	struct probe *p = c->probe;

	if (rc) {
		c->report->malformed++;
		return;
	}
	probe_report_narinfo(c->report, ni, p->opts->keys);
	consider_nar(c, ni);
	if (sample != SAMPLE_NONE)
		add_references(p, &ni->info);
}

static void take_narinfo(struct probed_cache *c, size_t sample, struct nf_slice text)
{
	bool any = sample == SAMPLE_NONE;
	struct nf_narinfo ni;
	int rc = any ? nf_narinfo_parse(&ni, text, NULL)
		     : nf_narinfo_parse_for(&ni, &c->probe->samples[sample], text, NULL);

	take_facts(c, sample, &ni, rc);
	nf_narinfo_release(&ni);
}

/* ---- HTTP ---- */

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t to_us(double seconds)
{
	return seconds > 0 && seconds < 3600 ? (uint32_t)(seconds * 1e6) : 0;
}

static void take_round(struct probed_cache *c, const struct transfer_done *d)
{
	struct probe_report *r = c->report;

	if (c->rounds == 0) {
		r->connect_us = to_us(d->connect_s);
		r->tls = strncmp(c->conf->url, "https:", 6) == 0;
		memcpy(r->http_version, d->http_version, sizeof(r->http_version));
	}
	c->round_us[c->rounds++] = to_us(d->answer_s);
	if (c->rounds < ROUNDS)
		return;
	qsort(c->round_us, ROUNDS, sizeof(c->round_us[0]), compare_u32);
	r->latency_us = c->round_us[ROUNDS / 2];
}

static enum probe_state state_of(const struct transfer_done *d)
{
	switch (d->cause) {
	case TRANSFER_NO_HOST:
		return PROBE_NO_HOST;
	case TRANSFER_REFUSED:
		return PROBE_REFUSED;
	case TRANSFER_TIMEOUT:
		return PROBE_TIMEOUT;
	case TRANSFER_TLS:
		return PROBE_TLS;
	case TRANSFER_ASTRAY:
	case TRANSFER_OTHER:
		break;
	}
	return PROBE_BROKEN;
}

static void take_answer(struct request *rq, const struct transfer_done *d)
{
	struct probed_cache *c = rq->cache;
	bool there = retry_judge(d->status) == RETRY_OK;

	if (rq->sample != SAMPLE_NONE) {
		if (there)
			take_narinfo(c, rq->sample, buf_slice(&rq->body));
		return;
	}
	if (c->rounds == 0)
		probe_report_cache_info(c->report,
					there ? buf_slice(&rq->body) : nf_slice_str(""));
	take_round(c, d);
}

static void request_free(struct request *rq)
{
	LIST_REMOVE(rq, link);
	rq->cache->pending--;
	buf_release(&rq->body);
	free(rq->url);
	free(rq);
}

static int on_data(void *ctx, const void *p, size_t len, struct nf_err *err)
{
	struct request *rq = ctx;

	buf_add(&rq->body, p, len);
	if (buf_failed(&rq->body))
		return err_set(err, NF_E_LIMIT, "the answer is too long");
	return 0;
}

static void on_done(void *ctx, const struct transfer_done *d, const struct nf_err *err)
{
	struct request *rq = ctx;
	struct probe_report *r = rq->cache->report;
	char text[64];

	snprintf(text, sizeof(text), "it answered with HTTP status %ld", d->status);
	r->answers += d->status != 0;
	r->forbidden += d->status == 403;
	/* An error page that is too long is not a separate failure. */
	if (d->rc && !(d->rc == -NF_E_LIMIT && retry_judge(d->status) != RETRY_OK)) {
		probe_report_fail(r, state_of(d), err->text);
	} else if (retry_judge(d->status) == RETRY_OK ||
		   retry_judge(d->status) == RETRY_ABSENT) {
		take_answer(rq, d);
	} else {
		r->answered = true;
		r->status = r->state == PROBE_OK ? d->status : r->status;
		probe_report_fail(r, PROBE_HTTP, text);
	}
	request_free(rq);
}

static void ask_cache(struct probed_cache *c, size_t sample)
{
	struct request *rq = mem_calloc(1, sizeof(*rq));
	char file[NF_STOREPATH_HASH_LEN + sizeof(".narinfo")] = "nix-cache-info";
	struct transfer_request req = {
		.timeout_ms = c->probe->timeout_ms,
		.ctx = rq,
		.data = on_data,
		.done = on_done,
	};

	rq->cache = c;
	rq->sample = sample;
	buf_init(&rq->body, NIX_CACHE_INFO_MAX);
	if (sample != SAMPLE_NONE) {
		snprintf(file, sizeof(file), "%.32s.narinfo",
			 c->probe->samples[sample].base);
		buf_init(&rq->body, NARINFO_MAX);
		c->report->asked++;
	}
	rq->url = substituter_resolve(c->conf, file);
	req.url = rq->url;
	req.max_bytes = rq->body.max;
	c->pending++;
	LIST_INSERT_HEAD(&c->probe->requests, rq, link);
	transfers_start(c->probe->transfers, &req);
}

/* First one request at a time, to measure latency; then the rest of the sample at
 * once. */
static void pump(struct probed_cache *c)
{
	if (c->conf->kind != SUBSTITUTER_HTTP || c->report->state != PROBE_OK)
		return;
	if (c->rounds < ROUNDS) {
		if (!c->pending)
			ask_cache(c, SAMPLE_NONE);
		return;
	}
	while (c->cursor < c->probe->sample_count)
		ask_cache(c, c->cursor++);
}

static int run_all(struct probe *p, struct nf_err *err)
{
	int rc;

	for (;;) {
		for (size_t i = 0; i < p->opts->substituter_count; i++)
			pump(&p->caches[i]);
		if (transfers_active(p->transfers) == 0)
			return 0;
		rc = interrupt_check(err);
		if (!rc)
			rc = transfers_run(p->transfers, TRANSFERS_POLL_MS, err);
		if (rc)
			return rc;
	}
}

/* ---- throughput ---- */

struct measure {
	uint64_t bytes;
	uint64_t first_bytes; /* came with the first byte: not counted in the speed */
	uint64_t started_us, last_us;
	bool counts;
};

static void measure_add(struct measure *m, uint64_t len)
{
	m->last_us = now_us();
	if (!m->started_us) {
		m->started_us = m->last_us;
		m->first_bytes = len;
	}
	m->bytes += len;
}

static uint64_t measure_result(const struct measure *m)
{
	if (m->bytes < NAR_BYTES_LEAST || m->last_us == m->started_us)
		return 0;
	return (m->bytes - m->first_bytes) * 1000000 / (m->last_us - m->started_us);
}

static int on_nar_head(void *ctx, const struct transfer_head *head, struct nf_err *err)
{
	struct measure *m = ctx;

	(void)err;
	m->counts = retry_judge(head->status) == RETRY_OK;
	return 0;
}

static int on_nar_data(void *ctx, const void *p, size_t len, struct nf_err *err)
{
	struct measure *m = ctx;

	(void)p;
	if (m->counts)
		measure_add(m, len);
	if (m->bytes >= NAR_BYTES)
		return err_set(err, NF_E_LIMIT, "enough");
	return 0;
}

static void on_nar_done(void *ctx, const struct transfer_done *d,
			const struct nf_err *err)
{
	(void)ctx;
	(void)d;
	(void)err;
}

static int measure_http(struct probed_cache *c, struct nf_err *err)
{
	AUTO_FREE char *url = substituter_resolve(c->conf, c->nar);
	struct measure m = { 0 };
	struct transfer_request req = {
		.url = url,
		.range_end = NAR_BYTES - 1,
		.max_bytes = UINT64_MAX,
		.timeout_ms = NAR_MS,
		.large = true,
		.ctx = &m,
		.head = on_nar_head,
		.data = on_nar_data,
		.done = on_nar_done,
	};
	struct transfer *x;
	int rc = 0;

	if (!url)
		return 0;
	x = transfers_start(c->probe->transfers, &req);
	while (!rc && transfers_active(c->probe->transfers)) {
		rc = interrupt_check(err);
		if (!rc)
			rc = transfers_run(c->probe->transfers, TRANSFERS_POLL_MS, err);
	}
	if (transfers_active(c->probe->transfers))
		transfers_cancel(x); /* points to M */
	c->report->throughput = measure_result(&m);
	return rc;
}

/* ---- on this machine ---- */

/* Picks some narinfos of a directory. */
static void read_entries(struct probed_cache *c)
{
	DIR *dir = opendir(c->conf->path);
	struct dirent *entry;

	while (dir && c->report->asked < PROBE_SAMPLES_MAX && (entry = readdir(dir))) {
		AUTO_BUF struct buf text = { 0 };

		buf_init(&text, NARINFO_MAX);
		if (!slice_ends_with(nf_slice_str(entry->d_name), ".narinfo"))
			continue;
		c->report->asked++;
		if (file_read_at(dirfd(dir), entry->d_name, &text, NULL))
			c->report->malformed++;
		else
			take_narinfo(c, SAMPLE_NONE, buf_slice(&text));
	}
	if (dir)
		closedir(dir);
}

static void read_samples(struct probed_cache *c, struct local_cache *src)
{
	struct probe *p = c->probe;

	/* Their references are appended to the list. */
	for (size_t i = 0; i < p->sample_count; i++) {
		struct nf_narinfo ni;
		int rc = local_cache_find(src, &p->samples[i], &ni, NULL);

		c->report->asked++;
		if (rc != -NF_E_MISSING)
			take_facts(c, i, &ni, rc);
		nf_narinfo_release(&ni);
	}
	if (p->sample_count == 0)
		read_entries(c);
}

static void measure_local(struct probed_cache *c, const struct local_cache *src)
{
	AUTO(source_closep) struct nf_source *in = NULL;
	struct measure m = { 0 };
	struct nf_slice run = { 0 };
	uint64_t size;

	/* The speed of a store's files does not depend on the path. */
	if (!c->nar || local_cache_dumps(src) ||
	    local_cache_nar(src, NULL, c->nar, &in, &size, NULL))
		return;
	measure_add(&m, 0);
	do {
		if (source_next(in, &run, NULL))
			return;
		if (run.len)
			measure_add(&m, run.len);
	} while (run.len && m.bytes < NAR_BYTES &&
		 m.last_us - m.started_us < NAR_MS * 1000ULL);
	c->report->throughput = measure_result(&m);
}

static void probe_local(struct probed_cache *c)
{
	AUTO(local_cache_freep) struct local_cache *src = NULL;
	AUTO_BUF struct buf text = { 0 };
	struct nf_err err;
	int rc;

	buf_init(&text, NIX_CACHE_INFO_MAX);
	if (local_cache_open(&src, c->conf, c->probe->opts->keys, &err)) {
		probe_report_fail(c->report, PROBE_REFUSED, err.text);
		return;
	}
	rc = local_cache_info(src, &text, &err);
	if (rc && rc != -NF_E_MISSING) {
		probe_report_fail(c->report, PROBE_NO_CACHE, err.text);
		return;
	}
	probe_report_cache_info(c->report, buf_slice(&text));
	if (c->report->state != PROBE_OK)
		return;
	read_samples(c, src);
	measure_local(c, src);
}

/* ---- interface ---- */

static void probe_init(struct probe *p, struct probe_report *ret)
{
	const struct probe_options *o = p->opts;

	p->timeout_ms = o->http.connect_timeout_ms ? o->http.connect_timeout_ms
						   : TRANSFERS_CONNECT_TIMEOUT_MS;
	p->caches = mem_calloc(o->substituter_count, sizeof(p->caches[0]));
	for (size_t i = 0; i < o->substituter_count; i++) {
		ret[i] = (struct probe_report){ .conf = &o->substituters[i] };
		p->caches[i] = (struct probed_cache){ .probe = p,
						      .conf = &o->substituters[i],
						      .report = &ret[i] };
	}
	for (size_t i = 0; i < o->sample_count; i++)
		add_sample(p, &o->samples[i]);
}

static void probe_release(struct probe *p)
{
	struct request *next;

	for (struct request *rq = LIST_FIRST(&p->requests); rq; rq = next) {
		next = LIST_NEXT(rq, link);
		request_free(rq);
	}
	for (size_t i = 0; i < p->opts->substituter_count; i++)
		free(p->caches[i].nar);
	free(p->caches);
}

static int run_probes(struct probe *p, struct nf_err *err)
{
	const struct probe_options *o = p->opts;
	int rc = run_all(p, err);

	for (size_t i = 0; !rc && i < o->substituter_count; i++) {
		struct probed_cache *c = &p->caches[i];

		if (c->conf->kind != SUBSTITUTER_HTTP)
			probe_local(c);
		else if (c->nar && c->report->state == PROBE_OK)
			rc = measure_http(c, err);
	}
	return rc;
}

int probe_run(struct probe_report *ret, const struct probe_options *opts,
	      struct nf_err *err)
{
	struct probe p = { .opts = opts };
	struct transfers_options t = opts->http;
	int rc;

	probe_init(&p, ret);
	if (!t.connections)
		t.connections = CONNECTIONS;
	if (!t.connections_per_host)
		t.connections_per_host = t.connections;
	t.connect_timeout_ms = p.timeout_ms;
	t.stall_timeout_s = p.timeout_ms / 1000 + 1;
	rc = transfers_new(&p.transfers, &t, err);
	if (!rc) {
		rc = run_probes(&p, err);
		transfers_free(p.transfers);
	}
	probe_release(&p);
	return rc;
}
