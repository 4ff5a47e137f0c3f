#include "base/interrupt.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void without_a_signal_nothing_is_pending(void **state)
{
	struct nf_err err;

	(void)state;
	assert_false(interrupt_pending());
	assert_int_equal(interrupt_check(&err), 0);
}

static void a_pending_interrupt_is_an_error_until_it_is_taken_back(void **state)
{
	struct nf_err err;

	(void)state;
	interrupt_set(true);
	assert_true(interrupt_pending());
	assert_int_equal(interrupt_check(&err), -NF_E_INTR);
	assert_int_equal(err.code, NF_E_INTR);
	assert_string_equal(err.text, "interrupted");
	interrupt_set(false);
	assert_int_equal(interrupt_check(&err), 0);
}

/* The wait status of a child that does ACT. */
static int status_of(void (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		act();
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void raise_once(void)
{
	interrupt_install();
	raise(SIGTERM);
	_exit(interrupt_pending() ? 7 : 8);
}

static void raise_twice(void)
{
	interrupt_install();
	raise(SIGINT);
	usleep(600000);
	raise(SIGTERM);
}

static void raise_many_at_once(void)
{
	interrupt_install();
	raise(SIGINT);
	raise(SIGINT);
	raise(SIGTERM);
	raise(SIGHUP);
	_exit(interrupt_pending() ? 7 : 8);
}

static void block_in_read(void)
{
	int fds[2];
	char c;

	interrupt_install();
	if (pipe(fds))
		_exit(97);
	if (fork() == 0) {
		usleep(50000);
		kill(getppid(), SIGHUP);
		_exit(0);
	}
	_exit(read(fds[0], &c, 1) == -1 && errno == EINTR ? 7 : 8);
}

static void ignore_and_raise(void)
{
	signal(SIGHUP, SIG_IGN);
	interrupt_install();
	raise(SIGHUP);
	_exit(interrupt_pending() ? 8 : 7);
}

static void first_signal_is_recorded(void **state)
{
	int status = status_of(raise_once);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void a_later_signal_ends_the_process(void **state)
{
	int status = status_of(raise_twice);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void signals_that_come_together_count_as_one(void **state)
{
	int status = status_of(raise_many_at_once);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void a_signal_ends_a_blocking_call(void **state)
{
	int status = status_of(block_in_read);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void a_signal_that_the_parent_ignored_stays_ignored(void **state)
{
	int status = status_of(ignore_and_raise);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_signal_nothing_is_pending),
		cmocka_unit_test(a_pending_interrupt_is_an_error_until_it_is_taken_back),
		cmocka_unit_test(first_signal_is_recorded),
		cmocka_unit_test(a_later_signal_ends_the_process),
		cmocka_unit_test(signals_that_come_together_count_as_one),
		cmocka_unit_test(a_signal_ends_a_blocking_call),
		cmocka_unit_test(a_signal_that_the_parent_ignored_stays_ignored),
	};

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
