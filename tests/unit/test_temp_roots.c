#include "store/temp_roots.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/interrupt.h"
#include "base/mem.h"
#include "temp_dir.h"

#define A	  "sgii4f5h9d2lym14f3av1r80w53l9k82-tree"
#define B	  "xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-f"
#define TEMPROOTS "nix/var/nix/temproots/"

struct temp_roots_fixture {
	struct temp_dir *dir;
	struct target target;
	char name[64]; /* of our file */
};

static int setup(void **state)
{
	static struct temp_roots_fixture f;

	temp_dir_setup((void **)&f.dir);
	assert_int_equal(target_open(&f.target, f.dir->path, NULL), 0);
	snprintf(f.name, sizeof(f.name), TEMPROOTS "%d", getpid());
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct temp_roots_fixture *f = *state;

	target_close(&f->target);
	return temp_dir_teardown((void **)&f->dir);
}

static struct temp_roots *open_roots(const struct temp_roots_fixture *f)
{
	struct temp_roots *r = NULL;
	struct nf_err err = { 0 };

	if (temp_roots_open(&r, &f->target, NULL, &err))
		fail_msg("%s", err.text);
	return r;
}

static void protect_path(struct temp_roots *r, const char *base)
{
	struct nf_err err = { 0 };

	if (temp_roots_add(r, nf_slice_str(base), &err))
		fail_msg("%s", err.text);
}

/* What a collector reads in the file NAME. */
static void assert_roots(const struct temp_roots_fixture *f, const char *name,
			 const char *want, size_t len)
{
	char have[256];
	int fd = openat(f->dir->fd, name, O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(fd, have, sizeof(have)), len);
	assert_memory_equal(have, want, len);
	close(fd);
}

static int lock_gc(const struct temp_roots_fixture *f, int how)
{
	int fd = openat(f->dir->fd, "nix/var/nix/gc.lock", O_RDWR | O_CREAT | O_CLOEXEC,
			0600);

	assert_true(fd >= 0);
	if (!flock(fd, how | LOCK_NB))
		return fd;
	close(fd);
	return -1;
}

/* ---- our file ---- */

static void paths_are_written_once_for_collectors(void **state)
{
	const struct temp_roots_fixture *f = *state;
	const char want[] = "/nix/store/" A "\0/nix/store/" B;
	struct temp_roots *r = open_roots(f);

	protect_path(r, A);
	temp_roots_allow_gc(r);
	protect_path(r, B);
	protect_path(r, A);
	assert_roots(f, f->name, want, sizeof(want));
	temp_roots_free(r);
	assert_false(temp_dir_has(f->dir, f->name));
}

static void the_file_is_locked_and_private(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	int fd = openat(f->dir->fd, f->name, O_RDWR | O_CLOEXEC);

	assert_int_equal(temp_dir_stat(f->dir, f->name).st_mode & 07777, 0600);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	close(fd);
}

static void the_file_of_a_dead_process_is_replaced(void **state)
{
	const struct temp_roots_fixture *f = *state;
	const char want[] = "/nix/store/" A;
	struct temp_roots *r;
	int fd;

	temp_dir_write(f->dir, f->name, "/nix/store/" B);
	fd = openat(f->dir->fd, f->name, O_RDONLY | O_CLOEXEC);
	r = open_roots(f);
	protect_path(r, A);
	assert_roots(f, f->name, want, sizeof(want));
	/* Whoever has the old file open finds it no longer valid. */
	assert_true(lseek(fd, 0, SEEK_END) > 0);
	close(fd);
	temp_roots_free(r);
}

static void a_process_of_another_namespace_keeps_its_file(void **state)
{
	const struct temp_roots_fixture *f = *state;
	const char want[] = "/nix/store/" A;
	struct temp_roots *r;
	char other[64];
	int fd;

	temp_dir_write(f->dir, f->name, "/nix/store/" B);
	fd = openat(f->dir->fd, f->name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	r = open_roots(f);
	protect_path(r, A);
	snprintf(other, sizeof(other), TEMPROOTS "%ld", getpid() + (1L << 22));
	assert_roots(f, other, want, sizeof(want));
	assert_roots(f, f->name, "/nix/store/" B, strlen("/nix/store/" B));
	temp_roots_free(r);
	assert_false(temp_dir_has(f->dir, other));
	assert_true(temp_dir_has(f->dir, f->name));
	close(fd);
}

static void what_is_no_file_of_ours_is_refused(void **state)
{
	static const struct {
		const char *command; /* makes "$1" */
		const char *text;
		bool by_root;
	} rows[] = {
		{ "mkfifo $1", "is a FIFO, not a regular file", false },
		{ "ln -s /etc/passwd $1", "is a symbolic link, not a regular", false },
		{ "mkdir $1", "is a directory, not a regular file", false },
		{ "touch $1; ln $1 $1.2", "has 2 hard links", false },
		{ "touch $1; chmod 666 $1", "can be written by other users", false },
		{ "touch $1; chown 65534 $1", "belongs to user 65534", true },
	};
	const struct temp_roots_fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct temp_roots *r = NULL;
		struct nf_err err;

		if (rows[i].by_root && geteuid() != 0)
			continue;
		free(temp_dir_run(NULL, "cd '%s'; set -- %s; rm -rf $1 $1.2; %s",
				  f->dir->path, f->name, rows[i].command));
		assert_int_equal(temp_roots_open(&r, &f->target, NULL, &err), -NF_E_SYS);
		if (!strstr(err.text, rows[i].text))
			fail_msg("%s: %s", rows[i].command, err.text);
		assert_true(temp_dir_has(f->dir, f->name));
	}
}

/* ---- collectors ---- */

