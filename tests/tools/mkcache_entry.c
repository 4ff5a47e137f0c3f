#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nixferry/narinfo.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/stream.h"
#include "format/ca.h"
#include "mkcache.h"

#define TEMP_NARINFO ".narinfo.tmp"
#define ZSTD_LEVEL   3
#define NAR_URL_MAX  (NF_HASH_TEXT_MAX + 16) /* "nar/HASH.nar.lzma" */

static const char cache_info[] = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n";

/* The programs that encode formats which nixferry only decodes. */
static const struct {
	enum codec codec;
	const char *argv[5]; /* and NULL */
} encoders[] = {
	{ CODEC_XZ, { "xz", "-c", "-6" } },
	{ CODEC_BZIP2, { "bzip2", "-c" } },
	{ CODEC_GZIP, { "gzip", "-nc" } },
	{ CODEC_LZ4, { "lz4", "-c" } },
	{ CODEC_LZIP, { "lzip", "-c" } },
	{ CODEC_LZMA, { "xz", "--format=lzma", "-c" } },
	{ CODEC_BR, { "brotli", "-c", "-q", "5" } },
};

int mkcache_nar_new(struct mkcache_nar *nar, struct nf_err *err)
{
	*nar = (struct mkcache_nar){ .fd = memfd_create("nar", MFD_CLOEXEC) };
	return nar->fd < 0 ? err_sys(err, "memfd") : 0;
}

void mkcache_nar_release(struct mkcache_nar *nar)
{
	if (nar->bytes)
		munmap(nar->bytes, nar->size);
	cleanup_fd(&nar->fd);
	nar->bytes = NULL;
	nar->fd = -1;
}

