#include "answer.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/mem.h"
#include "base/slice.h"
#include "entity.h"

#define BODY_BLOCK    65536
#define HTTP_DATE_MAX 64

/* A body that is generated while it is sent. */
struct body {
	struct entity entity;
	struct fault_effects fx;
	uint64_t start; /* in the entity */
	uint64_t len;
	uint64_t sent;
	int socket;
	const struct answerer *server;
	struct pace pace; /* this body's own */
	char *path;
};

/* The part of an entity that is sent. */
struct range {
	unsigned status; /* 200, 206 or 416 */
	uint64_t start;
	uint64_t len;
};

struct http_request {
	const struct answerer *server;
	struct MHD_Connection *conn;
	const char *path;
	const char *target; /* as requested */
	const char *method;
};

/* True if the client has hung up. */
static bool wait_ms(int socket, int ms)
{
	struct pollfd p = { .fd = socket, .events = POLLRDHUP };

	return poll(&p, 1, ms) != 0;
}

static int socket_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static const char *header_of(struct MHD_Connection *conn, const char *name)
{
	return MHD_lookup_connection_value(conn, MHD_HEADER_KIND, name);
}

/* One write per line, so that lines of several threads do not mix. */
static void log_request(const struct http_request *rq, unsigned status, uint64_t bytes)
{
	const char *range = header_of(rq->conn, MHD_HTTP_HEADER_RANGE);
	const char *auth = header_of(rq->conn, MHD_HTTP_HEADER_AUTHORIZATION);
	char *line;

	if (rq->server->log_fd < 0)
		return;
	if (strcmp(rq->method, MHD_HTTP_METHOD_HEAD) == 0)
		bytes = 0;
	line = mem_printf("%s %s %u %" PRIu64 " %s%s%s\n", rq->method, rq->target, status,
			  bytes, range ? range : "-", auth ? " " : "", auth ? auth : "");
	if (write(rq->server->log_fd, line, strlen(line)) < 0)
		perror("cached: log");
	free(line);
}

static enum MHD_Result log_header(void *cls, enum MHD_ValueKind kind, const char *key,
				  const char *value)
{
	const struct http_request *rq = cls;
	AUTO_FREE char *line = mem_printf("%s %s: %s\n", rq->path, key, value);

	(void)kind;
	if (write(rq->server->header_fd, line, strlen(line)) < 0)
		perror("cached: log");
	return MHD_YES;
}

static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
	if (MHD_add_response_header(r, name, value) != MHD_YES)
		fprintf(stderr, "cached: header %s: %s refused\n", name, value);
}

static enum MHD_Result send_off(struct MHD_Connection *conn, unsigned status,
				struct MHD_Response *r)
{
	enum MHD_Result result = MHD_queue_response(conn, status, r);

	MHD_destroy_response(r);
	return result;
}

static struct MHD_Response *text_response(const char *text)
{
	return MHD_create_response_from_buffer(strlen(text), mem_strdup(text),
					       MHD_RESPMEM_MUST_FREE);
}

static const char *http_date(char out[HTTP_DATE_MAX], time_t t)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, HTTP_DATE_MAX, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return out;
}

/* "+SECONDS" becomes a date. */
static void add_retry_after(struct MHD_Response *r, const char *value)
{
	char date[HTTP_DATE_MAX];

	if (value[0] == '+')
		value = http_date(date, time(NULL) + strtol(value + 1, NULL, 10));
	add_header(r, MHD_HTTP_HEADER_RETRY_AFTER, value);
}

static enum MHD_Result answer_status(const struct http_request *rq, unsigned status,
				     const char *retry_after)
{
	char text[64];
	struct MHD_Response *r;

	snprintf(text, sizeof(text), "this is status %u\n", status);
	r = text_response(text);
	if (retry_after)
		add_retry_after(r, retry_after);
	log_request(rq, status, strlen(text));
	return send_off(rq->conn, status, r);
}

static bool is_authorized(const struct http_request *rq)
{
	const char *wanted = rq->server->auth;
	const char *value = header_of(rq->conn, MHD_HTTP_HEADER_AUTHORIZATION);
	AUTO_FREE char *basic = NULL;

	if (!wanted)
		return true;
	basic = mem_alloc(base64_len(strlen(wanted)) + 1);
	base64_encode(basic, (const uint8_t *)wanted, strlen(wanted));
	return value && strncmp(value, "Basic ", 6) == 0 && strcmp(value + 6, basic) == 0;
}

static enum MHD_Result answer_unauthorized(const struct http_request *rq)
{
	struct MHD_Response *r = text_response("this is for others\n");

