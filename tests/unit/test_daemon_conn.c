/* A thread plays a daemon that lies, breaks off, or sends too much. */
#include "store/daemon_conn.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/stream.h"
#include "expect.h"
#include "store/daemon_store.h"

#define HELLO_MS 200

/* Message tags of the protocol. */
#define LAST  0x616c7473
#define ERROR 0x63787470
#define NEXT  0x6f6c6d67

#define PATH "sgii4f5h9d2lym14f3av1r80w53l9k82-a"

/* What the daemon sends at once, whatever it receives; then it reads to the end. */
struct fake {
	int fd;
	int client;
	struct buf says;
	bool hangs_up;	   /* after that, without reading */
	uint64_t received; /* bytes */
	pthread_t thread;
};

static void *play(void *arg)
{
	struct fake *f = arg;
	char bytes[65536];
	ssize_t n;

	/* The client may have gone. */
	(void)!send(f->fd, f->says.ptr, f->says.len, MSG_NOSIGNAL);
	if (f->hangs_up)
		shutdown(f->fd, SHUT_WR);
	while ((n = recv(f->fd, bytes, sizeof(bytes), 0)) > 0)
		f->received += (uint64_t)n;
	return NULL;
}

static void say_number(struct fake *f, uint64_t n)
{
	daemon_put_number(&f->says, n);
}

static void say_text(struct fake *f, const char *s)
{
	daemon_put_string(&f->says, nf_slice_str(s));
}

static void say_hello(struct fake *f, unsigned minor)
{
	say_number(f, 0x6478696f);
	say_number(f, DAEMON_VERSION(minor));
	if (minor >= 33)
		say_text(f, "2.99");
	if (minor >= 35)
		say_number(f, 2);
	say_number(f, LAST);
}

static void say_error(struct fake *f, const char *text)
{
	say_number(f, ERROR);
	say_text(f, "Error");
	say_number(f, 0);
	say_text(f, "Error");
	say_text(f, text);
	say_number(f, 0);
	say_number(f, 1);
	say_number(f, 0);
	say_text(f, "a trace");
}

static void fake_init(struct fake *f)
{
	int fds[2];

	*f = (struct fake){ 0 };
	buf_init(&f->says, MIB);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->fd = fds[0];
	f->client = fds[1];
}

static int fake_connect(struct fake *f, struct daemon_conn **c, struct nf_err *err)
{
	assert_int_equal(pthread_create(&f->thread, NULL, play, f), 0);
	return daemon_conn_new(c, f->client, "fake", HELLO_MS, NULL, err);
}

static void fake_end(struct fake *f, struct daemon_conn *c)
{
	daemon_conn_free(c);
	pthread_join(f->thread, NULL);
	close(f->fd);
	buf_release(&f->says);
}

static void fill_path(struct nf_storepath *path)
{
	assert_int_equal(nf_storepath_parse_base(path, nf_slice_str(PATH), NULL), 0);
}

/* ---- the handshake ---- */

static void versions_from_nix_2_4_on_are_spoken(void **state)
{
	static const unsigned minors[] = { 32, 33, 34, 35, 38, 99 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		struct fake f;
		struct daemon_conn *c = NULL;

		fake_init(&f);
		/* A newer daemon speaks our older version. */
		say_hello(&f, minors[i] < 35 ? minors[i] : 35);
		f.says.ptr[8] = (char)minors[i];
		assert_int_equal(fake_connect(&f, &c, NULL), 0);
		fake_end(&f, c);
	}
}

static void expect_no_hello(struct fake *f, enum nf_error code, const char *text)
{
	struct daemon_conn *c = NULL;
	struct nf_err err = { 0 };
	int rc = fake_connect(f, &c, &err);

	expect_error(err, rc, code, text);
	fake_end(f, c);
}

static void older_and_other_protocols_are_refused(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f);
	say_hello(&f, 21);
	expect_no_hello(
		&f, NF_E_UNSUPPORTED,
		"nix-daemon at 'fake': it speaks version 1.21 of the protocol, but 1.32 or later is needed (Nix 2.4)");
	fake_init(&f);
	say_number(&f, 0x6478696f);
	say_number(&f, 2 << 8 | 40);
	expect_no_hello(
		&f, NF_E_UNSUPPORTED,
		"nix-daemon at 'fake': it speaks version 2.40 of the protocol, but 1.32 or later is needed (Nix 2.4)");
	fake_init(&f);
	say_number(&f, 0x6478696e);
	expect_no_hello(&f, NF_E_FORMAT, "nix-daemon at 'fake': it is no nix-daemon");
}

