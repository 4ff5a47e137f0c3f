/* Lines of Nix's logs: those of --log-format internal-json ("@nix {...}"), and the plain
 * ones. Either may begin with the time at which it arrived. */
#ifndef BUILD_LOG_H
#define BUILD_LOG_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* The first line of a log whose other lines begin with a time: "12.345 LINE". */
#define BUILD_LOG_TIMED	    "nixferry-log 1"
#define BUILD_LOG_STAMP_MAX 32

/* Nix's ActivityType, as far as it is of interest. */
enum build_log_activity {
	BUILD_LOG_COPY_PATH = 100,
	BUILD_LOG_TRANSFER = 101,
	BUILD_LOG_BUILD = 105,
	BUILD_LOG_SUBSTITUTE = 108,
	BUILD_LOG_QUERY = 109,
};

enum build_log_kind {
	BUILD_LOG_OTHER,
	BUILD_LOG_START,
	BUILD_LOG_STOP,
	BUILD_LOG_PROGRESS, /* of the activity: number[0] of number[1] */
	BUILD_LOG_MESSAGE,
	BUILD_LOG_COPYING, /* a plain line that tells of a copy: field[0] from field[1] */
	BUILD_LOG_BUILDING, /* the same of a build: field[0] */
	BUILD_LOG_BROKEN,   /* "@nix " and not what follows it */
};

struct build_log_event {
	enum build_log_kind kind;
	uint64_t id, parent, type, level;
	struct nf_slice field[2];
	uint64_t number[2];
	struct nf_slice text; /* without color codes */
};

struct build_log_parser {
	struct json_read *line; /* what the event refers to */
	struct buf text;
};

void build_log_parser_init(struct build_log_parser *p);
void build_log_parser_release(struct build_log_parser *p);

/* The event is valid until the next call. LINE is without its line feed. */
void build_log_parse(struct build_log_parser *p, struct nf_slice line,
		     struct build_log_event *ret);

/* Removes the time of a line: milliseconds from any start. False if it has none. */
bool build_log_cut_time(struct nf_slice *line, uint64_t *ret_ms);
/* "12.345 ". Returns OUT. */
char *build_log_stamp(char out[BUILD_LOG_STAMP_MAX], uint64_t ms);

/* What is between the first two quotes of *text, and the text after those. False if there
 * are no two. */
bool build_log_cut_quoted(struct nf_slice *text, struct nf_slice *ret);

/* A failed download: "unable to download 'URL': WHY; retrying in N ms". */
struct build_log_failure {
	struct nf_slice url, why;
	bool retries;
	uint64_t delay_ms;
};
bool build_log_failure_in(struct nf_slice message, struct build_log_failure *ret);

/* A failed build: "builder for 'DRV' failed ...", "Cannot build 'DRV'." */
bool build_log_failed_build_in(struct nf_slice message, struct nf_slice *ret_drv);

#endif
