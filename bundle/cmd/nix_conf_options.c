#include "cmd/nix_conf_options.h"

#include "base/limits.h"
#include "cmd/say.h"
#include "store/import_target.h"
#include "store/target_etc.h"

static const struct cmd_option options[] = {
	{ .name = "write-nix-conf",
	  .help = "write the caches, keys and features that were used into etc/nix/nix.conf of the target, unless it has one" },
	{ .name = "print-nix-conf",
	  .help = "print that nix.conf on standard output, and the summary on standard error" },
	{ .name = "print-nix-module",
	  .help = "print the same as a NixOS module (nix.settings)" },
	{ 0 },
};
const struct cmd_option_group options_nix_conf = { "The target's nix.conf", options };

int nix_conf_options_read(struct nix_conf_options *o, const struct cmd_args *args,
			  const struct target_options *target, struct nf_err *err)
{
	o->write = cmd_args_flag(args, "write-nix-conf");
	o->print = cmd_args_flag(args, "print-nix-conf");
	o->module = cmd_args_flag(args, "print-nix-module");
	target_conf_init(&o->conf);
	if (o->write && !target->root)
		return err_set(err, NF_E_USAGE,
			       "option '--write-nix-conf' needs --store ROOT");
	if (o->write && import_target_is_daemon(target->root))
		return err_set(
			err, NF_E_USAGE,
			"option '--write-nix-conf' cannot be used with nix-daemon: it has a nix.conf; --print-nix-conf shows the settings");
	if (o->print && o->module)
		return err_set(
			err, NF_E_USAGE,
			"options '--print-nix-conf' and '--print-nix-module' exclude each other");
	return 0;
}

void nix_conf_options_release(struct nix_conf_options *o)
{
	target_conf_release(&o->conf);
	cleanup_fd(&o->dir_fd);
}

bool nix_conf_options_any(const struct nix_conf_options *o)
{
	return o->write || o->print || o->module;
}

bool nix_conf_options_take_stdout(const struct nix_conf_options *o)
{
	return o->print || o->module;
}

int nix_conf_options_load(struct nix_conf_options *o, struct nf_err *err)
{
	AUTO(nix_settings_release) struct nix_settings s = { 0 };
	int rc = nix_settings_load(&s, err);

	if (rc)
		return rc;
	target_conf_add_features(&o->conf, &s);
	for (size_t i = 0; s.substitute && i < s.substituters.count; i++)
		(void)target_conf_add_substituter(
			&o->conf, nf_slice_str(s.substituters.items[i].text));
	return 0;
}

void nix_conf_options_add_installables(struct nix_conf_options *o,
				       const struct installables *t)
{
	for (size_t i = 0; i < t->count; i++) {
		if (!t->items[i].is_flake)
			continue;
		target_conf_add_feature(&o->conf, "nix-command");
		target_conf_add_feature(&o->conf, "flakes");
	}
}

int nix_conf_options_open(struct nix_conf_options *o, const char *root, struct sandbox *s,
			  struct nf_err *err)
{
	int rc;

	if (!o->write)
		return 0;
	rc = target_etc_open(&o->dir_fd, root, err);
	if (!rc)
		target_etc_grant(s, o->dir_fd);
	return rc;
}

int nix_conf_options_write(struct nix_conf_options *o, const char *root, struct ui *ui,
			   struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	bool exists;
	int rc;

	if (o->dir_fd < 0)
		return 0;
	buf_init(&text, TARGET_CONF_TEXT_MAX);
	target_conf_format(&text, &o->conf);
	rc = target_etc_write(o->dir_fd, buf_slice(&text), &exists, err);
	if (rc)
		return err_prefix(err, rc, "'%s/etc/nix'", root);
	o->is_written = !exists;
	if (exists)
		ui_warn(ui,
			"'%s/etc/nix/nix.conf' exists, and was left as it is; --print-nix-conf shows the settings",
			root);
	else
		ui_note(ui, "wrote '%s/etc/nix/nix.conf'", root);
	return 0;
}

void nix_conf_options_print(const struct nix_conf_options *o)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, TARGET_CONF_TEXT_MAX);
	if (o->print)
		target_conf_format(&text, &o->conf);
	if (o->module)
		target_conf_format_module(&text, &o->conf);
	say_text(buf_slice(&text));
}

void nix_conf_options_add_json(const struct nix_conf_options *o, struct json_doc *doc)
{
	AUTO_BUF struct buf text = { 0 };

	buf_init(&text, TARGET_CONF_TEXT_MAX);
	if (o->print) {
		target_conf_format(&text, &o->conf);
		json_add_slice(doc, "nixConf", buf_slice(&text));
	}
	if (o->module) {
		target_conf_format_module(&text, &o->conf);
		json_add_slice(doc, "nixModule", buf_slice(&text));
	}
	if (o->write)
		json_add_bool(doc, "nixConfWritten", o->is_written);
}