static void a_daemon_that_hangs_up_or_is_silent_is_told(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f);
	say_number(&f, 0x6478696f);
	f.hangs_up = true;
	expect_no_hello(&f, NF_E_SYS,
			"nix-daemon at 'fake': it has closed the connection");
	fake_init(&f);
	expect_no_hello(&f, NF_E_SYS, "nix-daemon at 'fake': it does not answer");
}

static void a_daemon_that_refuses_the_user_is_quoted(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f);
	say_hello(&f, 32);
	f.says.len -= 8;
	say_error(&f, "\033[31;1merror:\033[0m user 'x'\n  is\tnot \001 allowed\n");
	expect_no_hello(&f, NF_E_SYS,
			"nix-daemon refuses: error: user 'x' is not ? allowed");
}

static void an_interruption_ends_the_wait(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f);
	interrupt_set(true);
	expect_no_hello(&f, NF_E_INTR, "interrupted");
	interrupt_set(false);
}

/* ---- requests ---- */

static int find(struct fake *f, struct nf_pathinfo *info, struct nf_err *err)
{
	struct daemon_conn *c = NULL;
	struct nf_storepath path;
	int rc;

	fill_path(&path);
	assert_int_equal(fake_connect(f, &c, NULL), 0);
	rc = daemon_store_find(c, &path, info, err);
	fake_end(f, c);
	return rc;
}

static void say_info(struct fake *f, uint64_t refs)
{
	say_hello(f, 35);
	say_number(f, NEXT);
	say_text(f, "a log line");
	say_number(f, LAST);
	say_number(f, 1);
	say_text(f, "");
	say_text(f, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	say_number(f, refs);
}

static void a_path_info_is_read(void **state)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	struct fake f;

	(void)state;
	fake_init(&f);
	say_info(&f, 1);
	say_text(&f, NF_STORE_DIR "/" PATH);
	say_number(&f, 1700000000);
	say_number(&f, 120);
	say_number(&f, 0);
	say_number(&f, 0);
	say_text(&f, "");
	assert_int_equal(find(&f, &info, NULL), 0);
	assert_int_equal(info.nar_size, 120);
	assert_int_equal(info.nrefs, 1);
	assert_true(nf_slice_is(info.refs[0], PATH));
}

static void expect_bad_info(struct fake *f, enum nf_error code, const char *text)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info = { 0 };
	struct nf_err err = { 0 };
	int rc = find(f, &info, &err);

	expect_error(err, rc, code, text);
}

static void endless_lists_strings_and_numbers_are_refused(void **state)
{
	struct fake f;

	(void)state;
	fake_init(&f);
	say_info(&f, UINT64_MAX);
	expect_bad_info(
		&f, NF_E_LIMIT,
		"nix-daemon at 'fake': 18446744073709551615 items, over the limit of 1048576");
	fake_init(&f);
	say_info(&f, 1);
	say_number(&f, UINT64_MAX);
	expect_bad_info(
		&f, NF_E_LIMIT,
		"nix-daemon at 'fake': a string of 18446744073709551615 bytes, over the limit of 4096");
	fake_init(&f);
	say_info(&f, 1);
	say_text(&f, "/etc/passwd");
	expect_bad_info(
		&f, NF_E_FORMAT,
		"nix-daemon at 'fake': '/etc/passwd' is not a store path: it is not in /nix/store");
	fake_init(&f);
	say_hello(&f, 35);
	say_number(&f, NEXT);
	say_number(&f, UINT64_MAX - 7);
	expect_bad_info(
		&f, NF_E_LIMIT,
		"nix-daemon at 'fake': a message of 18446744073709551608 bytes, over the limit of 4194304");
	fake_init(&f);
	say_hello(&f, 35);
	say_number(&f, 0x1234);
	expect_bad_info(&f, NF_E_FORMAT,
			"nix-daemon at 'fake': an unknown message 0x1234");
}

