#include "bundle_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <nixferry/key.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"

#define ROOT	 "0123456789abcdfghijklmnpqrsvwxyz-hello-1.0"
#define REQUIRED "1123456789abcdfghijklmnpqrsvwxyz-lib-2"

static void start_fixture(struct fixture *f)
{
	*f = (struct fixture){ .version = 1 };
	f->ring = nf_keyring_new();
	assert_int_equal(nf_secret_key_parse(&f->key, NF_SLICE_LIT(FIXTURE_SECRET), NULL),
			 0);
	assert_int_equal(nf_keyring_add(f->ring, NF_SLICE_LIT(FIXTURE_PUBLIC), NULL), 0);
	assert_int_equal(nf_storepath_parse_base(&f->root, NF_SLICE_LIT(ROOT), NULL), 0);
}

void fixture_add(struct fixture *f, const char *name, const void *p, size_t len)
{
	struct nf_bundle_input *input = &f->inputs[f->count];

	assert_true(f->count < FIXTURE_MEMBERS);
	f->bytes[f->count] = malloc(len + 1);
	assert_non_null(f->bytes[f->count]);
	memcpy(f->bytes[f->count], p, len);
	snprintf(input->name, sizeof(input->name), "%s", name);
	input->size = len;
	input->bytes = f->bytes[f->count];
	input->inodes = strncmp(name, "nar/", 4) == 0 ? 3 : 0;
	hash_bytes(&input->digest, NF_SHA256, p, len);
	f->count++;
}

static void add_noise(struct fixture *f, const char *name, size_t len)
{
	uint32_t state = 2463534242U + (uint32_t)f->count;
	uint8_t *noise = malloc(len + 1);

	assert_non_null(noise);
	for (size_t i = 0; i < len; i++) {
		if (i % 4 == 0) {
			state ^= state << 13;
			state ^= state >> 17;
			state ^= state << 5;
		}
		noise[i] = (uint8_t)(state >> (8 * (i % 4)));
	}
	fixture_add(f, name, noise, len);
	free(noise);
}

static void add_cache_info(struct fixture *f)
{
	static const char text[] = "StoreDir: /nix/store\nWantMassQuery: 1\n";

	fixture_add(f, "nix-cache-info", text, sizeof(text) - 1);
}

void fixture_small(struct fixture *f)
{
	static const char narinfo[] = "StorePath: /nix/store/" ROOT "\nURL: nar/x.nar\n";
	char nar[700];

	start_fixture(f);
	add_cache_info(f);
	fixture_add(f, "0123456789abcdfghijklmnpqrsvwxyz.narinfo", narinfo,
		    sizeof(narinfo) - 1);
	memset(nar, 'x', sizeof(nar));
	fixture_add(f, "nar/x.nar", nar, sizeof(nar));
}

void fixture_small_version(struct fixture *f, unsigned version)
{
	static const char *const made_from[] = {
		"0123456789abcdfghijklmnpqrsvwxyz-hello-0.9"
	};

	fixture_small(f);
	f->version = version;
	if (version < 2)
		return;
	assert_int_equal(
		nf_storepath_parse_base(&f->required.path, NF_SLICE_LIT(REQUIRED), NULL),
		0);
	hash_bytes(&f->required.nar_hash, NF_SHA256, "lib", 3);
	f->terms = (struct nf_bundle_terms){
		.required = &f->required,
		.required_count = 1,
		.series = "web",
		.serial = 7,
		.expires = "2027-01-31",
		.made_from = made_from,
		.made_from_count = 1,
	};
}

void fixture_large(struct fixture *f)
{
	/* Empty, small, around a tar unit, around a block, over several blocks. */
	static const size_t sizes[] = {
		0,	 1,	  511,	 512,	 513,	  70000,   (1 << 20) - 1536,
		1 << 20, 1048577, 30000, 100000, 3000000, 1048064, 7
	};
	const size_t kinds = sizeof(sizes) / sizeof(sizes[0]);
	char name[64];

	start_fixture(f);
	add_cache_info(f);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%032u.narinfo", i);
		add_noise(f, name, 100 * i);
	}
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "nar/%u.nar.zst", i);
		add_noise(f, name, sizes[i % kinds]);
	}
}

