/* One connection to nix-daemon. A request is put together in daemon_conn_request's buffer
 * and goes out with daemon_conn_finish, which waits for the daemon's verdict; the reply
 * is then read. Several small requests may be sent before the first verdict is read.
 *
 * Waiting ends with NF_E_INTR at an interruption. After a failure that is not the
 * daemon's own answer, the connection is of no use. One thread at a time. */
#ifndef DAEMON_CONN_H
#define DAEMON_CONN_H

#include <nixferry/stream.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/progress.h"
#include "store/daemon_wire.h"

struct daemon_conn;

/* The first answer comes within this time from any daemon that works. */
#define DAEMON_HELLO_MS 30000

/* $NIX_DAEMON_SOCKET_PATH, or Nix's default. */
const char *daemon_socket_path(void);

/* Connects to the socket SOCKET. PROGRESS is borrowed. */
int daemon_conn_open(struct daemon_conn **ret, const char *socket,
		     struct progress *progress, struct nf_err *err) MUST_CHECK;
/* FD is connected already, and taken over. NAME is for messages. */
int daemon_conn_new(struct daemon_conn **ret, int fd, const char *name, int hello_ms,
		    struct progress *progress, struct nf_err *err) MUST_CHECK;
void daemon_conn_free(struct daemon_conn *c);
DEFINE_CLEANUP(struct daemon_conn *, daemon_conn_free)

/* Whoever waits for the daemon, on any thread, fails at once. */
void daemon_conn_abort(struct daemon_conn *c);

/* Begins a request: what it consists of is added. */
struct buf *daemon_conn_request(struct daemon_conn *c, enum daemon_op op);

/* Sends the requests and NAR (borrowed) to its end, as frames. An error of the daemon
 * ends that early; daemon_conn_finish tells it. After a failure of NAR the daemon must
 * not take what came for the whole: the connection is closed. */
int daemon_conn_send_nar(struct daemon_conn *c, struct nf_source *nar,
			 struct nf_err *err) MUST_CHECK;

/* Sends the requests without waiting for anything. */
int daemon_conn_send(struct daemon_conn *c, struct nf_err *err) MUST_CHECK;

/* Sends what is not sent yet and waits for the verdict on the first request that has
 * none. NF_E_TRUST: the daemon misses a signature that it trusts; NF_E_NOSPACE; else
 * NF_E_SYS with the daemon's text. */
int daemon_conn_finish(struct daemon_conn *c, struct nf_err *err) MUST_CHECK;

/* To read the reply of; daemon_conn_fault says what was wrong with it. */
struct daemon_in *daemon_conn_reply(struct daemon_conn *c);
/* RC of reading from it, with what it was read from. */
int daemon_conn_fault(struct daemon_conn *c, int rc, struct nf_err *err);

#endif