static void a_valid_path_that_was_not_asked_for_is_a_lie(void **state)
{
	const struct nf_slice asked = NF_SLICE_LIT("xp0dpr9yz5h0fk5c5lpj7zzqjbdh3w8c-b");
	struct daemon_conn *c = NULL;
	struct nf_err err = { 0 };
	struct fake f;
	bool valid;
	int rc;

	(void)state;
	fake_init(&f);
	say_hello(&f, 35);
	say_number(&f, LAST);
	say_number(&f, 1);
	say_text(&f, NF_STORE_DIR "/" PATH);
	assert_int_equal(fake_connect(&f, &c, NULL), 0);
	rc = daemon_store_query_valid(c, &asked, 1, &valid, &err);
	expect_error(err, rc, NF_E_FORMAT,
		     "nix-daemon at 'fake': '" PATH "' was not asked for");
	fake_end(&f, c);
}

/* ---- NARs ---- */

static struct nf_source *large_nar(void)
{
	static char bytes[8 * 1024 * 1024];

	return source_of_memory(bytes, sizeof(bytes), 256 * 1024);
}

static int add(struct fake *f, const char *sig, struct nf_err *err)
{
	AUTO(nf_pathinfo_release) struct nf_pathinfo info;
	AUTO(source_closep) struct nf_source *nar = large_nar();
	struct daemon_conn *c = NULL;
	int rc;

	nf_pathinfo_init(&info);
	fill_path(&info.path);
	nf_pathinfo_add_sig(&info, nf_slice_str(sig));
	assert_int_equal(fake_connect(f, &c, NULL), 0);
	rc = daemon_store_add(c, &info, nar, err);
	fake_end(f, c);
	return rc;
}

static void a_refusal_in_the_middle_of_a_nar_ends_the_sending(void **state)
{
	struct nf_err err = { 0 };
	struct fake f;
	int rc;

	(void)state;
	fake_init(&f);
	say_hello(&f, 35);
	say_error(&f, "writing to file: No space left on device");
	rc = add(&f, "", &err);
	expect_error(err, rc, NF_E_NOSPACE,
		     "nix-daemon refuses: writing to file: No space left on device");
	assert_true(f.received < 4 * MIB);
}

static void a_key_that_the_daemon_does_not_trust_is_named(void **state)
{
	static const char sig[] =
		"mine-1:"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==";
	static const char *const texts[] = {
		"cannot add path '/x' because it lacks a valid signature",
		"cannot add path '/x' because it lacks a signature by a trusted key",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct nf_err err = { 0 };
		struct fake f;
		int rc;

		fake_init(&f);
		say_hello(&f, 35);
		say_error(&f, texts[i]);
		rc = add(&f, sig, &err);
		expect_error(
			err, rc, NF_E_TRUST,
			"nix-daemon does not trust the signatures by 'mine-1': add the key to trusted-public-keys in its nix.conf and restart it");
	}
}

static void a_reply_before_the_nar_is_whole_is_refused(void **state)
{
	struct nf_err err = { 0 };
	struct fake f;
	int rc;

	(void)state;
	fake_init(&f);
	say_hello(&f, 35);
	say_number(&f, LAST);
	rc = add(&f, "", &err);
	expect_error(err, rc, NF_E_FORMAT,
		     "nix-daemon at 'fake': a reply before the request was sent");
}

static void a_daemon_that_breaks_off_in_a_nar_is_told(void **state)
{
	struct nf_err err = { 0 };
	struct fake f;
	int rc;

	(void)state;
	fake_init(&f);
	say_hello(&f, 35);
	f.hangs_up = true;
	rc = add(&f, "", &err);
	expect_error(err, rc, NF_E_SYS,
		     "nix-daemon at 'fake': it has closed the connection");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_from_nix_2_4_on_are_spoken),
		cmocka_unit_test(older_and_other_protocols_are_refused),
		cmocka_unit_test(a_daemon_that_hangs_up_or_is_silent_is_told),
		cmocka_unit_test(a_daemon_that_refuses_the_user_is_quoted),
		cmocka_unit_test(an_interruption_ends_the_wait),
		cmocka_unit_test(a_path_info_is_read),
		cmocka_unit_test(endless_lists_strings_and_numbers_are_refused),
		cmocka_unit_test(a_valid_path_that_was_not_asked_for_is_a_lie),
		cmocka_unit_test(a_refusal_in_the_middle_of_a_nar_ends_the_sending),
		cmocka_unit_test(a_key_that_the_daemon_does_not_trust_is_named),
		cmocka_unit_test(a_reply_before_the_nar_is_whole_is_refused),
		cmocka_unit_test(a_daemon_that_breaks_off_in_a_nar_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
