#include "base/sandbox.h"
#include "base/sandbox_checkers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "temp_dir.h"

#define NO_FILES 77

/* "granted", "granted/dir" and "other", with files, in the working directory. */
static int make_directories(void **state)
{
	struct temp_dir *t;

	if (temp_dir_setup(state))
		return -1;
	t = *state;
	temp_dir_mkdir(t, "granted/dir");
	temp_dir_mkdir(t, "other");
	temp_dir_write(t, "granted/file", "");
	temp_dir_write(t, "other/file", "");
	return fchdir(t->fd);
}

/* What ACT returns in a process that has entered a sandbox in which GRANT is granted. */
static int act_with(enum sandbox_use use, int (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		AUTO(sandbox_freep) struct sandbox *s = sandbox_new();
		struct sandbox_state state;

		sandbox_grant(s, "granted", use);
		sandbox_grant(s, "none", use);
		if (sandbox_enter(s, &state, NULL))
			_exit(99);
		_exit(state.files && state.calls ? act() : NO_FILES);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_FILES)
		skip();
	return WEXITSTATUS(status);
}

static bool may_open(const char *path, int flags)
{
	return open(path, flags, 0600) >= 0;
}

/* A bit for each that is allowed. */
static int try_files(void)
{
	return may_open("granted", O_RDONLY | O_DIRECTORY) << 0 |
	       may_open("granted/file", O_RDONLY) << 1 |
	       may_open("granted/file", O_RDWR | O_TRUNC) << 2 |
	       may_open("granted/new", O_WRONLY | O_CREAT | O_EXCL) << 3 |
	       (rename("granted/file", "granted/renamed") == 0) << 4 |
	       (rename("granted/renamed", "granted/dir/renamed") == 0) << 5 |
	       (symlink("x", "granted/link") == 0) << 6;
}

static void a_grant_allows_its_use_and_no_more(void **state)
{
	static const struct {
		enum sandbox_use use;
		int allowed;
	} rows[] = {
		{ SANDBOX_LIST, 0x01 },
		{ SANDBOX_READ, 0x03 },
		{ SANDBOX_REPLACE, 0x1f },
		{ SANDBOX_WRITE, 0x7f },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(act_with(rows[i].use, try_files), rows[i].allowed);
		/* As it was. */
		unlink("granted/new");
		unlink("granted/renamed");
		temp_dir_write(*state, "granted/file", "");
	}
}

static int try_others(void)
{
	return may_open("other", O_RDONLY | O_DIRECTORY) << 0 |
	       may_open("other/file", O_RDONLY) << 1 |
	       may_open("other/new", O_WRONLY | O_CREAT | O_EXCL) << 2 |
	       (rename("granted/file", "other/file") == 0) << 3 |
	       (link("other/file", "granted/link") == 0) << 4 |
	       (unlink("other/file") == 0) << 5;
}

static void what_is_not_granted_is_out_of_reach(void **state)
{
	(void)state;
	assert_int_equal(act_with(SANDBOX_WRITE, try_others), 0);
}

static void *read_other(void *ret)
{
	*(int *)ret =
		may_open("other/file", O_RDONLY) || socket(AF_INET, SOCK_STREAM, 0) >= 0;
	return ret;
}

static int try_in_thread(void)
{
	pthread_t thread;
	int ret = 0;

	if (pthread_create(&thread, NULL, read_other, &ret))
		return 2;
	pthread_join(thread, NULL);
	return ret;
}

static void threads_that_start_later_are_in_it_too(void **state)
{
	(void)state;
	assert_int_equal(act_with(SANDBOX_WRITE, try_in_thread), 0);
}

static int try_calls(void)
{
	/* A sanitizer needs processes of its own. */
	bool forks = !SANDBOX_HAS_CHECKER && fork() >= 0;

	return (socket(AF_UNIX, SOCK_STREAM, 0) >= 0) << 0 | forks << 1 |
	       (execl("/none", "none", NULL) == 0 || errno == ENOENT) << 2 |
	       (kill(getppid(), 0) == 0) << 3 | (raise(SIGCHLD) != 0) << 4;
}

static void no_program_is_started_and_no_socket_opened(void **state)
{
	(void)state;
	assert_int_equal(act_with(SANDBOX_WRITE, try_calls), 0);
}

static int network_status(void)
{
	AUTO(sandbox_freep) struct sandbox *s = sandbox_new();
	struct sandbox_state state;

	sandbox_grant_network(s);
	if (sandbox_enter(s, &state, NULL))
		return 99;
	if (!state.calls)
		return NO_FILES;
	return (socket(AF_INET, SOCK_STREAM, 0) < 0) << 0 |
	       (socket(AF_UNIX, SOCK_STREAM, 0) < 0) << 1 |
	       (socket(AF_PACKET, SOCK_RAW, 0) >= 0) << 2;
}

static void a_network_is_of_the_usual_families(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(network_status());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == NO_FILES)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, make_directories, temp_dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_grant_allows_its_use_and_no_more),
		TEST(what_is_not_granted_is_out_of_reach),
		TEST(threads_that_start_later_are_in_it_too),
		TEST(no_program_is_started_and_no_socket_opened),
		TEST(a_network_is_of_the_usual_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
