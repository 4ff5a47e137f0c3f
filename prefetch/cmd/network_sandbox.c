#include "cmd/network_sandbox.h"

#include <libgen.h>
#include <string.h>

#include "base/mem.h"
#include "caches/history.h"
#include "cmd/store_options.h"

/* Names are looked up, and certificates checked, by libraries and their plug-ins. */
static const char *const libraries[] = {
	"/etc/ld.so.cache",
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
	"/nix/store",
	/* names */
	"/etc/gai.conf",
	"/etc/host.conf",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/protocols",
	"/etc/resolv.conf",
	"/etc/services",
	"/run/NetworkManager",
	"/run/nscd",
	"/run/resolvconf",
	"/run/systemd/resolve",
	/* certificates */
	"/etc/ca-certificates",
	"/etc/crypto-policies",
	"/etc/pki/ca-trust",
	"/etc/pki/tls/certs",
	"/etc/ssl/cert.pem",
	"/etc/ssl/certs",
	"/etc/ssl/openssl.cnf",
	"/usr/local/share/ca-certificates",
	"/usr/share/ca-certificates",
	"/proc/sys/crypto/fips_enabled",
	/* times of day, of --limit-rate */
	"/etc/localtime",
	"/etc/zoneinfo",
	"/usr/share/zoneinfo",
};

/* What OpenSSL reads instead, if the user says so. */
static const char *const variables[] = { "SSL_CERT_FILE", "SSL_CERT_DIR",
					 "OPENSSL_CONF" };

static void grant_libraries(struct sandbox *s, const char *ca_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		sandbox_grant(s, libraries[i], SANDBOX_READ);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (getenv(variables[i]))
			sandbox_grant(s, getenv(variables[i]), SANDBOX_READ);
	if (ca_file)
		sandbox_grant(s, ca_file, SANDBOX_READ);
	/* A network that changes replaces resolv.conf. Of what else is there users read
	 * nothing secret; root would. */
	if (geteuid() != 0)
		sandbox_grant(s, "/etc", SANDBOX_READ);
}

/* Its file is replaced by one that is made beside it. */
static void grant_history(struct sandbox *s, const char *file)
{
	AUTO_FREE char *copy = NULL;

	if (!file || history_make_directory(file, NULL))
		return;
	copy = mem_strdup(file);
	sandbox_grant(s, dirname(copy), SANDBOX_REPLACE);
}

static void grant_cache(struct sandbox *s, const struct substituter *c)
{
	AUTO_FREE char *store = NULL;
	AUTO_FREE char *nars = NULL;

	if (c->kind == SUBSTITUTER_HTTP)
		return;
	store = mem_printf("%s/nix/store", c->path);
	nars = mem_printf("%s/nar", c->path);
	if (c->kind == SUBSTITUTER_PATH && access(store, F_OK) == 0) {
		store_options_grant(s, c->path);
	} else {
		sandbox_grant(s, c->path, SANDBOX_READ);
		sandbox_grant(s, nars, SANDBOX_READ); /* where it is a link */
	}
}

void network_sandbox_grant(struct sandbox *s, const struct fetch_options *options,
			   enum sandbox_use use, const struct local_store *store)
{
	sandbox_grant_network(s);
	sandbox_grant_owners(s);
	grant_libraries(s, options->http.ca_file);
	grant_history(s, options->history);
	for (size_t i = 0; i < options->substituter_count; i++)
		grant_cache(s, &options->substituters[i]);
	if (options->pool)
		sandbox_grant(s, pool_dir(options->pool), use);
	if (store)
		store_options_grant(s, local_store_root(store));
}

struct sandbox *network_sandbox_new(const struct fetch_options *options,
				    enum sandbox_use use, const struct local_store *store)
{
	struct sandbox *s = sandbox_new();

	network_sandbox_grant(s, options, use, store);
	return s;
}
