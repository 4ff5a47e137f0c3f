#include "http/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "expect.h"

#include "base/mem.h"

/* ---- a server: one connection, one answer to each request on it ---- */

struct test_server {
	int fd;
	uint16_t port;
	pthread_t thread;
};

static void *serve(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct test_server *s = arg;
	char request[4096];
	int fd = accept(s->fd, NULL, NULL);

	while (fd >= 0 && read(fd, request, sizeof(request)) > 0)
		if (write(fd, answer, sizeof(answer) - 1) < 0)
			break;
	if (fd >= 0)
		close(fd);
	return NULL;
}

static void server_start(struct test_server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct test_server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

/* ---- transfers ---- */

struct result {
	bool done;
	int rc;
	long status;
	size_t len;
	char body[8];
};

static int on_data(void *ctx, const void *p, size_t len, struct nf_err *err)
{
	struct result *r = ctx;

	(void)err;
	assert_true(r->len + len < sizeof(r->body));
	memcpy(r->body + r->len, p, len);
	r->len += len;
	return 0;
}

static void on_done(void *ctx, const struct transfer_done *d, const struct nf_err *err)
{
	struct result *r = ctx;

	(void)err;
	r->done = true;
	r->rc = d->rc;
	r->status = d->status;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The answer is here before transfers_run is called, and nothing else is under way that
 * could end its wait. */
static void arrived_bytes_are_reported_without_waiting(void **state)
{
	const struct transfers_options opts = { .connections = 4,
						.connections_per_host = 4,
						.connect_timeout_ms = 60000,
						.stall_timeout_s = 60 };
	AUTO(transfers_freep) struct transfers *t = NULL;
	AUTO_FREE char *url = NULL;
	struct result r = { 0 };
	struct test_server server;
	double start;

	(void)state;
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	server_start(&server);
	url = mem_printf("http://127.0.0.1:%u/x", server.port);
	assert_int_equal(transfers_new(&t, &opts, NULL), 0);
	transfers_start(t, &(struct transfer_request){ .url = url,
						       .max_bytes = 100,
						       .ctx = &r,
						       .data = on_data,
						       .done = on_done });
	start = seconds();
	for (int i = 0; i < 100 && !r.done; i++) {
		assert_int_equal(transfers_run(t, 60000, NULL), 0);
		usleep(100000);
	}
	assert_true(r.done);
	assert_true(seconds() - start < 50);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "ok");
	assert_int_equal(transfers_active(t), 0);
	transfers_free(TAKE_PTR(t));
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrived_bytes_are_reported_without_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
