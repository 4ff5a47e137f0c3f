#include "cmd/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/interrupt.h"

#define WIDTH_DEFAULT  80
#define HEIGHT_DEFAULT 24

static atomic_bool wants_stop;
static bool is_begun;
static bool has_stop_handler;
static bool has_quit_handler;

static void erase(void)
{
	(void)!write(STDERR_FILENO, TERMINAL_ERASE, strlen(TERMINAL_ERASE));
}

static void on_stop(int sig)
{
	(void)sig;
	atomic_store(&wants_stop, true);
}

static void on_quit(int sig)
{
	erase();
	signal(sig, SIG_DFL);
	raise(sig);
}

bool terminal_can_draw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static bool is_utf8(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value && *value)
			break;
	}
	return value && (strcasestr(value, "utf-8") || strcasestr(value, "utf8"));
}

void terminal_look(struct screen *ret)
{
	struct winsize size = { 0 };

	(void)!ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	ret->width = size.ws_col ? size.ws_col : WIDTH_DEFAULT;
	ret->height = size.ws_row ? size.ws_row : HEIGHT_DEFAULT;
	ret->utf8 = is_utf8();
}

/* Both ends of "prefetch -o - | import -" have the same terminal. The lock of a process
 * ends with it. A terminal without locks is drawn on without one. */
static bool lock_terminal(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(STDERR_FILENO, F_SETLK, &lock) == 0 ||
	       (errno != EAGAIN && errno != EACCES);
}

static void unlock_terminal(void)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_len = 1 };

	(void)!fcntl(STDERR_FILENO, F_SETLK, &lock);
}

/* A signal that the parent ignored stays ignored. */
static bool handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags }, old;

	if (sigaction(sig, NULL, &old) || old.sa_handler == SIG_IGN)
		return false;
	sigemptyset(&action.sa_mask);
	return sigaction(sig, &action, NULL) == 0;
}

bool terminal_begin(void)
{
	if (is_begun)
		return true;
	if (!lock_terminal())
		return false;
	is_begun = true;
	atomic_store(&wants_stop, false);
	has_stop_handler = handle(SIGTSTP, on_stop, SA_RESTART);
	has_quit_handler = handle(SIGQUIT, on_quit, 0);
	interrupt_set_last_act(erase);
	return true;
}

void terminal_end(void)
{
	if (!is_begun)
		return;
	is_begun = false;
	interrupt_set_last_act(NULL);
	if (has_stop_handler)
		handle(SIGTSTP, SIG_DFL, 0);
	if (has_quit_handler)
		handle(SIGQUIT, SIG_DFL, 0);
	unlock_terminal();
	if (atomic_exchange(&wants_stop, false))
		raise(SIGTSTP);
}

bool terminal_is_ours(void)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);

	return group < 0 || group == getpgrp();
}

bool terminal_wants_stop(void)
{
	return atomic_load(&wants_stop);
}

/* The default action of SIGTSTP stops all threads, and ends the shell's wait; in a
 * process group without a shell it does nothing. */
void terminal_stop(void)
{
	sigset_t stop, before;

	atomic_store(&wants_stop, false);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	handle(SIGTSTP, SIG_DFL, 0);
	pthread_sigmask(SIG_UNBLOCK, &stop, &before);
	raise(SIGTSTP);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	handle(SIGTSTP, on_stop, SA_RESTART);
}
