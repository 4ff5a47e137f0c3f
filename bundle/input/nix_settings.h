/* What nix.conf says of caches, keys and transfers: the settings that nixferry shares
 * with Nix, with Nix's names, defaults and order of files. */
#ifndef NIX_SETTINGS_H
#define NIX_SETTINGS_H

#include <nixferry/key.h>
#include <stdbool.h>
#include <stdint.h>

#include "input/nix_conf.h"

/* A number that nobody has set: nixferry's own default. */
#define NIX_SETTING_UNSET UINT64_MAX

/* A word of a list, and where it stands (FILE of NULL: a default). */
struct nix_word {
	const char *text;
	const char *file;
	unsigned line;
};

struct nix_words {
	struct nix_word *items;
	size_t count, cap;
};

/* A remark for people. */
struct nix_note {
	char *text;
	bool matters; /* it changes what a user would expect */
};

struct nix_settings {
	struct nix_words substituters;
	struct nix_words trusted_substituters;
	struct nix_words trusted_public_keys;
	struct nix_words secret_key_files;
	bool require_sigs; /* false is noted, not obeyed */
	bool substitute;
	bool fallback;
	bool always_allow_substitutes;
	uint64_t connect_timeout;	   /* seconds; 0: none */
	uint64_t stalled_download_timeout; /* seconds; 0: none */
	uint64_t http_connections;	   /* 0: no limit */
	uint64_t download_speed;	   /* KiB/s of all transfers; 0: no limit */
	uint64_t max_substitution_jobs;
	const char *netrc_file;	   /* it need not be there; NULL: none */
	const char *ssl_cert_file; /* NULL: libcurl's */
	const char *user_agent_suffix;
	struct nix_note *notes;
	size_t note_count, note_cap;
	struct nix_conf conf; /* owns all strings */
};

/* The defaults. What is to count is then added to s->conf, and applied. */
void nix_settings_init(struct nix_settings *s);
void nix_settings_release(struct nix_settings *s);

/* Applies the entries of s->conf, once. A value that is none for its setting is
 * NF_E_USAGE: "FILE:LINE: ...". */
int nix_settings_apply(struct nix_settings *s, struct nf_err *err) MUST_CHECK;

/* Init, then all that counts here, in Nix's order: $NIX_CONF_DIR/nix.conf, the user's
 * files, $NIX_CONFIG; and the files that the environment names for netrc and TLS. The
 * struct is initialised in any case. */
int nix_settings_load(struct nix_settings *s, struct nf_err *err) MUST_CHECK;

/* Adds the trusted public keys, and the public halves of the secret keys. A public key
 * that is none is noted and left out, and so is a secret key that cannot be read. */
int nix_settings_add_keys(struct nix_settings *s, struct nf_keyring *ring,
			  struct nf_err *err) MUST_CHECK;

void nix_settings_note(struct nix_settings *s, bool matters, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