static int map_nar(struct mkcache_nar *nar, struct nf_err *err)
{
	struct stat st;
	void *p;

	if (fstat(nar->fd, &st))
		return err_sys(err, "NAR");
	nar->size = (size_t)st.st_size;
	p = mmap(NULL, nar->size, PROT_READ | PROT_WRITE, MAP_SHARED, nar->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(err, "NAR");
	nar->bytes = p;
	return 0;
}

int mkcache_open(struct mkcache *m, const struct mkcache_options *opts,
		 struct nf_err *err)
{
	int rc;

	*m = (struct mkcache){ .dir_fd = -1, .opts = opts };
	rc = file_mkdirs_at(AT_FDCWD, opts->cache, err);
	if (rc == 0)
		rc = file_opendir_at(&m->dir_fd, AT_FDCWD, opts->cache, err);
	if (rc == 0)
		rc = file_mkdirs_at(m->dir_fd, "nar", err);
	if (rc == 0 && faccessat(m->dir_fd, "nix-cache-info", F_OK, 0))
		rc = file_replace_at(m->dir_fd, "nix-cache-info", cache_info,
				     strlen(cache_info), 0644, err);
	if (rc == 0 && opts->sign)
		rc = nf_secret_key_read(&m->key, opts->sign, err);
	return rc;
}

void mkcache_close(struct mkcache *m)
{
	cleanup_fd(&m->dir_fd);
	nf_secret_key_free(m->key);
}

/* ---- the path ---- */

static int add_refs(struct nf_pathinfo *info, const struct nf_storepath *refs, size_t n,
		    struct nf_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = nf_pathinfo_add_ref(info, nf_storepath_base(&refs[i]), err);
	return rc;
}

static int hash_without_self(const struct mkcache_nar *nar, bool self,
			     struct nf_hash *ret, struct nf_err *err)
{
	struct hash_modulo *modulo;
	bool good;

	if (!self) {
		hash_bytes(ret, NF_SHA256, nar->bytes, nar->size);
		return 0;
	}
	modulo = hash_modulo_new(NF_SHA256, nf_slice_str(MKCACHE_SELF));
	hash_modulo_update(modulo, nar->bytes, nar->size);
	good = hash_modulo_final(modulo, ret);
	hash_modulo_free(modulo);
	return good ? 0 : err_set(err, NF_E_LIMIT, "too many references to itself");
}

static void write_self(struct mkcache_nar *nar, struct nf_slice hash)
{
	char *p = nar->bytes, *end = nar->bytes + nar->size;

	while ((p = memmem(p, (size_t)(end - p), MKCACHE_SELF, hash.len)))
		memcpy(p, hash.ptr, hash.len);
}

/* An arbitrary output path: any digest of the name and content will do. */
static int make_output_path(struct nf_pathinfo *info, const struct nf_hash *content,
			    struct nf_slice name, struct nf_err *err)
{
	struct nf_hash inner;

	hash_bytes(&inner, NF_SHA256, content->bytes, nf_hash_size(content->algo));
	return nf_storepath_make(&info->path, "output:out", &inner, name, err);
}

/* Path, references and content address; the NAR gets its own hash part. */
static int make_path(struct mkcache *m, struct nf_pathinfo *info, struct mkcache_nar *nar,
		     const char *name, struct nf_err *err)
{
	const struct mkcache_options *o = m->opts;
	struct ca ca = { .method = CA_NAR };
	char text[CA_TEXT_MAX];
	int rc;

	rc = hash_without_self(nar, o->self_ref, &ca.hash, err);
	if (rc)
		return rc;
	if (o->input_addressed)
		rc = make_output_path(info, &ca.hash, nf_slice_str(name), err);
	else
		rc = ca_make_path(&info->path, &ca, nf_slice_str(name), info->refs,
				  info->nrefs, o->self_ref, err);
	if (rc)
		return rc;
	if (!o->input_addressed && !o->no_ca)
		nf_pathinfo_set_ca(info, nf_slice_str(ca_format(text, &ca)));
	if (!o->self_ref)
		return 0;
	write_self(nar, nf_storepath_hash(&info->path));
	return nf_pathinfo_add_ref(info, nf_storepath_base(&info->path), err);
}

/* ---- the NAR file ---- */

static int encode_zstd(const struct mkcache_nar *nar, struct nf_sink *out,
		       struct nf_err *err)
{
	AUTO(zstd_encoder_freep) struct zstd_encoder *e = zstd_encoder_new(ZSTD_LEVEL);
	int rc = zstd_encoder_start(e, out, nar->size, err);

	if (rc == 0)
		rc = sink_write(zstd_encoder_sink(e), nar->bytes, nar->size, err);
	return rc ? rc : zstd_encoder_finish(e, err);
}

static int encode_by_program(const struct mkcache_nar *nar, enum codec codec, int out_fd,
			     struct nf_err *err)
{
	posix_spawn_file_actions_t actions;
	char *const *argv = NULL;
	int status = 0;
	pid_t pid;

	for (size_t i = 0; i < ARRAY_SIZE(encoders); i++) {
		if (encoders[i].codec == codec)
			argv = (char *const *)encoders[i].argv;
	}
	if (!argv)
		return err_set(err, NF_E_UNSUPPORTED, "no encoder for '%s'",
			       codec_name(codec));
	lseek(nar->fd, 0, SEEK_SET);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, nar->fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (errno || waitpid(pid, &status, 0) != pid)
		return err_sys(err, "'%s'", argv[0]);
	return status ? err_set(err, NF_E_SYS, "'%s': status %d", argv[0], status) : 0;
}

static int encode_nar(const struct mkcache_nar *nar, enum codec codec, int out_fd,
		      struct nf_err *err)
{
	struct fd_sink sink;

	fd_sink_init(&sink, out_fd, NULL, NULL);
	switch (codec) {
	case CODEC_NONE:
		return sink_write(&sink.sink, nar->bytes, nar->size, err);
	case CODEC_ZSTD:
		return encode_zstd(nar, &sink.sink, err);
	default:
		return encode_by_program(nar, codec, out_fd, err);
	}
}

/* Digests of the NAR file; XXH3 is a pool's own field. */
static int hash_file(int fd, struct nf_narinfo *ni, struct nf_err *err)
{
	AUTO(source_closep)
	struct nf_source *src = nf_source_of_fd_range(fd, 0, UINT64_MAX);
	AUTO(hasher_freep) struct hasher *hasher = hasher_new(NF_SHA256);
	AUTO(xxh3_freep) struct xxh3 *xxh3 = xxh3_new();
	struct nf_slice run;
	int rc;

	while ((rc = source_next(src, &run, err)) == 0 && run.len) {
		hasher_update(hasher, run.ptr, run.len);
		xxh3_update(xxh3, run.ptr, run.len);
		ni->file_size += run.len;
	}
	hasher_final(hasher, &ni->file_hash);
	xxh3_final(xxh3, ni->xxh3);
	ni->has_file_hash = true;
	return rc;
}

/* Writes nar/FILEHASH.nar.SUFFIX and records it in NI; URL holds the name. */
static int write_nar(struct mkcache *m, const struct mkcache_nar *nar,
		     struct nf_narinfo *ni, char url[NAR_URL_MAX], struct nf_err *err)
{
	AUTO_FD int fd = openat(m->dir_fd, "nar/.new", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char hash[NF_HASH_TEXT_MAX];
	enum codec codec;
	int rc;

	if (fd < 0)
		return err_sys(err, "nar/.new");
	if (!codec_parse(&codec, nf_slice_str(m->opts->compress)))
		return err_set(err, NF_E_USAGE, "--compress '%s'", m->opts->compress);
	rc = encode_nar(nar, codec, fd, err);
	if (rc == 0)
		rc = hash_file(fd, ni, err);
	if (rc)
		return rc;
	nf_hash_format(hash, &ni->file_hash, NF_NIX32);
	snprintf(url, NAR_URL_MAX, "nar/%s.nar%s", hash + strlen("sha256:"),
		 codec_suffix(codec));
	if (renameat(m->dir_fd, "nar/.new", m->dir_fd, url))
		return err_sys(err, "'%s'", url);
	ni->url = nf_slice_str(url);
	ni->compression = nf_slice_str(codec_name(codec));
	ni->has_xxh3 = m->opts->as_pool;
	ni->inodes = m->opts->as_pool ? 1 : 0;
	return 0;
}

/* ---- the narinfo ---- */

/* A server may read the old file meanwhile. */
static int replace_narinfo(struct mkcache *m, const char *name, const char *text,
			   size_t len, struct nf_err *err)
{
	AUTO_FD int fd = openat(m->dir_fd, TEMP_NARINFO,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int rc;

	if (fd < 0)
		return err_sys(err, "cannot create '%s'", TEMP_NARINFO);
	rc = file_write_all(fd, text, len, name, err);
	if (rc == 0 && renameat(m->dir_fd, TEMP_NARINFO, m->dir_fd, name))
		rc = err_sys(err, "cannot rename to '%s'", name);
	return rc;
}

static int write_narinfo(struct mkcache *m, struct nf_narinfo *ni, struct nf_err *err)
{
	AUTO_FREE char *fingerprint = nf_pathinfo_fingerprint(&ni->info);
	AUTO_FREE char *sig = NULL, *text = NULL;
	char name[NF_STOREPATH_HASH_LEN + sizeof(".narinfo")];
	size_t len;

	if (m->key) {
		sig = nf_sign(m->key, fingerprint, strlen(fingerprint));
		nf_pathinfo_add_sig(&ni->info, nf_slice_str(sig));
	}
	snprintf(name, sizeof(name), "%.*s.narinfo",
		 NF_SLICE_ARG(nf_storepath_hash(&ni->info.path)));
	text = nf_narinfo_format(ni, &len);
	return replace_narinfo(m, name, text, len, err);
}

static void describe_nar(struct nf_pathinfo *info, const struct mkcache_nar *nar,
			 const struct mkcache_lies *lies)
{
	hash_bytes(&info->nar_hash, NF_SHA256, nar->bytes, nar->size);
	info->nar_size = nar->size;
	if (lies && lies->nar_size)
		info->nar_size = lies->nar_size;
	if (lies && lies->nar_hash)
		info->nar_hash.bytes[0] ^= 1;
}

static int put_entry(struct mkcache *m, struct mkcache_nar *nar, const char *name,
		     struct nf_narinfo *ni, const struct mkcache_lies *lies,
		     struct nf_err *err)
{
	struct nf_pathinfo *info = &ni->info;
	char url[NAR_URL_MAX];
	int rc;

	rc = map_nar(nar, err);
	if (rc == 0)
		rc = make_path(m, info, nar, name, err);
	if (rc == 0 && m->opts->deriver)
		nf_pathinfo_set_deriver(info, nf_slice_str(m->opts->deriver));
	if (rc == 0)
		rc = write_nar(m, nar, ni, url, err);
	if (rc)
		return rc;
	describe_nar(info, nar, lies);
	return write_narinfo(m, ni, err);
}

int mkcache_put(struct mkcache *m, struct mkcache_nar *nar, const char *name,
		const struct nf_storepath *refs, size_t nrefs,
		const struct mkcache_lies *lies, struct nf_storepath *ret,
		struct nf_err *err)
{
	struct nf_narinfo ni;
	int rc;

	nf_narinfo_init(&ni);
	rc = add_refs(&ni.info, m->opts->refs, m->opts->nrefs, err);
	if (rc == 0)
		rc = add_refs(&ni.info, refs, nrefs, err);
	if (rc == 0)
		rc = put_entry(m, nar, name, &ni, lies, err);
	*ret = ni.info.path;
	nf_narinfo_release(&ni);
	return rc;
}

int mkcache_sign(struct mkcache *m, const struct nf_storepath *path, struct nf_err *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_BUF struct buf text = { 0 };
	struct nf_narinfo ni;
	int rc;

	buf_init(&text, NARINFO_MAX);
	if (asprintf(&name, "%.*s.narinfo", NF_SLICE_ARG(nf_storepath_hash(path))) < 0)
		return err_sys(err, "name");
	rc = file_read_at(m->dir_fd, name, &text, err);
	if (rc)
		return rc;
	rc = nf_narinfo_parse(&ni, buf_slice(&text), err);
	ni.info.nsigs = 0;
	if (rc == 0)
		rc = write_narinfo(m, &ni, err);
	nf_narinfo_release(&ni);
	return rc;
}