static void collectors_wait_until_they_are_allowed(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	int fd;

	assert_int_equal(lock_gc(f, LOCK_EX), -1);
	protect_path(r, A);
	assert_int_equal(lock_gc(f, LOCK_EX), -1);
	temp_roots_allow_gc(r);
	protect_path(r, B);
	fd = lock_gc(f, LOCK_EX);
	assert_true(fd >= 0);
	close(fd);
}

/* A collector: it hears so many paths, answers each, goes on for a while, and ends. */
struct collector {
	unsigned paths;
	char answer; /* 0: none */
	unsigned goes_on_us;
	bool stays; /* until collector_end */
	int lock_fd;
	int socket_fd;
	pthread_t thread;
	char heard[512];
	atomic_bool has_ended;
};

static void hear(struct collector *c, int fd)
{
	size_t len = strlen(c->heard);

	while (len + 1 < sizeof(c->heard) && read(fd, c->heard + len, 1) == 1)
		if (c->heard[len++] == '\n')
			break;
	if (c->answer)
		assert_int_equal(write(fd, &c->answer, 1), 1);
}

static void *run_collector(void *arg)
{
	struct collector *c = arg;
	int fd = accept(c->socket_fd, NULL, NULL);

	for (unsigned i = 0; i < c->paths; i++)
		hear(c, fd);
	usleep(c->goes_on_us);
	c->has_ended = !c->stays;
	if (!c->stays)
		close(c->lock_fd);
	close(fd);
	return NULL;
}

static void collector_start(struct collector *c, const struct temp_roots_fixture *f)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path, sizeof(name.sun_path), "%s/nix/var/nix/gc-socket/socket",
		 f->dir->path);
	temp_dir_mkdir(f->dir, "nix/var/nix/gc-socket");
	c->lock_fd = lock_gc(f, LOCK_EX);
	assert_true(c->lock_fd >= 0);
	c->socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(c->socket_fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(c->socket_fd, 5), 0);
	assert_int_equal(pthread_create(&c->thread, NULL, run_collector, c), 0);
}

static void collector_end(struct collector *c)
{
	pthread_join(c->thread, NULL);
	close(c->socket_fd);
	if (c->stays)
		close(c->lock_fd);
}

static void a_running_collector_is_told_and_waited_for(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	struct collector c = { .paths = 1, .answer = '1', .goes_on_us = 300000 };
	const char want[] = "/nix/store/" A;

	temp_roots_allow_gc(r);
	collector_start(&c, f);
	protect_path(r, A);
	assert_true(c.has_ended);
	collector_end(&c);
	assert_string_equal(c.heard, "/nix/store/" A "\n");
	assert_roots(f, f->name, want, sizeof(want));
}

static void a_collector_may_end_without_an_answer(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	struct collector c = { .paths = 1 };

	temp_roots_allow_gc(r);
	collector_start(&c, f);
	protect_path(r, A);
	assert_true(c.has_ended);
	collector_end(&c);
	/* The socket that it leaves is of no importance. */
	protect_path(r, B);
}

static void a_strange_answer_is_an_error(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	struct collector c = { .paths = 1, .answer = '0', .stays = true };
	struct nf_err err;

	temp_roots_allow_gc(r);
	collector_start(&c, f);
	assert_int_equal(temp_roots_add(r, NF_SLICE_LIT(A), &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "not the answer of a garbage collector"));
	collector_end(&c);
}

static void what_was_made_is_handed_over_to_a_running_collector(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	struct collector c = { .paths = 2, .answer = '1', .stays = true };

	protect_path(r, A);
	protect_path(r, B);
	temp_roots_allow_gc(r);
	assert_int_equal(temp_roots_hand_over(r, NULL), 0);
	collector_start(&c, f);
	assert_int_equal(temp_roots_hand_over(r, NULL), 0);
	collector_end(&c);
	assert_string_equal(c.heard, "/nix/store/" A "\n/nix/store/" B "\n");
}

static void waiting_can_be_interrupted(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	int fd;

	temp_roots_allow_gc(r);
	fd = lock_gc(f, LOCK_EX);
	interrupt_set(true);
	assert_int_equal(temp_roots_add(r, NF_SLICE_LIT(A), NULL), -NF_E_INTR);
	assert_int_equal(temp_roots_hand_over(r, NULL), -NF_E_INTR);
	interrupt_set(false);
	close(fd);
	protect_path(r, A);
}

static void a_socket_that_others_could_have_made_is_refused(void **state)
{
	const struct temp_roots_fixture *f = *state;
	AUTO(temp_roots_freep) struct temp_roots *r = open_roots(f);
	struct nf_err err;
	int fd;

	temp_roots_allow_gc(r);
	temp_dir_mkdir(f->dir, "nix/var/nix/gc-socket");
	free(temp_dir_run(NULL, "chmod 777 '%s/nix/var/nix/gc-socket'", f->dir->path));
	fd = lock_gc(f, LOCK_EX);
	assert_int_equal(temp_roots_add(r, NF_SLICE_LIT(A), &err), -NF_E_SYS);
	assert_non_null(strstr(err.text, "gc-socket' can be written by other users"));
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_written_once_for_collectors),
		TEST(the_file_is_locked_and_private),
		TEST(the_file_of_a_dead_process_is_replaced),
		TEST(a_process_of_another_namespace_keeps_its_file),
		TEST(what_is_no_file_of_ours_is_refused),
		TEST(collectors_wait_until_they_are_allowed),
		TEST(a_running_collector_is_told_and_waited_for),
		TEST(a_collector_may_end_without_an_answer),
		TEST(a_strange_answer_is_an_error),
		TEST(what_was_made_is_handed_over_to_a_running_collector),
		TEST(waiting_can_be_interrupted),
		TEST(a_socket_that_others_could_have_made_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
