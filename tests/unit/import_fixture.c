#include "import_fixture.h"

#include <fcntl.h>
#include <nixferry/nar.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/stream.h"
#include "store/store_db.h"
#include "store/unpack_dir.h"

#define NAR_MAX (64 << 20)

int import_fixture_setup(void **state)
{
	struct import_fixture *f = mem_calloc(1, sizeof(*f));
	char *public;

	signal(SIGPIPE, SIG_IGN);
	temp_dir_setup((void **)&f->dir);
	f->fd = -1;
	f->cache_info = "StoreDir: /nix/store\n";
	assert_int_equal(nf_secret_key_generate(&f->key, NF_SLICE_LIT("test-1"), NULL),
			 0);
	f->ring = nf_keyring_new();
	public = nf_secret_key_public(f->key);
	assert_int_equal(nf_keyring_add(f->ring, nf_slice_str(public), NULL), 0);
	free(public);
	*state = f;
	return 0;
}

int import_fixture_teardown(void **state)
{
	struct import_fixture *f = *state;

	for (size_t i = 0; i < f->count; i++) {
		nf_narinfo_release(&f->paths[i].ni);
		buf_release(&f->paths[i].nar);
	}
	nf_keyring_free(f->ring);
	nf_secret_key_free(f->key);
	cleanup_fd(&f->fd);
	temp_dir_teardown((void **)&f->dir);
	free(f);
	return 0;
}

static void write_event(struct nf_nar_writer *w, enum nf_nar_kind kind, const char *name,
			const char *data, bool executable)
{
	struct nf_nar_event ev = {
		.kind = kind,
		.name = nf_slice_str(name),
		.data = nf_slice_str(kind == NF_NAR_FILE ? "" : data),
		.size = strlen(data),
		.executable = executable,
	};

	assert_int_equal(nf_nar_write(w, &ev, NULL), 0);
	if (kind != NF_NAR_FILE)
		return;
	write_event(w, NF_NAR_DATA, "", data, false);
	write_event(w, NF_NAR_FILE_END, "", "", false);
}

static void make_nar(struct made_path *p, const char *text)
{
	struct buf_sink sink;
	struct nf_nar_writer *w;

	buf_init(&p->nar, NAR_MAX);
	buf_sink_init(&sink, &p->nar);
	w = nf_nar_writer_new(&sink.sink);
	write_event(w, NF_NAR_DIRECTORY, "", "", false);
	write_event(w, NF_NAR_SYMLINK, "link", "text", false);
	write_event(w, NF_NAR_FILE, "run", "#!/bin/sh\n", true);
	write_event(w, NF_NAR_FILE, "text", text, false);
	write_event(w, NF_NAR_LEAVE, "", "", false);
	write_event(w, NF_NAR_END, "", "", false);
	nf_nar_writer_free(w);
	p->inodes = 4;
}

/* Slices of a narinfo borrow from its arena; what tests set lives as long as they do. */
static void set_url(struct made_path *p)
{
	static char urls[IMPORT_PATHS * 4][NF_MEMBER_NAME_MAX + 1];
	static size_t next;
	char *url = urls[next++ % (IMPORT_PATHS * 4)];
	char hash[NF_HASH_TEXT_MAX];

	nf_hash_format(hash, &p->ni.info.nar_hash, NF_NIX32);
	snprintf(url, sizeof(urls[0]), "nar/%s.nar", strchr(hash, ':') + 1);
	p->ni.url = nf_slice_str(url);
}

void import_fixture_rehash(struct made_path *p)
{
	hash_bytes(&p->ni.info.nar_hash, NF_SHA256, p->nar.ptr, p->nar.len);
	p->ni.info.nar_size = p->nar.len;
	set_url(p);
}

struct made_path *import_fixture_add(struct import_fixture *f, unsigned n,
				     const char *name, const char *text)
{
	struct made_path *p = &f->paths[f->count++];
	uint8_t hash[20] = { [19] = (uint8_t)(n + 1) };
	char base[128];

	assert_true(f->count <= IMPORT_PATHS);
	nf_narinfo_init(&p->ni);
	nix32_encode(base, hash, sizeof(hash));
	snprintf(base + NF_STOREPATH_HASH_LEN, sizeof(base) - NF_STOREPATH_HASH_LEN,
		 "-%s", name);
	assert_int_equal(
		nf_storepath_parse_base(&p->ni.info.path, nf_slice_str(base), NULL), 0);
	make_nar(p, text);
	p->ni.compression = NF_SLICE_LIT("none");
	import_fixture_rehash(p);
	return p;
}

