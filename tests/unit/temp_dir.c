#include "temp_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"

#define TEXT_MAX 65536

int temp_dir_setup(void **state)
{
	const char *base = getenv("TMPDIR");
	struct temp_dir *t = mem_calloc(1, sizeof(*t));

	t->path = mem_printf("%s/nixferry-test.XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(t->path));
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
	*state = t;
	return 0;
}

int temp_dir_teardown(void **state)
{
	struct temp_dir *t = *state;

	close(t->fd);
	assert_int_equal(file_remove_tree_at(AT_FDCWD, t->path, NULL), 0);
	free(t->path);
	free(t);
	return 0;
}

char *temp_dir_join(const struct temp_dir *t, const char *name)
{
	return mem_printf("%s/%s", t->path, name);
}

void temp_dir_write(const struct temp_dir *t, const char *name, const char *text)
{
	int fd = openat(t->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

void temp_dir_mkdir(const struct temp_dir *t, const char *name)
{
	assert_int_equal(file_mkdirs_at(t->fd, name, NULL), 0);
}

char *temp_dir_read(const struct temp_dir *t, const char *name)
{
	char *text = mem_alloc(TEXT_MAX + 1);
	int fd = openat(t->fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0) {
		free(text);
		return NULL;
	}
	len = read(fd, text, TEXT_MAX);
	close(fd);
	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

bool temp_dir_has(const struct temp_dir *t, const char *name)
{
	return !faccessat(t->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

char *temp_dir_readlink(const struct temp_dir *t, const char *name)
{
	char text[4096];
	ssize_t len = readlinkat(t->fd, name, text, sizeof(text));

	assert_true(len >= 0);
	return mem_strndup(text, (size_t)len);
}

struct stat temp_dir_stat(const struct temp_dir *t, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(t->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

char *temp_dir_run(int *ret_status, const char *fmt, ...)
{
	char *text = mem_alloc(TEXT_MAX + 1);
	char *command = NULL, *quiet;
	size_t len;
	FILE *pipe;
	va_list ap;
	int status;

	va_start(ap, fmt);
	assert_true(vasprintf(&command, fmt, ap) >= 0);
	va_end(ap);
	quiet = mem_printf("( %s ) 2>&1", command);
	pipe = popen(quiet, "re");
	assert_non_null(pipe);
	len = fread(text, 1, TEXT_MAX, pipe);
	text[len] = '\0';
	status = pclose(pipe);
	if (ret_status)
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	free(quiet);
	free(command);
	return text;
}

bool temp_dir_have_command(const char *name)
{
	int status;

	free(temp_dir_run(&status, "command -v %s", name));
	return status == 0;
}