	add_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"cache\"");
	log_request(rq, MHD_HTTP_UNAUTHORIZED, 0);
	return send_off(rq->conn, MHD_HTTP_UNAUTHORIZED, r);
}

static enum MHD_Result answer_redirect(const struct http_request *rq, const char *to)
{
	size_t len = strlen(to);
	bool with_path = len && to[len - 1] == '/';
	char *url = mem_printf("%s%s", to, with_path ? rq->path + 1 : "");
	struct MHD_Response *r = text_response("");

	add_header(r, MHD_HTTP_HEADER_LOCATION, url);
	free(url);
	log_request(rq, MHD_HTTP_FOUND, 0);
	return send_off(rq->conn, MHD_HTTP_FOUND, r);
}

/* Whether the client has this entity (true without If-Range). */
static bool if_range_agrees(struct MHD_Connection *conn, const struct entity *e)
{
	const char *value = header_of(conn, MHD_HTTP_HEADER_IF_RANGE);
	char date[HTTP_DATE_MAX];

	return !value || (e->etag[0] && strcmp(value, e->etag) == 0) ||
	       strcmp(value, http_date(date, e->mtime)) == 0;
}

/* One range of bytes; anything else in the header means the whole, as RFC 9110 allows. */
static struct range pick_range(struct nf_slice text, uint64_t size)
{
	struct range whole = { MHD_HTTP_OK, 0, size };
	struct nf_slice first;
	uint64_t from = 0, to = size - 1;

	if (!slice_skip_prefix(&text, "bytes=") || memchr(text.ptr, ',', text.len))
		return whole;
	first = slice_cut(&text, '-');
	if (!text.ptr || (first.len && !slice_parse_u64(first, &from)) ||
	    (text.len && !slice_parse_u64(text, &to)))
		return whole;
	if (!first.len) {
		from = to < size ? size - to : 0;
		to = size - 1;
	}
	if (from >= size || to < from)
		return (struct range){ MHD_HTTP_RANGE_NOT_SATISFIABLE, 0, 0 };
	if (to >= size)
		to = size - 1;
	return (struct range){ MHD_HTTP_PARTIAL_CONTENT, from, to - from + 1 };
}

static struct range range_of(const struct http_request *rq, const struct entity *e,
			     const struct fault_effects *fx)
{
	const char *value = header_of(rq->conn, MHD_HTTP_HEADER_RANGE);

	if (!value && fx->as_range)
		return (struct range){ MHD_HTTP_PARTIAL_CONTENT, 0, e->size };
	if (!value || fx->ignore_range || fx->no_ranges || fx->gzip ||
	    !if_range_agrees(rq->conn, e))
		return (struct range){ MHD_HTTP_OK, 0, e->size };
	return pick_range(nf_slice_str(value), e->size);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static ssize_t body_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct body *b = cls;
	const struct fault_effects *fx = &b->fx;
	uint64_t n = least(max, b->len - pos);
	int ms, shared_ms;

	if (pos >= fx->truncate)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (pos >= fx->stall) {
		wait_ms(b->socket, fx->stall_ms);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	n = least(n, least(fx->truncate, fx->stall) - pos);
	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	n = pace_slice(&b->pace, pace_slice(b->server->pace, n));
	ms = pace_take(&b->pace, n);
	shared_ms = pace_take(b->server->pace, n);
	if (shared_ms > ms)
		ms = shared_ms;
	if (ms && wait_ms(b->socket, ms))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = (uint64_t)entity_read(&b->entity, b->start + pos, out, (size_t)n);
	if ((ssize_t)n > 0)
		b->sent = pos + n;
	return (ssize_t)n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : (ssize_t)n;
}

static void log_sent(const struct body *b)
{
	AUTO_FREE char *line =
		mem_printf("%s %" PRIu64 " %" PRIu64 "\n", b->path, b->start, b->sent);

	if (b->server->sent_fd >= 0 && write(b->server->sent_fd, line, strlen(line)) < 0)
		perror("cached: log");
}

static void body_free(void *cls)
{
	struct body *b = cls;

	log_sent(b);
	free(b->path);
	entity_release(&b->entity);
	fault_effects_release(&b->fx);
	free(b);
}

/* True if the bytes are sent unchanged. */
static bool is_plain(const struct answerer *server, const struct entity *e,
		     const struct fault_effects *fx)
{
	return entity_is_plain(e) && !fx->rate && !server->pace->rate && !fx->chunked &&
	       least(fx->truncate, fx->stall) == FAULT_NEVER;
}

/* Takes over the entity; FX's strings are no longer needed. */
static struct MHD_Response *body_response(const struct http_request *rq, struct entity *e,
					  const struct fault_effects *fx,
					  const struct range *range)
{
	struct body *b;

	if (range->len == 0) {
		entity_release(e);
		return text_response("");
	}
	if (is_plain(rq->server, e, fx))
		return MHD_create_response_from_fd_at_offset64(range->len, e->fd,
							       range->start);
	b = mem_alloc(sizeof(*b));
	*b = (struct body){ .entity = *e,
			    .fx = *fx,
			    .start = range->start,
			    .len = range->len,
			    .socket = socket_of(rq->conn),
			    .server = rq->server,
			    .pace = PACE_INIT,
			    .path = mem_strdup(rq->path) };
	b->fx.retry_after = b->fx.location = b->fx.body_file = b->fx.encoding = NULL;
	b->pace.rate = fx->rate;
	return MHD_create_response_from_callback(fx->chunked ? MHD_SIZE_UNKNOWN : b->len,
						 BODY_BLOCK, body_read, b, body_free);
}

static void add_range_header(struct MHD_Response *r, const struct range *range,
			     const struct entity *e, const struct fault_effects *fx)
{
	char text[96];

	if (range->status == MHD_HTTP_PARTIAL_CONTENT)
		snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
			 range->start + fx->wrong_start,
			 range->start + range->len - 1 + fx->wrong_end,
			 e->size + fx->wrong_total);
	else
		snprintf(text, sizeof(text), "bytes */%" PRIu64, e->size);
	add_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, text);
}

