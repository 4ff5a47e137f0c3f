#include <nixferry/key.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/sandbox_checkers.h"
#include "skip.h"
#include "temp_dir.h"

static struct nf_secret_key *new_key(void)
{
	struct nf_secret_key *key;

	assert_int_equal(nf_secret_key_generate(&key, NF_SLICE_LIT("a"), NULL), 0);
	return key;
}

static int is_dumpable(void)
{
	return prctl(PR_GET_DUMPABLE);
}

static void process_is_not_dumpable_while_it_holds_a_key(void **state)
{
	struct nf_secret_key *a, *b;
	char *text;

	(void)state;
	if (is_dumpable() != 1)
		skip_because("this process is not dumpable anyway");
	a = new_key();
	b = new_key();
	nf_secret_key_free(a);
	assert_int_equal(is_dumpable(), 0);
	text = nf_secret_key_text(b);
	nf_secret_key_free(b);
	assert_int_equal(is_dumpable(), 0);
	nf_secret_text_free(text);
	assert_int_equal(is_dumpable(), 1);
	assert_int_equal(nf_secret_key_parse(&a, NF_SLICE_LIT("a:AAAA"), NULL),
			 -NF_E_FORMAT);
	assert_int_equal(is_dumpable(), 1);
}

static void a_crash_leaves_no_core_dump(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		const struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };

		(void)!setrlimit(RLIMIT_CORE, &any);
		(void)!new_key();
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_false(WCOREDUMP(status));
}

/* Calls FN with each line of a file of /proc/self. */
static void each_line(const char *file, void (*fn)(void *ctx, const char *line),
		      void *ctx)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t cap = 0;

	assert_non_null(f);
	while (getline(&line, &cap, f) > 0)
		fn(ctx, line);
	free(line);
	fclose(f);
}

struct mapping {
	uintptr_t address;
	bool is_current;
	bool is_left_out;
};

/* "FROM-TO MODE ..."; what follows TO, or NULL of another line. */
static const char *parse_range(const char *line, uintptr_t *from, uintptr_t *to)
{
	char *at;

	*from = strtoull(line, &at, 16);
	if (at == line || *at != '-')
		return NULL;
	*to = strtoull(at + 1, &at, 16);
	return at;
}

static void look_for_flags(void *ctx, const char *line)
{
	struct mapping *m = ctx;
	uintptr_t from, to;

	if (parse_range(line, &from, &to))
		m->is_current = m->address >= from && m->address < to;
	if (m->is_current && !strncmp(line, "VmFlags:", 8))
		m->is_left_out = strstr(line, " dd") != NULL;
}

static void memory_of_a_key_is_left_out_of_dumps(void **state)
{
	struct nf_secret_key *key = new_key();
	struct mapping m = { .address = (uintptr_t)key };

	(void)state;
	each_line("/proc/self/smaps", look_for_flags, &m);
	assert_true(m.is_left_out);
	nf_secret_key_free(key);
}

/* The beginning of a secret, kept so that it is not found where it is kept. */
#define TRACE_LEN  16
#define TRACE_MASK 0x5a

struct trace {
	uint8_t masked[TRACE_LEN];
	size_t count;
};

static struct trace trace_of(const void *secret)
{
	struct trace t = { .count = 0 };

	for (size_t i = 0; i < TRACE_LEN; i++)
		t.masked[i] = ((const uint8_t *)secret)[i] ^ TRACE_MASK;
	return t;
}

static bool is_trace(const struct trace *t, const uint8_t *p)
{
	size_t i = 0;

	while (i < TRACE_LEN && (p[i] ^ TRACE_MASK) == t->masked[i])
		i++;
	return i == TRACE_LEN;
}

static void look_for_trace(void *ctx, const char *line)
{
	struct trace *t = ctx;
	uintptr_t from, to;
	const char *mode = parse_range(line, &from, &to);

	if (!mode || strncmp(mode, " rw", 3) != 0)
		return;
	for (; from + TRACE_LEN <= to; from++)
		t->count += is_trace(t, (const uint8_t *)from);
}

static size_t count_in_memory(struct trace *t)
{
	t->count = 0;
	each_line("/proc/self/maps", look_for_trace, t);
	return t->count;
}

/* A new key, of which nothing but a file has the text. */
static void write_key(const struct temp_dir *dir, struct trace *ret_text,
		      struct trace *ret_bytes)
{
	struct nf_secret_key *key = new_key();
	char *text = nf_secret_key_text(key);
	int fd = openat(dir->fd, "key", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	uint8_t bytes[64];

	assert_int_equal(file_write_all(fd, text, strlen(text), "key", NULL), 0);
	close(fd);
	assert_true(base64_decode(bytes, sizeof(bytes), nf_slice_str(text + 2)));
	*ret_text = trace_of(text + 2);
	*ret_bytes = trace_of(bytes);
	explicit_bzero(bytes, sizeof(bytes));
	nf_secret_text_free(text);
	nf_secret_key_free(key);
}

static void nothing_of_a_key_stays_in_memory(void **state)
{
	AUTO_FREE char *file = NULL;
	struct nf_secret_key *key;
	struct trace text, bytes;

	if (SANDBOX_HAS_CHECKER)
		skip_because("a sanitizer keeps memory that was freed");
	file = temp_dir_join(*state, "key");
	write_key(*state, &text, &bytes);
	assert_int_equal(nf_secret_key_read(&key, file, NULL), 0);
	assert_int_equal(count_in_memory(&bytes), 1);
	free(nf_sign(key, "message", 7));
	free(nf_secret_key_public(key));
	nf_secret_key_free(key);
	assert_int_equal(count_in_memory(&bytes), 0);
	assert_int_equal(count_in_memory(&text), 0);
}

static void a_key_given_as_a_file_name_is_not_shown(void **state)
{
	static const char key[] =
		"test-1:mOY4zupOGmBcqtqygEAYdAbwiX9JZ1KgiT0NtrJR543BJOhc8ifcIDAzhYlFCH1XpVgiLsGQta4p82359owxCA==";
	struct nf_secret_key *ret = NULL;
	struct nf_err err;

	(void)state;
	assert_int_equal(nf_secret_key_read(&ret, key, &err), -NF_E_USAGE);
	assert_string_equal(err.text,
			    "secret key: give the name of its file, not the key itself");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(process_is_not_dumpable_while_it_holds_a_key),
		cmocka_unit_test(a_crash_leaves_no_core_dump),
		cmocka_unit_test(memory_of_a_key_is_left_out_of_dumps),
		cmocka_unit_test_setup_teardown(nothing_of_a_key_stays_in_memory,
						temp_dir_setup, temp_dir_teardown),
		cmocka_unit_test(a_key_given_as_a_file_name_is_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
