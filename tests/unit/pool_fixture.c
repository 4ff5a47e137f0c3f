#include "pool_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../tools/one_file_nar.h"
#include "base/atomic_file.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"

#define NAR_MAX (64 * MIB)

int pool_fixture_setup(void **state)
{
	struct pool_fixture *f = mem_calloc(1, sizeof(*f));
	char *public;

	strcpy(f->top, "/tmp/nixferry-pool.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->dir, sizeof(f->dir), "%s/pool", f->top);
	assert_ok(f, pool_open(&f->pool, f->dir, &f->err));
	assert_ok(f, nf_secret_key_generate(&f->key, NF_SLICE_LIT("test-1"), &f->err));
	f->ring = nf_keyring_new();
	public = nf_secret_key_public(f->key);
	assert_ok(f, nf_keyring_add(f->ring, nf_slice_str(public), &f->err));
	free(public);
	*state = f;
	return 0;
}

int pool_fixture_teardown(void **state)
{
	struct pool_fixture *f = *state;

	pool_free(f->pool);
	nf_secret_key_free(f->key);
	nf_keyring_free(f->ring);
	assert_ok(f, file_remove_tree_at(AT_FDCWD, f->top, &f->err));
	free(f);
	return 0;
}

void pool_fixture_reopen(struct pool_fixture *f)
{
	pool_free(f->pool);
	f->pool = NULL;
	assert_ok(f, pool_open(&f->pool, f->dir, &f->err));
}

void made_init_nar(struct made *m, const struct nf_secret_key *key, const char *name,
		   const void *nar, size_t len, struct made *const *refs)
{
	struct nf_hash inner;
	struct nf_err err;

	nf_pathinfo_init(&m->info);
	buf_init(&m->nar, NAR_MAX);
	buf_add(&m->nar, nar, len);
	hash_bytes(&inner, NF_SHA256, name, strlen(name));
	assert_int_equal(nf_storepath_make(&m->info.path, "output:out", &inner,
					   nf_slice_str(name), &err),
			 0);
	hash_bytes(&m->info.nar_hash, NF_SHA256, nar, len);
	m->info.nar_size = len;
	for (; refs && *refs; refs++)
		assert_int_equal(
			nf_pathinfo_add_ref(&m->info,
					    nf_storepath_base(&(*refs)->info.path), &err),
			0);
	if (key) {
		AUTO_FREE char *fingerprint = nf_pathinfo_fingerprint(&m->info);
		AUTO_FREE char *sig = nf_sign(key, fingerprint, strlen(fingerprint));

		nf_pathinfo_add_sig(&m->info, nf_slice_str(sig));
	}
	m->trusted = (struct nf_trusted){ .info = &m->info, .vouched_by = "test" };
}

static void made_init_trusted(struct made *m, struct pool_fixture *f, const char *name,
			      const struct buf *nar, struct made *const *refs)
{
	made_init_nar(m, f->key, name, nar->ptr, nar->len, refs);
	assert_ok(f, nf_trust_pathinfo(&m->trusted, &m->info, f->ring, &f->err));
}

void made_init(struct made *m, struct pool_fixture *f, const char *name,
	       const char *content, struct made *const *refs)
{
	AUTO_BUF struct buf nar = { 0 };

	buf_init(&nar, NAR_MAX);
	one_file_nar(&nar, content, strlen(content));
	made_init_trusted(m, f, name, &nar, refs);
}

void made_init_random(struct made *m, struct pool_fixture *f, const char *name,
		      size_t len)
{
	AUTO_BUF struct buf nar = { 0 };

	buf_init(&nar, NAR_MAX);
	one_file_nar_random(&nar, strlen(name), len);
	made_init_trusted(m, f, name, &nar, NULL);
}

void made_release(struct made *m)
{
	nf_pathinfo_release(&m->info);
	buf_release(&m->nar);
}

struct nf_source *made_source(const struct made *m)
{
	return source_of_memory(m->nar.ptr, m->nar.len, 4096);
}

void made_encode(const struct made *m, int level, struct buf *out)
{
	buf_init(out, NAR_MAX);
	one_file_nar_encode(out, &m->nar, level);
}

void pool_fixture_ingest(struct pool_fixture *f, const struct made *m, int level)
{
	assert_ok(f, pool_ingest(f->pool,
				 &(struct pool_input){ .trusted = &m->trusted,
						       .codec = CODEC_NONE,
						       .source = made_source(m),
						       .level = level },
				 &f->err));
	assert_ok(f, pool_flush(f->pool, &f->err));
}

void pool_fixture_find(struct pool_fixture *f, const struct made *m,
		       struct nf_narinfo *ni)
{
	assert_ok(f, pool_find(f->pool, &m->info.path, ni, &f->err));
}

size_t pool_fixture_count(const struct pool_fixture *f, const char *sub)
{
	AUTO_FREE char *path = pool_fixture_path(f, "%s", sub);
	DIR *dir = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_type == DT_REG;
	closedir(dir);
	return count;
}

char *pool_fixture_path(const struct pool_fixture *f, const char *fmt, ...)
{
	char tail[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(tail, sizeof(tail), fmt, ap);
	va_end(ap);
	return mem_printf("%s/%s", f->dir, tail);
}

void pool_fixture_write(const char *path, const char *text)
{
	struct nf_err err;

	if (file_replace_at(AT_FDCWD, path, text, strlen(text), 0644, &err))
		fail_msg("%s", err.text);
}

void pool_fixture_flip(const char *path, long offset)
{
	FILE *file = fopen(path, "r+");
	int c;

	assert_non_null(file);
	fseek(file, offset, SEEK_SET);
	c = fgetc(file);
	fseek(file, offset, SEEK_SET);
	fputc(c ^ 1, file);
	assert_int_equal(fclose(file), 0);
}
