/* cached: serves a directory as a binary cache on loopback, with faults on demand. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <microhttpd.h>

#include "answer.h"
#include "base/atomic_file.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"

#define PEM_MAX	     65536
#define IDLE_SECONDS 300

static const char usage[] =
	"usage: cached --root DIR [--port N] [--port-file F] [--log F]\n"
	"              [--sent-log F] [--header-log F] [--rate BYTES]\n"
	"              [--fault SPEC]... [--fault-file F] [--tls-cert F --tls-key F]\n"
	"              [--with-parent] [--auth USER:PASSWORD]\n"
	"              [--most-connections-file F]\n"
	"Serves DIR on 127.0.0.1 (port 0, the default: any; see --port-file). SPEC is\n"
	"GLOB=KIND[:ARG][*COUNT][@SKIP]; see tests/server/fault.c for the kinds.\n"
	"--rate: a second, of all answers together; the fault \"slow\" is for each.\n"
	"--fault-file is read again whenever it changes. --with-parent ends with the\n"
	"process that started it. --most-connections-file keeps the highest number of\n"
	"connections that were open at once.\n";

struct settings {
	struct answerer answerer;
	struct pace pace;
	uint64_t port;
	const char *port_file;
	const char *most_file;
	unsigned connections, most; /* guarded by lock */
	pthread_mutex_t lock;
	char *tls_cert;
	char *tls_key;
};

enum option_id {
	OPT_ROOT = 1,
	OPT_PORT,
	OPT_PORT_FILE,
	OPT_LOG,
	OPT_SENT_LOG,
	OPT_HEADER_LOG,
	OPT_RATE,
	OPT_FAULT,
	OPT_FAULT_FILE,
	OPT_TLS_CERT,
	OPT_TLS_KEY,
	OPT_WITH_PARENT,
	OPT_AUTH,
	OPT_MOST_FILE,
	OPT_HELP,
};

static const struct option options[] = {
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "port-file", required_argument, NULL, OPT_PORT_FILE },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "sent-log", required_argument, NULL, OPT_SENT_LOG },
	{ "header-log", required_argument, NULL, OPT_HEADER_LOG },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "fault-file", required_argument, NULL, OPT_FAULT_FILE },
	{ "tls-cert", required_argument, NULL, OPT_TLS_CERT },
	{ "tls-key", required_argument, NULL, OPT_TLS_KEY },
	{ "with-parent", no_argument, NULL, OPT_WITH_PARENT },
	{ "auth", required_argument, NULL, OPT_AUTH },
	{ "most-connections-file", required_argument, NULL, OPT_MOST_FILE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static int open_or_fail(int *ret, const char *path, int flags, struct nf_err *err)
{
	*ret = open(path, flags | O_CLOEXEC, 0644);
	return *ret < 0 ? err_sys(err, "'%s'", path) : 0;
}

static int read_text(char **ret, const char *path, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	buf_init(&text, PEM_MAX);
	rc = file_read_at(AT_FDCWD, path, &text, err);
	if (rc == 0)
		*ret = buf_take(&text);
	return rc;
}

static int parse_number(uint64_t *ret, uint64_t most, struct nf_err *err)
{
	if (!slice_parse_u64(nf_slice_str(optarg), ret) || *ret > most)
		return err_set(err, NF_E_USAGE, "'%s' is no number that counts", optarg);
	return 0;
}

static int open_log(int *ret, struct nf_err *err)
{
	return open_or_fail(ret, optarg, O_WRONLY | O_CREAT | O_APPEND, err);
}

static int apply_option(struct settings *s, int id, struct nf_err *err)
{
	switch (id) {
	case OPT_ROOT:
		return open_or_fail(&s->answerer.root_fd, optarg, O_RDONLY | O_DIRECTORY,
				    err);
	case OPT_PORT:
		return parse_number(&s->port, UINT16_MAX, err);
	case OPT_PORT_FILE:
		s->port_file = optarg;
		return 0;
	case OPT_LOG:
		return open_log(&s->answerer.log_fd, err);
	case OPT_SENT_LOG:
		return open_log(&s->answerer.sent_fd, err);
	case OPT_HEADER_LOG:
		return open_log(&s->answerer.header_fd, err);
	case OPT_RATE:
		return parse_number(&s->pace.rate, UINT32_MAX, err);
	case OPT_FAULT:
		return fault_table_add(s->answerer.faults, optarg, err);
	case OPT_FAULT_FILE:
		fault_table_watch(s->answerer.faults, optarg);
		return 0;
	case OPT_TLS_CERT:
		return read_text(&s->tls_cert, optarg, err);
	case OPT_TLS_KEY:
		return read_text(&s->tls_key, optarg, err);
	case OPT_WITH_PARENT:
		return prctl(PR_SET_PDEATHSIG, SIGKILL) ? err_sys(err, "prctl") : 0;
	case OPT_AUTH:
		s->answerer.auth = optarg;
		return 0;
	case OPT_MOST_FILE:
		s->most_file = optarg;
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		return err_set(err, NF_E_USAGE, "wrong option; see --help");
	}
}

static int parse_options(struct settings *s, int argc, char **argv, struct nf_err *err)
{
	int id, rc;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = apply_option(s, id, err);
		if (rc)
			return rc;
	}
	if (optind != argc || s->answerer.root_fd < 0)
		return err_set(err, NF_E_USAGE, "--root DIR is needed, and no argument");
	return 0;
}

