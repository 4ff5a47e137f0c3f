#include "mkcache.h"

#include <fcntl.h>
#include <getopt.h>
#include <nixferry/nar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/stream.h"

static const char usage[] =
	"usage: mkcache add --cache DIR --name NAME --tree PATH [OPTION]...\n"
	"       mkcache raw --cache DIR --name NAME --nar FILE [OPTION]...\n"
	"       mkcache hostile --cache DIR --kind KIND [OPTION]...\n"
	"       mkcache hostile-kinds\n"
	"       mkcache generate --cache DIR --paths N [--seed N] "
	"[--max-size BYTES] [OPTION]...\n"
	"       mkcache sign --cache DIR --sign SECRETFILE STOREPATH...\n"
	"       mkcache keygen NAME SECRETFILE PUBLICFILE\n"
	"Options: --ref STOREPATH (repeatable), --self-ref, --input-addressed, --no-ca,\n"
	"--deriver BASENAME, --sign SECRETFILE, --as-pool (what a pool of "
	"nixferry has),\n"
	"--compress none|xz|zstd|gzip|bzip2|lz4|lzip|lzma|br.\n"
	"Prints the store paths that were made; generate prints the toplevel last.\n"
	"With --self-ref, 32 times 'x' in the tree becomes the path's own hash part.\n";

struct mkcache_command {
	const char *name;
	int (*run)(struct mkcache *m, char **args, int nargs, struct nf_err *err);
	bool on_cache;
};

static int print_path(const struct nf_storepath *path)
{
	char text[NF_STOREPATH_TEXT_MAX];

	puts(nf_storepath_format(text, path));
	return 0;
}

static int put_and_print(struct mkcache *m, struct mkcache_nar *nar, struct nf_err *err)
{
	struct nf_storepath path;
	int rc = mkcache_put(m, nar, m->opts->name, NULL, 0, NULL, &path, err);

	return rc ? rc : print_path(&path);
}

static int run_add(struct mkcache *m, char **args, int nargs, struct nf_err *err)
{
	struct mkcache_nar nar;
	struct fd_sink sink;
	int rc;

	(void)args;
	if (nargs || !m->opts->name || !m->opts->tree)
		return err_set(err, NF_E_USAGE, "add needs --name and --tree");
	rc = mkcache_nar_new(&nar, err);
	if (rc)
		return rc;
	fd_sink_init(&sink, nar.fd, NULL, NULL);
	rc = nf_nar_dump(AT_FDCWD, m->opts->tree, &sink.sink, err);
	if (rc == 0)
		rc = put_and_print(m, &nar, err);
	mkcache_nar_release(&nar);
	return rc;
}

static int copy_file(const char *from, int to_fd, struct nf_err *err)
{
	AUTO_FD int fd = open(from, O_RDONLY | O_CLOEXEC);
	AUTO(source_closep) struct nf_source *src = nf_source_of_fd(fd);
	struct fd_sink sink;

	if (fd < 0)
		return err_sys(err, "'%s'", from);
	fd_sink_init(&sink, to_fd, NULL, NULL);
	return source_copy(src, &sink.sink, err);
}

static int run_raw(struct mkcache *m, char **args, int nargs, struct nf_err *err)
{
	struct mkcache_nar nar;
	int rc;

	(void)args;
	if (nargs || !m->opts->name || !m->opts->nar)
		return err_set(err, NF_E_USAGE, "raw needs --name and --nar");
	rc = mkcache_nar_new(&nar, err);
	if (rc)
		return rc;
	rc = copy_file(m->opts->nar, nar.fd, err);
	if (rc == 0)
		rc = put_and_print(m, &nar, err);
	mkcache_nar_release(&nar);
	return rc;
}

static int run_hostile(struct mkcache *m, char **args, int nargs, struct nf_err *err)
{
	struct nf_storepath path;
	int rc;

	(void)args;
	if (nargs)
		return err_set(err, NF_E_USAGE, "hostile takes no argument");
	rc = mkcache_hostile(m, &path, err);
	return rc ? rc : print_path(&path);
}

static int run_hostile_kinds(struct mkcache *m, char **args, int nargs,
			     struct nf_err *err)
{
	(void)m;
	(void)args;
	if (nargs)
		return err_set(err, NF_E_USAGE, "hostile-kinds takes no argument");
	mkcache_hostile_list();
	return 0;
}

static int run_generate(struct mkcache *m, char **args, int nargs, struct nf_err *err)
{
	(void)args;
	if (nargs || !m->opts->paths)
		return err_set(err, NF_E_USAGE, "generate needs --paths");
	return mkcache_generate(m, err);
}

static int run_sign(struct mkcache *m, char **args, int nargs, struct nf_err *err)
{
	struct nf_storepath path;
	int rc = 0;

	for (int i = 0; rc == 0 && i < nargs; i++) {
		rc = nf_storepath_parse(&path, nf_slice_str(args[i]), err);
		if (rc == 0)
			rc = mkcache_sign(m, &path, err);
	}
	return rc;
}

static int write_key(const char *file, const char *text, mode_t mode, struct nf_err *err)
{
	return file_replace_at(AT_FDCWD, file, text, strlen(text), mode, err);
}

