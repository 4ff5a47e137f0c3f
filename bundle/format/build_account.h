/* What a build did, from its log: what it copied, what it built, which downloads failed,
 * and where the time went. */
#ifndef BUILD_ACCOUNT_H
#define BUILD_ACCOUNT_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct build_account_cache {
	struct nf_slice name; /* its URL without parameters and password */
	size_t copies;
	uint64_t downloaded; /* bytes; 0 if the log does not say */
	uint64_t busy_ms;    /* the time with at least one copy from it */
	size_t failures;
	uint64_t retry_ms;   /* the pauses before retries, as announced */
	uint64_t failed_ms;  /* the time with at least one attempt that failed */
	struct nf_slice why; /* of the first failure */
};

struct build_account_copy {
	struct nf_slice path;
	size_t cache;
	uint64_t from_ms, to_ms;
	uint64_t nar_size; /* 0 if the log does not say */
};

enum build_account_state {
	BUILD_ACCOUNT_STARTED, /* the log does not say how it ended */
	BUILD_ACCOUNT_ENDED,
	BUILD_ACCOUNT_FAILED,
};

enum build_account_reason {
	BUILD_ACCOUNT_UNKNOWN,
	BUILD_ACCOUNT_IN_NO_CACHE, /* caches were asked */
	BUILD_ACCOUNT_NOT_ASKED,   /* others were asked for, but not this */
};

struct build_account_build {
	struct nf_slice drv;
	struct nf_slice machine; /* empty: this one */
	uint64_t from_ms, to_ms;
	enum build_account_state state;
	enum build_account_reason reason;
};

/* Each moment counts once, for the first of these that applies. */
struct build_account_times {
	uint64_t total;
	uint64_t building; /* at least one build ran */
	uint64_t copying;  /* no build, at least one copy */
	uint64_t asking;   /* neither, but a request for a narinfo or the like */
	uint64_t failing;  /* only attempts that failed, and pauses before retries */
	uint64_t other;
};

struct build_account {
	struct build_account_cache *caches;
	struct build_account_copy *copies;
	struct build_account_build *builds;
	size_t ncaches, ncopies, nbuilds;
	struct build_account_times times;
	bool has_times;
	bool is_json;	/* at least one line of internal-json */
	size_t broken;	/* lines of internal-json that cannot be read */
	size_t ignored; /* events beyond a limit */
};

struct build_account_reader;

struct build_account_reader *build_account_reader_new(void);
void build_account_reader_free(struct build_account_reader *r);
DEFINE_CLEANUP(struct build_account_reader *, build_account_reader_free)

/* One line without its line feed. If the first line says so, each begins with a time. */
void build_account_line(struct build_account_reader *r, struct nf_slice line);
/* The same for a line that arrived at NOW_MS, counted from the start. */
void build_account_line_at(struct build_account_reader *r, struct nf_slice line,
			   uint64_t now_ms);

/* At the end, once. Belongs to the reader. */
const struct build_account *build_account_finish(struct build_account_reader *r);

#endif
