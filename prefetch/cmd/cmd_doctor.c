#include "cmd/network_commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/plural.h"
#include "caches/probe.h"
#include "cmd/cache_options.h"
#include "cmd/doctor_findings.h"
#include "cmd/doctor_machine.h"
#include "cmd/network_sandbox.h"
#include "cmd/options.h"
#include "cmd/ui.h"
#include "format/key_tally.h"

#define ADVICE_MAX     8192
#define TIMEOUT_MAX_MS 15000

struct doctor_run {
	struct nix_settings settings;
	struct fetch_options transfers;
	struct substituter_list caches;
	struct credentials *credentials;
	struct nf_keyring *keys;
	struct doctor_findings findings;
	bool offline;
};

static void doctor_run_release(struct doctor_run *d)
{
	doctor_findings_release(&d->findings);
	credentials_free(d->credentials);
	nf_keyring_free(d->keys);
	substituter_list_release(&d->caches);
	nix_settings_release(&d->settings);
}

/* ---- configuration ---- */

static void tell_notes(struct doctor_run *d)
{
	const struct nix_settings *s = &d->settings;

	for (size_t i = 0; i < s->note_count; i++)
		if (s->notes[i].matters)
			doctor_findings_note(&d->findings, "nix.conf", NULL, "%s",
					     s->notes[i].text);
}

static void check_keys(struct doctor_run *d)
{
	size_t count = key_tally_of_ring(d->keys);

	if (count)
		doctor_findings_ok(&d->findings, "keys", "%zu %s trusted", count,
				   plural(count, "key is", "keys are"));
	else
		doctor_findings_problem(
			&d->findings, "keys", NF_E_TRUST,
			"set trusted-public-keys in nix.conf, or give --trusted-public-key",
			"no key is trusted: only content-addressed paths can be used");
}

static void check_configured(struct doctor_run *d)
{
	size_t count = d->caches.count;

	if (!d->settings.substitute)
		doctor_findings_problem(&d->findings, "nix.conf", NF_E_USAGE,
					"set substitute = true, or give --substituter",
					"substitute = false: no cache is used");
	else if (!count)
		doctor_findings_problem(&d->findings, "nix.conf", NF_E_USAGE,
					"set substituters, or give --substituter",
					"no cache is configured");
	else
		doctor_findings_ok(&d->findings, "nix.conf", "%zu %s configured", count,
				   plural(count, "cache is", "caches are"));
}

/* A fault of the configuration is a finding, and the rest is checked all the same. */
static void read_configuration(struct doctor_run *d, const struct cmd_args *args)
{
	struct nix_settings *s = &d->settings;
	struct nf_err why;
	int rc = nix_settings_load(s, &why);

	if (!rc)
		rc = cache_options_transfers(&d->transfers, args, s, &why);
	if (!rc)
		rc = cache_options_substituters(&d->caches, args, s, &why);
	if (!rc)
		rc = cache_options_credentials(&d->credentials, &d->caches, args, s,
					       &why);
	if (!rc)
		rc = options_keyring(&d->keys, args, s, &why);
	if (rc) {
		doctor_findings_problem(&d->findings, "nix.conf", rc,
					"correct nix.conf or the option", "%s", why.text);
		d->caches.count = 0;
		return;
	}
	check_configured(d);
	tell_notes(d);
	check_keys(d);
}

static void check_machine(struct doctor_run *d, const struct cmd_args *args)
{
	AUTO_FREE char *pool = NULL;
	struct nf_err why;

	doctor_machine_versions(&d->findings);
	doctor_machine_clock(&d->findings);
	if (options_pool_dir(&pool, args, &why))
		doctor_findings_problem(&d->findings, "pool", NF_E_USAGE, NULL, "%s",
					why.text);
	else
		doctor_machine_pool(&d->findings, pool);
	doctor_machine_store(&d->findings);
	doctor_machine_limits(&d->findings);
	doctor_machine_namespaces(&d->findings);
}

/* ---- caches ---- */

