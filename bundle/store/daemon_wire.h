/* The encoding of nix-daemon's worker protocol: numbers of 64 bits, little endian, and
 * strings, padded to 8 bytes. Everything that a daemon sends is bounded. */
#ifndef DAEMON_WIRE_H
#define DAEMON_WIRE_H

#include <nixferry/pathinfo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define DAEMON_VERSION(minor) (1 << 8 | (minor))
#define DAEMON_MAJOR(version) ((version) >> 8)
#define DAEMON_MINOR(version) ((version)&0xff)

enum daemon_op {
	DAEMON_ADD_TEMP_ROOT = 11,
	DAEMON_ADD_INDIRECT_ROOT = 12,
	DAEMON_QUERY_PATH_INFO = 26,
	DAEMON_QUERY_VALID_PATHS = 31,
	DAEMON_ADD_SIGNATURES = 37,
	DAEMON_ADD_TO_STORE_NAR = 39,
};

/* ---- what is sent ---- */

void daemon_put_number(struct buf *out, uint64_t n);
void daemon_put_string(struct buf *out, struct nf_slice s);
/* "/nix/store/BASE" */
void daemon_put_path(struct buf *out, struct nf_slice base);
/* All but the path. */
void daemon_put_info(struct buf *out, const struct nf_pathinfo *info);

/* ---- what comes ---- */

#define DAEMON_IN_SIZE 4096

struct daemon_in {
	/* Gives 1 to SIZE bytes; an end is an error. */
	int (*fill)(void *ctx, void *bytes, size_t size, size_t *ret_len,
		    struct nf_err *err);
	void *ctx;
	size_t pos, len;
	uint8_t bytes[DAEMON_IN_SIZE];
};

int daemon_get_number(struct daemon_in *in, uint64_t *ret, struct nf_err *err) MUST_CHECK;
int daemon_get_bool(struct daemon_in *in, bool *ret, struct nf_err *err) MUST_CHECK;
/* Replaces what is in TEXT, whose maximum bounds the string: NF_E_LIMIT. */
int daemon_get_string(struct daemon_in *in, struct buf *text,
		      struct nf_err *err) MUST_CHECK;
/* A store path. */
int daemon_get_path(struct daemon_in *in, struct nf_storepath *ret,
		    struct nf_err *err) MUST_CHECK;
/* At most MAX. */
int daemon_get_count(struct daemon_in *in, uint64_t max, uint64_t *ret,
		     struct nf_err *err) MUST_CHECK;
/* What daemon_put_info sends; INFO's path is set, the rest of it is empty. */
int daemon_get_info(struct daemon_in *in, struct nf_pathinfo *info,
		    struct nf_err *err) MUST_CHECK;

/* What the daemon sends before each reply. */
enum daemon_message {
	DAEMON_LOG,   /* a log line or a progress report, which was skipped */
	DAEMON_LAST,  /* the reply follows */
	DAEMON_ERROR, /* there is no reply */
};

#define DAEMON_ERROR_TEXT_MAX 512

/* ERROR is the daemon's text of an error as one line that can be shown on a terminal. */
int daemon_get_message(struct daemon_in *in, enum daemon_message *ret,
		       char error[DAEMON_ERROR_TEXT_MAX], struct nf_err *err) MUST_CHECK;

#endif
