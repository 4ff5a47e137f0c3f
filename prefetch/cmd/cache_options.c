#include "cmd/cache_options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "caches/history.h"
#include "cmd/options.h"

/* Represents "no timeout" of nix.conf: longer than any user waits. */
#define NEVER_S (24 * 3600)

#define DOWNLOADS_MAX 256

/* ---- substituters ---- */

static void note(struct nix_settings *settings, const struct substituter *s)
{
	if (s->ignored)
		nix_settings_note(
			settings, true,
			"substituter '%s': these parameters have no effect here: %s",
			s->url, s->ignored);
	if (s->unknown)
		nix_settings_note(settings, true,
				  "substituter '%s': unknown parameters: %s", s->url,
				  s->unknown);
	if (s->trusted)
		nix_settings_note(
			settings, true,
			"substituter '%s' is trusted: what it serves needs no signature",
			s->url);
}

/* On the command line, an unknown parameter is an error. */
static int add_substituter(struct substituter_list *l, const char *url, bool is_given,
			   struct nix_settings *settings, struct nf_err *err)
{
	const struct substituter *added;
	int rc = substituter_list_add(l, url, !is_given, &added, err);

	if (!rc)
		note(settings, added);
	return rc;
}

static int add_given(struct substituter_list *l, const struct cmd_args *a,
		     const char *option, struct nix_settings *settings,
		     struct nf_err *err)
{
	const char *url;
	int rc = 0;

	for (size_t i = 0; !rc && (url = cmd_args_nth(a, option, i)); i++)
		rc = add_substituter(l, url, true, settings, err);
	if (rc && err)
		err->code = NF_E_USAGE;
	return rc ? -NF_E_USAGE : 0;
}

/* The file may be shared with other programs: an invalid entry must not make every
 * command fail. */
static void add_configured(struct substituter_list *l, struct nix_settings *settings)
{
	if (!settings->substitute) {
		nix_settings_note(
			settings, true,
			"nix.conf sets substitute = false: only caches named on the command line are queried");
		return;
	}
	for (size_t i = 0; i < settings->substituters.count; i++) {
		const struct nix_word *w = &settings->substituters.items[i];
		struct nf_err why;

		if (add_substituter(l, w->text, false, settings, &why))
			nix_settings_note(settings, true, "%s:%u: ignored: %s", w->file,
					  w->line, why.text);
	}
}

int cache_options_substituters(struct substituter_list *ret, const struct cmd_args *a,
			       struct nix_settings *settings, struct nf_err *err)
{
	AUTO(substituter_list_release) struct substituter_list l = SUBSTITUTER_LIST_INIT;
	int rc = 0;

	if (cmd_args_value(a, "substituter"))
		rc = add_given(&l, a, "substituter", settings, err);
	else
		add_configured(&l, settings);
	if (!rc)
		rc = add_given(&l, a, "extra-substituter", settings, err);
	if (rc)
		return rc;
	*ret = l;
	l = (struct substituter_list)SUBSTITUTER_LIST_INIT;
	return 0;
}

int cache_options_named(struct substituter_list *ret, const struct cmd_args *a,
			struct nix_settings *settings, struct nf_err *err)
{
	AUTO(substituter_list_release) struct substituter_list l = SUBSTITUTER_LIST_INIT;
	int rc = 0;

	for (size_t i = 0; !rc && i < cmd_args_count(a); i++)
		rc = add_substituter(&l, cmd_args_get(a, i), true, settings, err);
	if (rc && err)
		err->code = NF_E_USAGE;
	if (rc)
		return -NF_E_USAGE;
	*ret = l;
	l = (struct substituter_list)SUBSTITUTER_LIST_INIT;
	return 0;
}

/* ---- transfers ---- */

/* Converts a number of nix.conf: 0 if it is not set, NONE if it is 0. */
static uint64_t setting(uint64_t value, uint64_t none, uint64_t max)
{
	if (value == NIX_SETTING_UNSET)
		return 0;
	if (value == 0)
		value = none;
	return value < max ? value : max;
}

/* The file that nix.conf names may be missing, and a user may not be allowed to read the
 * system's. */
static void note_netrc(struct nix_settings *s, int rc, const struct nf_err *why)
{
	if (rc != -NF_E_MISSING)
		nix_settings_note(s, rc != -NF_E_SYS, "netrc-file of nix.conf: %s",
				  why->text);
}

static int read_netrc(struct netrc *n, const struct cmd_args *a, struct nix_settings *s,
		      struct nf_err *err)
{
	const char *given = cmd_args_value(a, "netrc-file");
	const char *file = given ? given : s->netrc_file;
	bool is_public = false;
	struct nf_err why;
	int rc = file && file[0] ? netrc_read(n, file, &is_public, &why) : 0;

