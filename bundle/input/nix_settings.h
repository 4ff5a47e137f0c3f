/* The settings of nix.conf for caches, keys and transfers that nixferry uses, with Nix's
 * names, defaults and order of files. */
#ifndef NIX_SETTINGS_H
#define NIX_SETTINGS_H

#include <nixferry/key.h>
#include <stdbool.h>
#include <stdint.h>

#include "input/nix_conf.h"

/* A number that is not set: nixferry uses its own default. */
#define NIX_SETTING_UNSET UINT64_MAX

/* A word of a list, and where it was set (FILE is NULL for a default). */
struct nix_word {
	const char *text;
	const char *file;
	unsigned line;
};

struct nix_words {
	struct nix_word *items;
	size_t count, cap;
};

/* A remark for the user. */
struct nix_note {
	char *text;
	bool matters; /* it differs from what a user would expect */
};

struct nix_settings {
	struct nix_words substituters;
	struct nix_words trusted_substituters;
	struct nix_words trusted_public_keys;
	struct nix_words secret_key_files;
	bool require_sigs; /* false causes a remark and is ignored */
	bool substitute;
	bool fallback;
	bool always_allow_substitutes;
	bool auto_optimise_store;
	uint64_t connect_timeout;	   /* seconds; 0 for none */
	uint64_t stalled_download_timeout; /* seconds; 0 for none */
	uint64_t http_connections;	   /* 0 for no limit */
	uint64_t download_speed;	   /* KiB/s of all transfers; 0 for no limit */
	uint64_t max_substitution_jobs;
	const char *netrc_file;	   /* may be missing; NULL for none */
	const char *ssl_cert_file; /* NULL for libcurl's default */
	const char *user_agent_suffix;
	struct nix_note *notes;
	size_t note_count, note_cap;
	struct nix_conf conf; /* owns all strings */
};

/* Sets the defaults. Add entries to s->conf next, then apply them. */
void nix_settings_init(struct nix_settings *s);
void nix_settings_release(struct nix_settings *s);

/* Applies the entries of s->conf; call it once. An invalid value is NF_E_USAGE:
 * "FILE:LINE: ...". */
int nix_settings_apply(struct nix_settings *s, struct nf_err *err) MUST_CHECK;

/* Init, then reads all sources in Nix's order: $NIX_CONF_DIR/nix.conf, the user's files,
 * $NIX_CONFIG, and the variables that name files for netrc and TLS. The struct is always
 * initialised. */
int nix_settings_load(struct nix_settings *s, struct nf_err *err) MUST_CHECK;

/* Adds the trusted public keys, and the public halves of the secret keys. An invalid
 * public key, or a secret key that cannot be read, causes a remark and is skipped. */
int nix_settings_add_keys(struct nix_settings *s, struct nf_keyring *ring,
			  struct nf_err *err) MUST_CHECK;

void nix_settings_note(struct nix_settings *s, bool matters, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
