/* What checking a cache found, and what follows from it. Pure. */
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
	PROBE_NO_HOST,	   /* host name unknown */
	PROBE_REFUSED,	   /* no connection; for a directory: it cannot be opened */
	PROBE_TIMEOUT,	   /* no connection or no response in time */
	PROBE_TLS,	   /* a certificate or handshake was rejected */
	PROBE_HTTP,	   /* a response with an error status */
	PROBE_BROKEN,	   /* a response that broke off */
	PROBE_NO_CACHE,	   /* its nix-cache-info cannot be read */
	PROBE_OTHER_STORE, /* it serves another store directory */
};

/* In the order in which they are reported. */
enum probe_key_state {
	PROBE_KEY_TRUSTED, /* verified a signature */
	PROBE_KEY_WRONG,   /* trusted by name, but the signature did not verify */
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
	long status; /* of the HTTP response that PROBE_HTTP is about */
	bool answered;
	bool tls;
	char http_version[8];
	uint32_t connect_us; /* 0 if not measured; also the next two */
	uint32_t
		latency_us; /* median, from a request to the first byte of its response */
	uint64_t throughput; /* bytes per second */
	struct nf_cache_info info;
	int priority;	  /* the effective one: from the URL, or the cache's own */
	size_t answers;	  /* responses to all kinds of requests */
	size_t forbidden; /* of these, with HTTP status 403 */
	size_t asked;	  /* number of requested narinfos */
	size_t found;
	size_t trusted;	  /* of those found */
	size_t no_sig;	  /* neither signed nor content-addressed */
	size_t malformed; /* found, but unusable */
	struct probe_key keys[PROBE_KEYS_MAX];
	size_t key_count;
};

void probe_report_release(struct probe_report *r);

/* Changes PROBE_OK to STATE; a later failure does not replace the first. */
void probe_report_fail(struct probe_report *r, enum probe_state state, const char *cause);

/* Takes the response to the request for nix-cache-info: TEXT, empty if there is none. */
void probe_report_cache_info(struct probe_report *r, struct nf_slice text);

/* Takes a narinfo of the sample: who signed it, and is the key trusted? */
void probe_report_narinfo(struct probe_report *r, struct nf_narinfo *ni,
			  const struct nf_keyring *keys);

/* Whether paths would be fetched from it, as far as the sample shows. */
bool probe_report_usable(const struct probe_report *r);

/* One or two words: "ok", "refused", "HTTP 500". OUT has room for 24 bytes. */
#define PROBE_STATE_TEXT_MAX 24
const char *probe_report_state_text(char out[PROBE_STATE_TEXT_MAX],
				    const struct probe_report *r);

/* Appends advice: one line for each problem, ended by a newline. */
void probe_report_advise(struct buf *out, const struct probe_report *r);

#endif