	if (is_public)
		nix_settings_note(
			s, true,
			"'%s' contains passwords, and every user can read it: chmod 600 it",
			file);
	if (rc && given) {
		err_set(err, NF_E_USAGE, "option '--netrc-file': %s", why.text);
		return -NF_E_USAGE;
	}
	if (rc)
		note_netrc(s, rc, &why);
	return 0;
}

int cache_options_credentials(struct credentials **ret, const struct substituter_list *l,
			      const struct cmd_args *a, struct nix_settings *settings,
			      struct nf_err *err)
{
	struct netrc n = NETRC_INIT;
	int rc = read_netrc(&n, a, settings, err);

	if (!rc)
		*ret = credentials_new(&n, l->items, l->count);
	netrc_release(&n);
	return rc;
}

static int read_limit(struct rate_schedule *limit, const struct cmd_args *a,
		      const struct nix_settings *s, struct nf_err *err)
{
	const char *text;
	int rc = 0;

	*limit = (struct rate_schedule){
		.rate = setting(s->download_speed, 0, RATE_MAX / 1024) * 1024,
	};
	for (size_t i = 0; !rc && (text = cmd_args_nth(a, "limit-rate", i)); i++)
		rc = rate_schedule_add(limit, text, err);
	return rc ? err_prefix(err, rc, "option '--limit-rate'") : 0;
}

int cache_options_transfers(struct fetch_options *f, const struct cmd_args *a,
			    const struct nix_settings *s, struct nf_err *err)
{
	uint64_t connections = setting(s->http_connections, FETCH_CONNECTIONS_MAX,
				       FETCH_CONNECTIONS_MAX);
	uint64_t per_cache;
	int rc;

	rc = cmd_args_number(a, "connections", 1, FETCH_CONNECTIONS_MAX, connections,
			     &connections, err);
	if (!rc)
		rc = cmd_args_number(a, "connections-per-cache", 1, FETCH_CONNECTIONS_MAX,
				     0, &per_cache, err);
	if (!rc)
		rc = read_limit(&f->http.limit, a, s, err);
	if (rc)
		return rc;
	f->http.connections = (size_t)connections;
	f->http.connections_per_host = (size_t)per_cache;
	f->transfers = (size_t)setting(s->max_substitution_jobs, 1, DOWNLOADS_MAX);
	f->http.connect_timeout_ms =
		(int)setting(s->connect_timeout, NEVER_S, NEVER_S) * 1000;
	f->http.stall_timeout_s =
		(int)setting(s->stalled_download_timeout, NEVER_S, NEVER_S);
	f->http.ca_file = s->ssl_cert_file;
	f->http.user_agent_suffix = s->user_agent_suffix;
	return 0;
}

int cache_setup_read(struct cache_setup *setup, struct fetch_options *f,
		     const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	struct nix_settings *s = &setup->settings;
	int rc;

	rc = nix_settings_load(s, err);
	if (!rc)
		rc = cache_options_transfers(f, args, s, err);
	if (!rc)
		rc = cache_options_substituters(&setup->substituters, args, s, err);
	if (!rc)
		rc = cache_options_credentials(&setup->credentials, &setup->substituters,
					       args, s, err);
	if (!rc)
		rc = options_keyring(&setup->keys, args, s, err);
	if (rc)
		return rc;
	options_tell_notes(s, ui);
	f->substituters = setup->substituters.items;
	f->substituter_count = setup->substituters.count;
	f->keys = setup->keys;
	f->http.credentials = setup->credentials;
	setup->history = history_default_file();
	f->history = setup->history;
	return 0;
}

const char *cache_setup_no_substituter(const struct cache_setup *setup)
{
	return setup->settings.substitute ? NULL : "nix.conf sets substitute = false";
}

void cache_setup_describe(const struct cache_setup *setup, struct target_conf *c)
{
	for (size_t i = 0; i < setup->substituters.count; i++) {
		const struct substituter *s = &setup->substituters.items[i];
		AUTO_FREE char *url = s->has_priority ? mem_printf("%s?priority=%d",
								   s->url, s->priority)
						      : mem_strdup(s->url);

		(void)target_conf_add_substituter(c, nf_slice_str(url));
	}
	target_conf_add_keys(c, setup->keys);
	target_conf_add_features(c, &setup->settings);
}

void cache_setup_release(struct cache_setup *setup)
{
	free(setup->history);
	credentials_free(setup->credentials);
	nf_keyring_free(setup->keys);
	substituter_list_release(&setup->substituters);
	nix_settings_release(&setup->settings);
}