void fixture_release(struct fixture *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->bytes[i]);
	nf_secret_key_free(f->key);
	nf_keyring_free(f->ring);
}

int fixture_write(const struct fixture *f, int fd, size_t jobs, struct nf_err *err)
{
	const struct nf_bundle_write_options opts = {
		.inputs = f->inputs,
		.input_count = f->count,
		.roots = &f->root,
		.root_count = 1,
		.key = f->key,
		.version = f->version,
		.terms = &f->terms,
		.jobs = jobs,
	};

	return nf_bundle_write(fd, "test.tar", &opts, err);
}

uint8_t *fixture_bytes(const struct fixture *f, size_t *ret_len)
{
	int fd = fixture_file("", 0);
	uint8_t *bytes;
	off_t len;

	assert_int_equal(fixture_write(f, fd, 2, NULL), 0);
	len = lseek(fd, 0, SEEK_END);
	assert_true(len > 0);
	bytes = malloc((size_t)len);
	assert_non_null(bytes);
	assert_int_equal(pread(fd, bytes, (size_t)len, 0), len);
	close(fd);
	*ret_len = (size_t)len;
	return bytes;
}

int fixture_file(const void *p, size_t len)
{
	int fd = memfd_create("bundle", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, 0), (ssize_t)len);
	return fd;
}

struct fixture_pipe {
	int fds[2];
	const uint8_t *p;
	size_t len;
	bool has_thread;
	pthread_t thread;
};

static void *feed(void *arg)
{
	struct fixture_pipe *pipe = arg;
	size_t done = 0;

	while (done < pipe->len) {
		/* Odd runs: a reader must not rely on whole blocks. */
		size_t run = pipe->len - done < 60001 ? pipe->len - done : 60001;
		ssize_t n = write(pipe->fds[1], pipe->p + done, run);

		if (n < 0 && errno == EPIPE)
			break;
		assert_true(n > 0);
		done += (size_t)n;
	}
	close(pipe->fds[1]);
	return NULL;
}

struct fixture_pipe *fixture_pipe_open(const void *p, size_t len)
{
	struct fixture_pipe *pipe = calloc(1, sizeof(*pipe));

	assert_non_null(pipe);
	signal(SIGPIPE, SIG_IGN);
	pipe->p = p;
	pipe->len = len;
	assert_int_equal(pipe2(pipe->fds, O_CLOEXEC), 0);
	/* What fits into the pipe itself needs no thread. */
	pipe->has_thread = len > 60000;
	if (pipe->has_thread)
		assert_int_equal(pthread_create(&pipe->thread, NULL, feed, pipe), 0);
	else
		feed(pipe);
	return pipe;
}

int fixture_pipe_fd(const struct fixture_pipe *pipe)
{
	return pipe->fds[0];
}

void fixture_pipe_close(struct fixture_pipe *pipe)
{
	close(pipe->fds[0]);
	if (pipe->has_thread)
		pthread_join(pipe->thread, NULL);
	free(pipe);
}

struct fixture_drain {
	int fds[2];
	uint8_t *p;
	size_t len;
	size_t cap;
	pthread_t thread;
};

static void *collect(void *arg)
{
	struct fixture_drain *drain = arg;
	ssize_t n;

	do {
		if (drain->cap - drain->len < 65536) {
			drain->cap = 2 * drain->cap + 65536;
			drain->p = realloc(drain->p, drain->cap);
			assert_non_null(drain->p);
		}
		n = read(drain->fds[0], drain->p + drain->len, drain->cap - drain->len);
		drain->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return NULL;
}

struct fixture_drain *fixture_drain_open(void)
{
	struct fixture_drain *drain = calloc(1, sizeof(*drain));

	assert_non_null(drain);
	assert_int_equal(pipe2(drain->fds, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&drain->thread, NULL, collect, drain), 0);
	return drain;
}

int fixture_drain_fd(const struct fixture_drain *drain)
{
	return drain->fds[1];
}

uint8_t *fixture_drain_take(struct fixture_drain *drain, size_t *ret_len)
{
	uint8_t *p;

	close(drain->fds[1]);
	pthread_join(drain->thread, NULL);
	close(drain->fds[0]);
	p = drain->p;
	*ret_len = drain->len;
	free(drain);
	return p;
}
