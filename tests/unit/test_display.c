#include "cmd/display.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/terminal.h"

/* A terminal that standard error is, and what was written to it. */
struct pty {
	int master, slave, saved;
	char out[8192];
};

static void pty_begin(struct pty *p, unsigned short columns)
{
	const struct winsize size = { .ws_row = 24, .ws_col = columns };

	*p = (struct pty){ .saved = dup(STDERR_FILENO) };
	assert_int_equal(openpty(&p->master, &p->slave, NULL, NULL, &size), 0);
	assert_int_equal(dup2(p->slave, STDERR_FILENO), STDERR_FILENO);
	setenv("TERM", "xterm", 1);
	setenv("LC_ALL", "C", 1);
}

/* What was written since the last call. The kernel hands it over with a delay: a mark
 * tells where it ends. */
static const char *pty_read(struct pty *p)
{
	size_t len = 0;

	assert_int_equal(write(p->slave, "#", 1), 1);
	do {
		ssize_t n = read(p->master, p->out + len, sizeof(p->out) - len);

		assert_true(n > 0);
		len += (size_t)n;
	} while (p->out[len - 1] != '#');
	p->out[len - 1] = '\0';
	return p->out;
}

static void pty_end(struct pty *p)
{
	dup2(p->saved, STDERR_FILENO);
	close(p->saved);
	close(p->slave);
	close(p->master);
}

static struct progress_sample *sample(uint64_t done)
{
	struct progress_sample *s = mem_calloc(1, sizeof(*s));

	s->now.phase = "unpacking";
	s->now.paths_done = done;
	s->now.paths_total = 9;
	s->now.item_count = 1;
	s->now.items[0] = (struct nf_progress_item){ .name = "a", .verb = "unpack" };
	return s;
}

static void frame_is_one_write_that_returns_to_its_beginning(void **state)
{
	AUTO_FREE struct progress_sample *s = sample(3), *t = sample(4);
	struct display *d;
	struct pty p;

	(void)state;
	pty_begin(&p, 30);
	d = display_new(false);
	assert_non_null(d);
	assert_true(display_is_due(d, 100));
	display_show(d, s, 100);
	assert_string_equal(pty_read(&p), "\r\033[?25lunpacking  33%  3/9 paths\033[K\r\n"
					  "  unpack a\033[J\033[1A\r");
	assert_false(display_is_due(d, 100.1));
	assert_true(display_is_due(d, 100.3));
	/* The same frame need not be drawn. */
	display_show(d, s, 101);
	assert_string_equal(pty_read(&p), "");
	display_show(d, t, 102);
	assert_non_null(strstr(pty_read(&p), "4/9 paths"));
	display_free(d);
	assert_string_equal(pty_read(&p), TERMINAL_ERASE);
	pty_end(&p);
}

static void frame_follows_the_width_of_the_terminal(void **state)
{
	const struct winsize narrow = { .ws_row = 24, .ws_col = 16 };
	AUTO_FREE struct progress_sample *s = sample(3);
	struct display *d;
	struct pty p;

	(void)state;
	pty_begin(&p, 80);
	d = display_new(false);
	display_show(d, s, 100);
	assert_non_null(strstr(pty_read(&p), "3/9 paths"));
	ioctl(p.slave, TIOCSWINSZ, &narrow);
	display_show(d, s, 101);
	pty_read(&p);
	assert_non_null(strstr(p.out, "unpacking  33%\033[K"));
	assert_null(strstr(p.out, "paths"));
	display_free(d);
	pty_end(&p);
}

static void message_comes_above_the_frame(void **state)
{
	AUTO_FREE struct progress_sample *s = sample(3);
	AUTO_BUF struct buf out = { 0 };
	struct display *d;
	struct pty p;

	(void)state;
	buf_init(&out, DISPLAY_TEXT_MAX);
	pty_begin(&p, 30);
	d = display_new(false);
	display_add_erase(d, &out);
	display_add_again(d, &out);
	assert_int_equal(out.len, 0);
	display_show(d, s, 100);
	display_add_erase(d, &out);
	assert_string_equal(out.ptr, TERMINAL_ERASE);
	buf_clear(&out);
	display_add_again(d, &out);
	assert_non_null(strstr(out.ptr, "3/9 paths"));
	display_end(d);
	buf_clear(&out);
	display_add_again(d, &out);
	assert_int_equal(out.len, 0);
	display_free(d);
	pty_end(&p);
}

static void only_one_process_draws_on_a_terminal(void **state)
{
	AUTO_FREE struct progress_sample *s = sample(3);
	struct display *d;
	struct pty p;
	pid_t child;
	int status;

	(void)state;
	pty_begin(&p, 30);
	d = display_new(false);
	display_show(d, s, 100);
	pty_read(&p);
	child = fork();
	if (child == 0) {
		AUTO_BUF struct buf out = { 0 };
		struct display *other = display_new(false);

		terminal_end(); /* what was inherited */
		buf_init(&out, DISPLAY_TEXT_MAX);
		display_show(other, s, 100);
		/* But it makes room for its messages. */
		display_add_erase(other, &out);
		_exit(out.len != strlen(TERMINAL_ERASE));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(pty_read(&p), "");
	display_free(d);
	pty_end(&p);
}

static void nothing_is_drawn_without_a_capable_terminal(void **state)
{
	struct pty p;
	int null;

	(void)state;
	pty_begin(&p, 30);
	setenv("TERM", "dumb", 1);
	assert_null(display_new(true));
	unsetenv("TERM");
	assert_null(display_new(true));
	setenv("TERM", "xterm", 1);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	assert_null(display_new(true));
	close(null);
	pty_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_is_one_write_that_returns_to_its_beginning),
		cmocka_unit_test(frame_follows_the_width_of_the_terminal),
		cmocka_unit_test(message_comes_above_the_frame),
		cmocka_unit_test(only_one_process_draws_on_a_terminal),
		cmocka_unit_test(nothing_is_drawn_without_a_capable_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
