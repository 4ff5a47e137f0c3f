/* What asking a cache showed, and what follows from it. Pure. */
#ifndef PROBE_REPORT_H
#define PROBE_REPORT_H

#include <nixferry/key.h>
#include <nixferry/narinfo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "config/substituter.h"

enum probe_state {
	PROBE_OK,
	PROBE_NO_HOST,	   /* its name is not known */
	PROBE_REFUSED,	   /* no connection; of a directory: it cannot be opened */
	PROBE_TIMEOUT,	   /* no connection, or no answer, in time */
	PROBE_TLS,	   /* a certificate or a handshake that is not accepted */
	PROBE_HTTP,	   /* an answer with a status of failure */
	PROBE_BROKEN,	   /* an answer that broke off */
	PROBE_NO_CACHE,	   /* its nix-cache-info cannot be read */
	PROBE_OTHER_STORE, /* it serves another store directory */
};

/* In the order of what must be told first. */
enum probe_key_state {
	PROBE_KEY_TRUSTED, /* verified a signature */
	PROBE_KEY_WRONG,   /* trusted by name, but did not verify */
	PROBE_KEY_UNKNOWN,
};

struct probe_key {
	char *name; /* as a server said it */
	enum probe_key_state state;
	size_t paths;
};

#define PROBE_KEYS_MAX 16

struct probe_report {
	const struct substituter *conf; /* borrowed */
	enum probe_state state;
	char *cause; /* why it is not PROBE_OK, or NULL */
	long status; /* of the HTTP answer that PROBE_HTTP is about */
	bool answered;
	bool tls;
	char http_version[8];
	uint32_t connect_us; /* 0: not measured; this and the next two */
	uint32_t latency_us; /* from a request to the first byte of its answer: median */
	uint64_t throughput; /* bytes a second */
	struct nf_cache_info info;
	int priority; /* the one that counts: the URL's, or its own */
	size_t asked; /* narinfos of the sample */
	size_t found;
	size_t trusted;	  /* of those found */
	size_t no_sig;	  /* neither signed nor content-addressed */
	size_t malformed; /* found, but of no use */
	struct probe_key keys[PROBE_KEYS_MAX];
	size_t key_count;
};

void probe_report_release(struct probe_report *r);

/* PROBE_OK becomes STATE; the first failure counts. */
void probe_report_fail(struct probe_report *r, enum probe_state state, const char *cause);

/* The answer to the request for nix-cache-info: TEXT, empty where it has none. */
void probe_report_cache_info(struct probe_report *r, struct nf_slice text);

/* A narinfo of the sample was found: who signed it, is it trusted? */
void probe_report_narinfo(struct probe_report *r, struct nf_narinfo *ni,
			  const struct nf_keyring *keys);

/* Paths would be taken from it, as far as the sample shows. */
bool probe_report_usable(const struct probe_report *r);

/* A word or two: "ok", "refused", "HTTP 500". OUT has room for 24 bytes. */
#define PROBE_STATE_TEXT_MAX 24
const char *probe_report_state_text(char out[PROBE_STATE_TEXT_MAX],
				    const struct probe_report *r);

/* Appends what to do about it: a line for each problem, each ended by a newline. */
void probe_report_advise(struct buf *out, const struct probe_report *r);

#endif
