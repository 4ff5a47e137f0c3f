#include "cmd/bundle_input.h"

#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/file_open.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/slice.h"
#include "base/stream.h"
#include "cmd/options.h"
#include "cmd/sandbox_options.h"

static int open_file(struct bundle_input *in, const char *arg, struct nf_err *err)
{
	int rc;

	if (strcmp(arg, "-") != 0) {
		in->name = arg;
		rc = file_open_input(&in->fd, arg, err);
		if (rc == -NF_E_MISSING)
			rc = err_set(err, NF_E_SYS,
				     "bundle '%s': No such file or directory", arg);
		return rc;
	}
	in->name = "standard input";
	if (isatty(STDIN_FILENO))
		return err_set(err, NF_E_USAGE,
			       "standard input is a terminal: pipe a bundle into it");
	in->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return in->fd < 0 ? err_sys(err, "standard input") : 0;
}

int bundle_input_read_keys(struct bundle_input *in, const struct cmd_args *args,
			   struct ui *ui, struct nf_err *err)
{
	int rc = nix_settings_load(&in->settings, err);

	if (!rc)
		rc = options_keyring(&in->keys, args, &in->settings, err);
	if (!rc)
		options_tell_notes(&in->settings, ui);
	return rc;
}

int bundle_input_open(struct bundle_input *in, const struct cmd_args *args, struct ui *ui,
		      const struct sandbox *sandbox, struct nf_err *err)
{
	int rc;

	rc = bundle_input_read_keys(in, args, ui, err);
	if (!rc)
		rc = open_file(in, cmd_args_get(args, 0), err);
	if (!rc)
		rc = sandbox_options_enter(sandbox, args, ui, err);
	if (!rc)
		rc = nf_bundle_open(&in->bundle, in->fd, in->name, in->keys, &in->signers,
				    err);
	return rc;
}

void bundle_input_release(struct bundle_input *in)
{
	nf_bundle_free(in->bundle);
	nf_bundle_signers_release(&in->signers);
	bundle_keys_release(&in->told);
	nf_keyring_free(in->keys);
	nix_settings_release(&in->settings);
	if (in->fd >= 0)
		close(in->fd);
}

/* Reads a whole member, which must be small. */
static int read_text(struct nf_bundle *b, size_t i, struct buf *text, struct nf_err *err)
{
	AUTO(source_closep) struct nf_source *src = NULL;
	struct buf_sink sink;
	int rc;

	buf_init(text, NARINFO_MAX);
	buf_sink_init(&sink, text);
	rc = nf_bundle_member_source(b, i, &src, err);
	return rc ? rc : source_copy(src, &sink.sink, err);
}

static int read_told_keys(struct bundle_input *in, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc = read_text(in->bundle, 0, &text, err);

	if (rc)
		return err_prefix(err, rc, "'%s'", nf_bundle_member(in->bundle, 0)->name);
	bundle_keys_parse(&in->told, buf_slice(&text));
	return 0;
}

static int read_narinfo(struct nf_bundle *b, size_t i, struct nf_narinfo *ni,
			struct nf_err *err)
{
	const struct nf_bundle_member *m = nf_bundle_member(b, i);
	AUTO_BUF struct buf text = { 0 };
	int rc = read_text(b, i, &text, err);

	if (!rc)
		rc = nf_narinfo_parse(ni, buf_slice(&text), err);
	return rc ? err_prefix(err, rc, "'%s'", m->name) : 0;
}

static int visit_path(struct nf_bundle *b, size_t i, const struct map *by_name,
		      bundle_input_path_fn *fn, void *ctx, struct nf_err *err)
{
	AUTO(nf_narinfo_release) struct nf_narinfo ni = { 0 };
	uintptr_t *nar;
	int rc;

	nf_narinfo_init(&ni);
	rc = read_narinfo(b, i, &ni, err);
	if (rc)
		return rc;
	nar = map_get(by_name, ni.url);
	if (!nar)
		return err_set(err, NF_E_FORMAT,
			       "'%s': its NAR '%.*s' is not in the bundle",
			       nf_bundle_member(b, i)->name, NF_SLICE_ARG(ni.url));
	return fn(ctx, &ni, nf_bundle_member(b, (size_t)*nar), err);
}

int bundle_input_each_path(struct bundle_input *in, bundle_input_path_fn *fn, void *ctx,
			   struct nf_err *err)
{
	size_t count = nf_bundle_member_count(in->bundle);
	AUTO(map_release) struct map by_name = { 0 };
	int rc = read_told_keys(in, err);

	map_init(&by_name);
	for (size_t i = 0; i < count; i++) {
		const char *name = nf_bundle_member(in->bundle, i)->name;
		bool is_new;

		*map_put(&by_name, nf_slice_str(name), &is_new) = i;
	}
	for (size_t i = 0; i < count && !rc; i++) {
		const char *name = nf_bundle_member(in->bundle, i)->name;

		rc = interrupt_check(err);
		if (!rc && slice_ends_with(nf_slice_str(name), ".narinfo"))
			rc = visit_path(in->bundle, i, &by_name, fn, ctx, err);
	}
	return rc ? err_prefix(err, rc, "bundle '%s'", in->name) : 0;
}