static void tell_most(const struct settings *s)
{
	char text[16];
	struct nf_err err;

	snprintf(text, sizeof(text), "%u\n", s->most);
	if (file_replace_at(AT_FDCWD, s->most_file, text, strlen(text), 0644, &err))
		fprintf(stderr, "cached: %s\n", err.text);
}

/* An MHD_NotifyConnectionCallback. */
static void count_connection(void *cls, struct MHD_Connection *conn, void **socket_cls,
			     enum MHD_ConnectionNotificationCode what)
{
	struct settings *s = cls;

	(void)conn;
	(void)socket_cls;
	if (!s->most_file)
		return;
	pthread_mutex_lock(&s->lock);
	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		s->connections--;
	} else if (++s->connections > s->most) {
		s->most = s->connections;
		tell_most(s);
	}
	pthread_mutex_unlock(&s->lock);
}

static struct MHD_Daemon *start_daemon(struct settings *s)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)s->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			 MHD_USE_ERROR_LOG | (s->tls_cert ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, s->tls_cert },
					{ MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls_key },
					{ MHD_OPTION_END, 0, NULL } };
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };

	return MHD_start_daemon(flags, (uint16_t)s->port, NULL, NULL, answer_request,
				&s->answerer, MHD_OPTION_NOTIFY_CONNECTION,
				count_connection, s, MHD_OPTION_SOCK_ADDR, &addr,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
				MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_ARRAY,
				s->tls_cert ? tls : none, MHD_OPTION_END);
}

static int tell_port(const struct settings *s, struct MHD_Daemon *daemon,
		     struct nf_err *err)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	char text[16];

	snprintf(text, sizeof(text), "%u\n", info ? (unsigned)info->port : 0U);
	if (!s->port_file)
		return 0;
	return file_replace_at(AT_FDCWD, s->port_file, text, strlen(text), 0644, err);
}

static void release(struct settings *s)
{
	fault_table_free(s->answerer.faults);
	cleanup_fd(&s->answerer.root_fd);
	cleanup_fd(&s->answerer.log_fd);
	cleanup_fd(&s->answerer.sent_fd);
	cleanup_fd(&s->answerer.header_fd);
	free(s->tls_cert);
	free(s->tls_key);
}

static int serve(struct settings *s, struct nf_err *err)
{
	struct MHD_Daemon *daemon;
	sigset_t ending;
	int rc, sig;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
	daemon = start_daemon(s);
	if (!daemon)
		return err_set(err, NF_E_SYS, "port %u: cannot listen",
			       (unsigned)s->port);
	rc = tell_port(s, daemon, err);
	if (rc) {
		MHD_stop_daemon(daemon);
		return rc;
	}
	sigwait(&ending, &sig);
	/* Threads that stall on purpose are not joined. */
	_exit(0);
}

int main(int argc, char **argv)
{
	struct settings s = { .answerer = { .root_fd = -1,
					    .log_fd = -1,
					    .sent_fd = -1,
					    .header_fd = -1,
					    .pace = &s.pace,
					    .faults = fault_table_new() },
			      .lock = PTHREAD_MUTEX_INITIALIZER,
			      .pace = PACE_INIT };
	struct nf_err err;
	int rc = parse_options(&s, argc, argv, &err);

	if (rc == 0)
		rc = serve(&s, &err);
	release(&s);
	fprintf(stderr, "cached: %s\n", err.text);
	return nf_exit_status(rc);
}
