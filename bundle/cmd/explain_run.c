#include "cmd/explain_run.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/subprocess.h"
#include "cmd/human.h"
#include "format/build_log.h"

/* Nix shows messages up to this level. */
#define LEVEL_INFO 3

struct listener {
	struct build_account_reader *reader;
	struct build_log_parser parser;
	struct buf line;
	int save; /* -1: nowhere */
	const char *save_name;
	bool readable; /* standard error is a terminal */
	struct timespec start;
	int rc; /* of saving */
	struct nf_err err;
};

static uint64_t now_ms(const struct listener *l)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - l->start.tv_sec) * 1000 +
			  (now.tv_nsec - l->start.tv_nsec) / 1000000);
}

/* If standard error cannot be written, there is no way to report it. */
static void pass_on(struct nf_slice text)
{
	struct nf_err ignored;

	if (file_write_all(STDERR_FILENO, text.ptr, text.len, "standard error", &ignored))
		return;
}

static void show_line(struct listener *l, struct nf_slice line)
{
	AUTO_BUF struct buf clean = { 0 };
	struct build_log_event e;

	buf_init(&clean, 2 * BUILD_LOG_LINE_MAX);
	build_log_parse(&l->parser, line, &e);
	if (!l->readable || line.len < 5 || memcmp(line.ptr, "@nix ", 5) != 0 ||
	    e.kind == BUILD_LOG_BROKEN) {
		buf_add_slice(&clean, line);
	} else {
		if (!e.text.len || e.level > LEVEL_INFO)
			return;
		human_clean(&clean, e.text);
	}
	buf_add_char(&clean, '\n');
	pass_on(buf_slice(&clean));
}

static void save_line(struct listener *l, struct nf_slice line, uint64_t ms)
{
	AUTO_BUF struct buf out = { 0 };
	char stamp[BUILD_LOG_STAMP_MAX];

	if (l->save < 0 || l->rc)
		return;
	buf_init(&out, 2 * BUILD_LOG_LINE_MAX);
	buf_add_str(&out, build_log_stamp(stamp, ms));
	buf_add_slice(&out, line);
	buf_add_char(&out, '\n');
	l->rc = file_write_all(l->save, out.ptr, out.len, l->save_name, &l->err);
}

static void end_line(struct listener *l)
{
	struct nf_slice line = buf_slice(&l->line);
	uint64_t ms = now_ms(l);

	show_line(l, line);
	save_line(l, line, ms);
	build_account_line_at(l->reader, line, ms);
	buf_clear(&l->line);
}

static void hear(void *ctx, struct nf_slice bytes)
{
	struct listener *l = ctx;

	while (bytes.len) {
		const char *end = memchr(bytes.ptr, '\n', bytes.len);
		struct nf_slice part = slice_cut(&bytes, '\n');

		/* A longer line is cut into pieces. */
		if (l->line.len + part.len >= BUILD_LOG_LINE_MAX)
			end_line(l);
		buf_add_slice(&l->line, part);
		if (end)
			end_line(l);
	}
}

static int open_save(struct listener *l, const char *path, struct nf_err *err)
{
	if (!path)
		return 0;
	l->save_name = path;
	l->save = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (l->save < 0)
		return err_sys(err, "cannot create '%s'", path);
	return file_write_all(l->save, BUILD_LOG_TIMED "\n", strlen(BUILD_LOG_TIMED) + 1,
			      path, err);
}

static void listener_release(struct listener *l)
{
	build_log_parser_release(&l->parser);
	buf_release(&l->line);
	cleanup_fd(&l->save);
}

int explain_run(const struct explain_run *run, struct build_account_reader *reader,
		struct nf_err *err)
{
	AUTO(listener_release) struct listener l = { .reader = reader, .save = -1 };
	int rc;

	build_log_parser_init(&l.parser);
	buf_init(&l.line, BUILD_LOG_LINE_MAX);
	l.readable = isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &l.start);
	rc = open_save(&l, run->save, err);
	if (rc)
		return rc;
	rc = subprocess_run_watched(run->argv,
				    run->output_to_stderr ? STDERR_FILENO : STDOUT_FILENO,
				    hear, &l, err);
	if (l.line.len)
		end_line(&l);
	if (l.rc && !rc) {
		*err = l.err;
		rc = l.rc;
	}
	return rc;
}