static int enter_sandbox(struct doctor_run *d, struct nf_err *err)
{
	AUTO(sandbox_freep) struct sandbox *s = NULL;
	struct sandbox_state state = { 0 };
	struct fetch_options options = d->transfers;
	int rc;

	options.substituters = d->caches.items;
	options.substituter_count = d->caches.count;
	s = network_sandbox_new(&options, SANDBOX_READ, NULL);
	rc = sandbox_enter(s, &state, err);
	if (!rc)
		doctor_machine_sandbox(&d->findings, &state);
	return rc;
}

static const char *fault_of(char state[PROBE_STATE_TEXT_MAX],
			    const struct probe_report *r)
{
	if (r->state == PROBE_OK)
		return "no trusted key signs what it serves";
	return r->cause ? r->cause : probe_report_state_text(state, r);
}

static void take_report(struct doctor_run *d, const struct probe_report *r, bool any)
{
	const char *url = r->conf->url;
	AUTO_BUF struct buf advice = { 0 };
	char state[PROBE_STATE_TEXT_MAX];

	buf_init(&advice, ADVICE_MAX);
	probe_report_advise(&advice, r);
	if (probe_report_usable(r))
		doctor_findings_ok(&d->findings, "cache", "%s", url);
	else if (any)
		doctor_findings_note(&d->findings, "cache", advice.ptr, "%s: %s", url,
				     fault_of(state, r));
	else
		doctor_findings_problem(&d->findings, "cache", NF_E_NET, advice.ptr,
					"%s: %s", url, fault_of(state, r));
}

/* One that can be used is enough; the others are only noted. */
static int check_caches(struct doctor_run *d, struct nf_err *err)
{
	struct probe_options p = {
		.substituters = d->caches.items,
		.substituter_count = d->caches.count,
		.keys = d->keys,
		.http = d->transfers.http,
	};
	AUTO_FREE struct probe_report *reports =
		mem_calloc(p.substituter_count, sizeof(*reports));
	bool any = false;
	int rc;

	p.http.credentials = d->credentials;
	if (p.http.connect_timeout_ms > TIMEOUT_MAX_MS)
		p.http.connect_timeout_ms = TIMEOUT_MAX_MS;
	rc = probe_run(reports, &p, err);
	for (size_t i = 0; i < p.substituter_count; i++)
		any = any || probe_report_usable(&reports[i]);
	for (size_t i = 0; i < p.substituter_count; i++) {
		if (!rc)
			take_report(d, &reports[i], any);
		probe_report_release(&reports[i]);
	}
	return rc;
}

static int run_doctor(const struct cmd_args *args, struct ui *ui, struct nf_err *err)
{
	AUTO(doctor_run_release) struct doctor_run d = { 0 };
	int rc;

	(void)ui;
	d.offline = cmd_args_flag(args, "offline");
	check_machine(&d, args);
	read_configuration(&d, args);
	rc = enter_sandbox(&d, err);
	if (!rc && !d.offline && d.caches.count)
		rc = check_caches(&d, err);
	if (rc)
		return rc;
	rc = doctor_findings_verdict(&d.findings, err);
	if (cmd_args_flag(args, "json")) {
		AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();

		json_add_bool(doc, "good", rc == 0);
		doctor_findings_add_json(&d.findings, doc);
		json_print(doc, stdout);
	} else {
		doctor_findings_print(&d.findings);
	}
	return rc;
}

static const struct cmd_option options[] = {
	{ .name = "offline", .help = "do not query the caches" },
	{ 0 },
};
static const struct cmd_option_group group = { "Options", options };

const struct command cmd_doctor = {
	.name = "doctor",
	.args = "",
	.summary = "check this machine: configuration, keys, disk, caches, kernel",
	.text = "Checks what nixferry needs of this machine, and prints a line for each "
		"part: versions, the clock, the pool and the space for it, the live "
		"store, nix.conf, trusted keys, what the kernel offers for the sandbox, "
		"and whether each cache can be reached. What is a problem or could be "
		"better comes with advice. Nothing is created or changed.\n"
		"\n"
		"The exit status is 0 without a problem; notes do not count. Otherwise "
		"it is that of the gravest problem: 2 for configuration, 4 for keys, 6 "
		"if no cache can be used, 7 for a full disk, 1 for others.",
	.groups = (const struct cmd_option_group *const[]){ &group, &options_caches,
							    &options_keys, &options_pool,
							    &options_common, NULL },
	.min_args = 0,
	.max_args = 0,
	.run = run_doctor,
};