static enum MHD_Result answer_entity(const struct http_request *rq, struct entity *e,
				     const struct fault_effects *fx)
{
	struct range range = range_of(rq, e, fx);
	struct entity head = *e;
	struct MHD_Response *r;
	char date[HTTP_DATE_MAX];

	if (fx->wrong_range && range.start + range.len < e->size)
		range.start++;
	log_request(rq, range.status, least(range.len, least(fx->truncate, fx->stall)));
	r = body_response(rq, e, fx, &range);
	if (!r)
		return MHD_NO;
	if (range.status != MHD_HTTP_OK)
		add_range_header(r, &range, &head, fx);
	if (!fx->no_ranges)
		add_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	if (head.etag[0])
		add_header(r, MHD_HTTP_HEADER_ETAG, head.etag);
	if (fx->gzip)
		add_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (fx->encoding)
		add_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, fx->encoding);
	add_header(r, MHD_HTTP_HEADER_LAST_MODIFIED, http_date(date, head.mtime));
	return send_off(rq->conn, range.status, r);
}

static enum MHD_Result answer(const struct http_request *rq,
			      const struct fault_effects *fx)
{
	struct entity e;

	if (fx->delay_ms && wait_ms(socket_of(rq->conn), (int)fx->delay_ms))
		return MHD_NO;
	if (fx->refuse) {
		log_request(rq, 0, 0);
		return MHD_NO;
	}
	if (fx->status)
		return answer_status(rq, fx->status, fx->retry_after);
	if (fx->redirect_loop)
		return answer_redirect(rq, rq->path);
	if (fx->location)
		return answer_redirect(rq, fx->location);
	if (!entity_open(&e, rq->server->root_fd, rq->path, fx))
		return answer_status(rq, MHD_HTTP_NOT_FOUND, NULL);
	return answer_entity(rq, &e, fx);
}

/* A client that uses this server as a proxy sends the whole URL: the host is ignored. */
static const char *path_of(const char *target)
{
	const char *host = strstr(target, "://"), *path;

	if (target[0] == '/' || !host)
		return target;
	path = strchr(host + 3, '/');
	return path ? path : "/";
}

enum MHD_Result answer_request(void *cls, struct MHD_Connection *conn, const char *url,
			       const char *method, const char *version,
			       const char *upload, size_t *upload_size, void **con_cls)
{
	struct http_request rq = { cls, conn, path_of(url), url, method };
	struct fault_effects fx;
	enum MHD_Result result;
	struct nf_err err;

	(void)version;
	(void)upload;
	/* Responding before the end of the request would cost the connection. */
	if (!*con_cls || *upload_size) {
		*con_cls = cls;
		*upload_size = 0;
		return MHD_YES;
	}
	if (rq.server->header_fd >= 0)
		MHD_get_connection_values(conn, MHD_HEADER_KIND, log_header, &rq);
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_status(&rq, MHD_HTTP_METHOD_NOT_ALLOWED, NULL);
	if (!is_authorized(&rq))
		return answer_unauthorized(&rq);
	if (fault_table_match(rq.server->faults, rq.path, &fx, &err)) {
		/* A test with a misspelt fault must not pass. */
		fprintf(stderr, "cached: %s\n", err.text);
		_exit(2);
	}
	result = answer(&rq, &fx);
	fault_effects_release(&fx);
	return result;
}