void import_fixture_make_file(struct made_path *p, const char *text)
{
	struct buf_sink sink;
	struct nf_nar_writer *w;

	buf_clear(&p->nar);
	buf_sink_init(&sink, &p->nar);
	w = nf_nar_writer_new(&sink.sink);
	write_event(w, NF_NAR_FILE, "", text, false);
	write_event(w, NF_NAR_END, "", "", false);
	nf_nar_writer_free(w);
	p->inodes = 1;
	import_fixture_rehash(p);
}

void import_fixture_ref(struct made_path *from, const struct made_path *to)
{
	assert_int_equal(nf_pathinfo_add_ref(&from->ni.info,
					     nf_storepath_base(&to->ni.info.path), NULL),
			 0);
}

void import_fixture_closure(struct import_fixture *f)
{
	struct made_path *prog = import_fixture_add(f, 1, "prog", "a program\n");
	struct made_path *lib = import_fixture_add(f, 0, "lib", "a library\n");

	import_fixture_ref(prog, lib);
	import_fixture_ref(prog, prog);
	f->roots[f->root_count++] = 0;
}

static void sign_path(struct import_fixture *f, struct made_path *p)
{
	AUTO_FREE char *message = nf_pathinfo_fingerprint(&p->ni.info);
	AUTO_FREE char *sig = nf_sign(f->key, message, strlen(message));

	nf_pathinfo_add_sig(&p->ni.info, nf_slice_str(sig));
}

static void add_input(struct nf_bundle_input *input, const char *name, const void *p,
		      size_t len)
{
	snprintf(input->name, sizeof(input->name), "%s", name);
	input->bytes = p;
	input->size = len;
	hash_bytes(&input->digest, NF_SHA256, p, len);
}

/* NARs of the same URL are one member. */
static size_t add_nars(struct import_fixture *f, struct nf_bundle_input *inputs,
		       size_t count)
{
	size_t first = count;

	for (size_t i = 0; i < f->count; i++) {
		const struct made_path *p = &f->paths[i];
		bool known = p->without_nar || p->is_left_out;

		for (size_t k = first; k < count; k++)
			known = known || nf_slice_is(p->ni.url, inputs[k].name);
		if (known)
			continue;
		add_input(&inputs[count], p->ni.url.ptr, p->nar.ptr, p->nar.len);
		inputs[count++].inodes = p->inodes;
	}
	return count;
}

/* The narinfo's text, with what the test has replaced; free(). */
static char *format_narinfo(const struct made_path *p)
{
	size_t len;
	char *text = nf_narinfo_format(&p->ni, &len);
	char *at = p->was ? strstr(text, p->was) : NULL;
	char *edited;

	if (!p->was)
		return text;
	assert_non_null(at);
	edited = mem_printf("%.*s%s%s", (int)(at - text), text, p->becomes,
			    at + strlen(p->was));
	free(text);
	return edited;
}