static int run_keygen(struct mkcache *m, char **args, int nargs, struct nf_err *err)
{
	struct nf_secret_key *key = NULL;
	AUTO_FREE char *public = NULL;
	char *secret;
	int rc;

	(void)m;
	if (nargs != 3)
		return err_set(err, NF_E_USAGE, "keygen NAME SECRETFILE PUBLICFILE");
	rc = nf_secret_key_generate(&key, nf_slice_str(args[0]), err);
	if (rc)
		return rc;
	secret = nf_secret_key_text(key);
	public = nf_secret_key_public(key);
	rc = write_key(args[1], secret, 0600, err);
	if (rc == 0)
		rc = write_key(args[2], public, 0644, err);
	nf_secret_text_free(secret);
	nf_secret_key_free(key);
	return rc;
}

static const struct mkcache_command commands[] = {
	{ "add", run_add, true },	    { "raw", run_raw, true },
	{ "hostile", run_hostile, true },   { "hostile-kinds", run_hostile_kinds, false },
	{ "generate", run_generate, true }, { "sign", run_sign, true },
	{ "keygen", run_keygen, false },
};

/* Options that take a string and go to one place. */
static const struct text_option {
	const char *name;
	size_t offset;
} texts[] = {
	{ "cache", offsetof(struct mkcache_options, cache) },
	{ "name", offsetof(struct mkcache_options, name) },
	{ "tree", offsetof(struct mkcache_options, tree) },
	{ "nar", offsetof(struct mkcache_options, nar) },
	{ "kind", offsetof(struct mkcache_options, kind) },
	{ "compress", offsetof(struct mkcache_options, compress) },
	{ "sign", offsetof(struct mkcache_options, sign) },
	{ "deriver", offsetof(struct mkcache_options, deriver) },
};

static const struct option options[] = {
	{ "cache", required_argument, NULL, 't' },
	{ "name", required_argument, NULL, 't' },
	{ "tree", required_argument, NULL, 't' },
	{ "nar", required_argument, NULL, 't' },
	{ "kind", required_argument, NULL, 't' },
	{ "compress", required_argument, NULL, 't' },
	{ "sign", required_argument, NULL, 't' },
	{ "deriver", required_argument, NULL, 't' },
	{ "ref", required_argument, NULL, 'r' },
	{ "self-ref", no_argument, NULL, 's' },
	{ "input-addressed", no_argument, NULL, 'i' },
	{ "no-ca", no_argument, NULL, 'c' },
	{ "as-pool", no_argument, NULL, 'o' },
	{ "paths", required_argument, NULL, 'p' },
	{ "seed", required_argument, NULL, 'd' },
	{ "max-size", required_argument, NULL, 'm' },
	{ 0 },
};

static int apply_text(struct mkcache_options *o, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (strcmp(texts[i].name, name) == 0)
			*(const char **)((char *)o + texts[i].offset) = optarg;
	}
	return 0;
}

static int apply_number(uint64_t *to, struct nf_err *err)
{
	if (slice_parse_u64(nf_slice_str(optarg), to))
		return 0;
	return err_set(err, NF_E_USAGE, "'%s' is no number", optarg);
}

static int apply_option(struct mkcache_options *o, int id, int index, struct nf_err *err)
{
	switch (id) {
	case 't':
		return apply_text(o, options[index].name);
	case 'r':
		MEM_GROW(o->refs, o->nrefs, o->refs_cap);
		return nf_storepath_parse(&o->refs[o->nrefs++], nf_slice_str(optarg),
					  err);
	case 's':
		o->self_ref = true;
		return 0;
	case 'i':
		o->input_addressed = true;
		return 0;
	case 'c':
		o->no_ca = true;
		return 0;
	case 'o':
		o->as_pool = true;
		return 0;
	case 'p':
		return apply_number(&o->paths, err);
	case 'd':
		return apply_number(&o->seed, err);
	case 'm':
		return apply_number(&o->max_size, err);
	default:
		return err_set(err, NF_E_USAGE, "wrong option");
	}
}

static const struct mkcache_command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int run_command(const struct mkcache_command *command, struct mkcache_options *o,
		       int argc, char **argv, struct nf_err *err)
{
	struct mkcache m = { .dir_fd = -1 };
	int id, index, rc = 0;

	while (rc == 0 && (id = getopt_long(argc, argv, "", options, &index)) != -1)
		rc = apply_option(o, id, index, err);
	if (rc)
		return rc;
	if (command->on_cache && !o->cache)
		return err_set(err, NF_E_USAGE, "--cache DIR is needed");
	if (command->on_cache)
		rc = mkcache_open(&m, o, err);
	if (rc == 0)
		rc = command->run(&m, argv + optind, argc - optind, err);
	mkcache_close(&m);
	return rc;
}

int main(int argc, char **argv)
{
	struct mkcache_options o = { .compress = "zstd", .max_size = 65536 };
	const struct mkcache_command *command = argc > 1 ? find_command(argv[1]) : NULL;
	struct nf_err err;
	int rc;

	if (!command) {
		fputs(usage, stderr);
		return 2;
	}
	rc = run_command(command, &o, argc - 1, argv + 1, &err);
	free(o.refs);
	if (rc)
		fprintf(stderr, "mkcache: %s\n", err.text);
	return nf_exit_status(rc);
}
