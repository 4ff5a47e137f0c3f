/* Probes that need no server: directories, and an address without a server. */
#include "caches/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "pool_fixture.h"

/* Probes the cache at URL; release the report. */
static struct probe_report probe(struct pool_fixture *f, struct substituter *s,
				 const char *url, const struct made *sample)
{
	struct nf_storepath path;
	struct probe_options o = {
		.substituters = s,
		.substituter_count = 1,
		.keys = f->ring,
		.http = { .connect_timeout_ms = 5000 },
	};
	struct probe_report r;

	if (sample) {
		path = sample->info.path;
		o.samples = &path;
		o.sample_count = 1;
	}
	assert_ok(f, substituter_parse(s, nf_slice_str(url), &f->err));
	assert_ok(f, probe_run(&r, &o, &f->err));
	return r;
}

static void directory_lists_its_paths(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *url = mem_printf("file://%s", f->dir);
	struct substituter s;
	struct probe_report r;
	struct made leaf, top, absent;

	made_init(&leaf, f, "leaf", "leaf", NULL);
	made_init(&top, f, "top", "top", (struct made *const[]){ &leaf, NULL });
	made_init(&absent, f, "absent", "absent", NULL);
	pool_fixture_ingest(f, &leaf, 1);
	pool_fixture_ingest(f, &top, 1);

	/* With what it refers to. */
	r = probe(f, &s, url, &top);
	assert_int_equal(r.state, PROBE_OK);
	assert_true(probe_report_usable(&r));
	assert_int_equal(r.asked, 2);
	assert_int_equal(r.found, 2);
	assert_int_equal(r.trusted, 2);
	assert_int_equal(r.key_count, 1);
	assert_string_equal(r.keys[0].name, "test-1");
	assert_int_equal(r.keys[0].state, PROBE_KEY_TRUSTED);
	assert_int_equal(r.priority, 30);
	probe_report_release(&r);
	substituter_release(&s);

	r = probe(f, &s, url, &absent);
	assert_int_equal(r.state, PROBE_OK);
	assert_int_equal(r.asked, 1);
	assert_int_equal(r.found, 0);
	probe_report_release(&r);
	substituter_release(&s);

	/* Without a sample, its own entries are used. */
	r = probe(f, &s, url, NULL);
	assert_int_equal(r.asked, 2);
	assert_int_equal(r.trusted, 2);
	probe_report_release(&r);
	substituter_release(&s);
	made_release(&leaf);
	made_release(&top);
	made_release(&absent);
}

static void cache_for_another_store_is_reported(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *url = mem_printf("file://%s", f->dir);
	AUTO_FREE char *info = pool_fixture_path(f, "nix-cache-info");
	struct substituter s;
	struct probe_report r;

	pool_fixture_write(info, "StoreDir: /gnu/store\n");
	r = probe(f, &s, url, NULL);
	assert_int_equal(r.state, PROBE_OTHER_STORE);
	assert_false(probe_report_usable(&r));
	assert_int_equal(r.asked, 0);
	probe_report_release(&r);
	substituter_release(&s);

	pool_fixture_write(info, "Priority: high\n");
	r = probe(f, &s, url, NULL);
	assert_int_equal(r.state, PROBE_NO_CACHE);
	probe_report_release(&r);
	substituter_release(&s);
}

static void missing_directory_is_refused(void **state)
{
	struct pool_fixture *f = *state;
	AUTO_FREE char *url = mem_printf("file://%s/none", f->top);
	struct substituter s;
	struct probe_report r = probe(f, &s, url, NULL);

	assert_int_equal(r.state, PROBE_REFUSED);
	assert_non_null(r.cause);
	probe_report_release(&r);
	substituter_release(&s);
}

/* A port that is bound but not listened on. */
static void address_without_a_server_is_refused(void **state)
{
	struct pool_fixture *f = *state;
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FREE char *url = NULL;
	struct substituter s;
	struct probe_report r;

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	setenv("no_proxy", "127.0.0.1", 1);
	url = mem_printf("http://127.0.0.1:%d", ntohs(at.sin_port));
	r = probe(f, &s, url, NULL);
	assert_int_equal(r.state, PROBE_REFUSED);
	assert_false(r.answered);
	assert_false(probe_report_usable(&r));
	probe_report_release(&r);
	substituter_release(&s);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(directory_lists_its_paths),
		FIXTURE_TEST(cache_for_another_store_is_reported),
		FIXTURE_TEST(missing_directory_is_refused),
		FIXTURE_TEST(address_without_a_server_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