void import_fixture_build(struct import_fixture *f)
{
	struct nf_bundle_input inputs[1 + 2 * IMPORT_PATHS] = { 0 };
	struct nf_storepath roots[IMPORT_PATHS];
	char *texts[IMPORT_PATHS];
	struct nf_bundle_write_options opts = {
		.inputs = inputs,
		.roots = roots,
		.root_count = f->root_count,
		.key = f->key,
		.jobs = 1,
		.version = f->version,
		.terms = f->terms,
	};
	struct nf_err err = { 0 };
	size_t count = 0;

	add_input(&inputs[count++], "nix-cache-info", f->cache_info,
		  strlen(f->cache_info));
	for (size_t i = 0; i < f->count; i++) {
		char name[64];

		texts[i] = NULL;
		if (f->paths[i].is_left_out)
			continue;
		if (!f->paths[i].is_unsigned)
			sign_path(f, &f->paths[i]);
		texts[i] = format_narinfo(&f->paths[i]);
		snprintf(name, sizeof(name), "%.32s.narinfo",
			 f->paths[i].ni.info.path.base);
		add_input(&inputs[count++], name, texts[i], strlen(texts[i]));
	}
	opts.input_count = add_nars(f, inputs, count);
	for (size_t i = 0; i < f->root_count; i++)
		roots[i] = f->paths[f->roots[i]].ni.info.path;
	cleanup_fd(&f->fd);
	f->fd = memfd_create("bundle", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	if (nf_bundle_write(f->fd, "bundle", &opts, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < f->count; i++)
		free(texts[i]);
}

struct feeder {
	int from;
	int to;
};

static void *feed(void *arg)
{
	const struct feeder *feeder = arg;
	char part[4096];
	ssize_t len;

	for (off_t at = 0; (len = pread(feeder->from, part, sizeof(part), at)) > 0;
	     at += len)
		if (file_write_all(feeder->to, part, (size_t)len, "pipe", NULL))
			break;
	close(feeder->to);
	return NULL;
}

typedef int (*bundle_fn)(struct nf_bundle *b, const struct nf_import_options *opts,
			 struct nf_import_result *ret, struct nf_err *err);

static int use(struct import_fixture *f, int fd, bundle_fn fn,
	       struct nf_import_result *ret, struct nf_err *err)
{
	AUTO_FREE char *root = temp_dir_join(f->dir, "root");
	struct nf_import_options opts = {
		.store_root = root,
		.keys = f->ring,
		.profile = f->profile,
		.jobs = 2,
	};
	struct nf_bundle *b = NULL;
	int rc = nf_bundle_open(&b, fd, "bundle", f->ring, NULL, err);

	if (rc)
		return rc;
	rc = fn(b, &opts, ret, err);
	nf_bundle_free(b);
	return rc;
}

static int use_piped(struct import_fixture *f, bundle_fn fn, struct nf_import_result *ret,
		     struct nf_err *err)
{
	struct feeder feeder = { .from = f->fd };
	pthread_t thread;
	int fds[2];
	int rc;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	feeder.to = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
	rc = use(f, fds[0], fn, ret, err);
	close(fds[0]);
	pthread_join(thread, NULL);
	return rc;
}

int import_fixture_import(struct import_fixture *f, bool piped,
			  struct nf_import_result *ret, struct nf_err *err)
{
	nf_import_result_release(ret);
	return piped ? use_piped(f, nf_import, ret, err)
		     : use(f, f->fd, nf_import, ret, err);
}

int import_fixture_verify(struct import_fixture *f, bool piped,
			  struct nf_import_result *ret, struct nf_err *err)
{
	nf_import_result_release(ret);
	return piped ? use_piped(f, nf_verify, ret, err)
		     : use(f, f->fd, nf_verify, ret, err);
}

bool import_fixture_is_valid(const struct import_fixture *f, size_t i)
{
	AUTO_FREE char *dir = temp_dir_join(f->dir, "root/nix/var/nix");
	struct store_db *db;
	bool valid;
	int rc = store_db_open(&db, dir, STORE_DB_READ, NULL);

	if (rc == -NF_E_MISSING)
		return false;
	assert_int_equal(rc, 0);
	assert_int_equal(store_db_is_valid(db, &f->paths[i].ni.info.path, &valid, NULL),
			 0);
	store_db_free(db);
	return valid;
}

bool import_fixture_is_there(const struct import_fixture *f, size_t i)
{
	AUTO_FREE char *name =
		mem_printf("root/nix/store/%s", f->paths[i].ni.info.path.base);

	return temp_dir_has(f->dir, name);
}

void import_fixture_expect_nothing(const struct import_fixture *f, const char *why)
{
	for (size_t i = 0; i < f->count; i++)
		if (import_fixture_is_valid(f, i) || import_fixture_is_there(f, i))
			fail_msg("%s: '%s' came in", why, f->paths[i].ni.info.path.base);
	if (temp_dir_has(f->dir, "root/nix/store/" UNPACK_DIR_FIRST))
		fail_msg("%s: the directory for unpacking is left", why);
}
