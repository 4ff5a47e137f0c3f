/* A directory for one test, with helpers for its files. */
#ifndef TEMP_DIR_H
#define TEMP_DIR_H

#include <stdbool.h>
#include <sys/stat.h>

struct temp_dir {
	char *path;
	int fd;
};

/* As cmocka's setup and teardown: *state is a struct temp_dir. */
int temp_dir_setup(void **state);
int temp_dir_teardown(void **state);

/* "PATH/NAME"; free(). */
char *temp_dir_join(const struct temp_dir *t, const char *name);

/* Creates a file with that text, or a directory with its parents. */
void temp_dir_write(const struct temp_dir *t, const char *name, const char *text);
void temp_dir_mkdir(const struct temp_dir *t, const char *name);

/* The file's text, truncated at 64 KiB; free(). NULL if there is none. */
char *temp_dir_read(const struct temp_dir *t, const char *name);
bool temp_dir_has(const struct temp_dir *t, const char *name);
/* The target of a link; free(). */
char *temp_dir_readlink(const struct temp_dir *t, const char *name);
struct stat temp_dir_stat(const struct temp_dir *t, const char *name);

/* Runs a shell command and returns its output, standard error included; *ret_status (may
 * be NULL) is its exit status. free(). */
char *temp_dir_run(int *ret_status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Whether a command is installed. */
bool temp_dir_have_command(const char *name);

#endif
