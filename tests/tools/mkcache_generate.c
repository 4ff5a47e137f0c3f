#include <nixferry/nar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stream.h"
#include "mkcache.h"

#define REFS_MAX    8
#define NEAR	    32 /* most references are to one of this many earlier paths */
#define FILES_MAX   4
#define SIZE_SPREAD 10 /* NARs of max_size down to max_size / 2^SIZE_SPREAD */
#define CHUNK	    65536

struct generator {
	struct mkcache *m;
	uint64_t random;
	struct nf_storepath *paths; /* number made so far */
	bool *referred;
	size_t made;
	struct nf_nar_writer *nar;
	char *chunk;
};

static uint64_t next_random(struct generator *g)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return g->random * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(struct generator *g, uint64_t limit)
{
	return limit ? next_random(g) % limit : 0;
}

static int event(struct generator *g, enum nf_nar_kind kind, const char *name,
		 struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = kind, .name = nf_slice_str(name) };

	return nf_nar_write(g->nar, &ev, err);
}

static int symlink_to(struct generator *g, const char *name, const char *target,
		      struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_SYMLINK,
				   .name = nf_slice_str(name),
				   .data = nf_slice_str(target) };

	return nf_nar_write(g->nar, &ev, err);
}

/* Half text, half noise: compresses about as well as programs. */
static void fill(struct generator *g, size_t len)
{
	static const char text[] = "GLIBC_2.36 abort ";
	uint64_t word;

	for (size_t i = 0; i < len; i += sizeof(word)) {
		word = next_random(g);
		if (word & 1)
			memcpy(&word, text + (word >> 8) % 10, sizeof(word));
		memcpy(g->chunk + i, &word, sizeof(word));
	}
}

static int file_of_size(struct generator *g, const char *name, uint64_t size,
			bool executable, struct nf_err *err)
{
	struct nf_nar_event ev = { .kind = NF_NAR_FILE,
				   .name = nf_slice_str(name),
				   .executable = executable,
				   .size = size };
	int rc = nf_nar_write(g->nar, &ev, err);

	while (rc == 0 && size > 0) {
		size_t n = size < CHUNK ? (size_t)size : CHUNK;

		fill(g, n);
		ev = (struct nf_nar_event){ .kind = NF_NAR_DATA,
					    .data = nf_slice(g->chunk, n) };
		rc = nf_nar_write(g->nar, &ev, err);
		size -= n;
	}
	return rc ? rc : event(g, NF_NAR_FILE_END, "", err);
}

static int libraries(struct generator *g, uint64_t size, struct nf_err *err)
{
	uint64_t files = 1 + below(g, FILES_MAX);
	char name[32];
	int rc = event(g, NF_NAR_DIRECTORY, "lib", err);

	for (uint64_t i = 0; rc == 0 && i < files; i++) {
		snprintf(name, sizeof(name), "lib%u.so", (unsigned)i);
		rc = file_of_size(g, name, size / files + below(g, 64), false, err);
	}
	return rc ? rc : event(g, NF_NAR_LEAVE, "", err);
}

static int links(struct generator *g, const struct nf_storepath *refs, size_t nrefs,
		 struct nf_err *err)
{
	char target[NF_STOREPATH_TEXT_MAX], name[32];
	int rc = event(g, NF_NAR_DIRECTORY, "refs", err);

	for (size_t i = 0; rc == 0 && i < nrefs; i++) {
		snprintf(name, sizeof(name), "%06zu", i);
		rc = symlink_to(g, name, nf_storepath_format(target, &refs[i]), err);
	}
	return rc ? rc : event(g, NF_NAR_LEAVE, "", err);
}

static int directory_tree(struct generator *g, uint64_t size,
			  const struct nf_storepath *refs, size_t nrefs,
			  struct nf_err *err)
{
	int rc = event(g, NF_NAR_DIRECTORY, "", err);

	if (rc == 0)
		rc = event(g, NF_NAR_DIRECTORY, "bin", err);
	if (rc == 0)
		rc = file_of_size(g, "run", 100 + below(g, 1000), true, err);
	if (rc == 0)
		rc = event(g, NF_NAR_LEAVE, "", err);
	if (rc == 0)
		rc = file_of_size(g, "empty", 0, false, err);
	if (rc == 0)
		rc = libraries(g, size, err);
	if (rc == 0)
		rc = links(g, refs, nrefs, err);
	return rc ? rc : event(g, NF_NAR_LEAVE, "", err);
}

/* Occasionally a path is a single file or link. */
static int tree(struct generator *g, const struct nf_storepath *refs, size_t nrefs,
		struct nf_err *err)
{
	uint64_t size = g->m->opts->max_size >> below(g, SIZE_SPREAD + 1);
	int rc;

	switch (g->made % 16) {
	case 5:
		rc = file_of_size(g, "", size, below(g, 2), err);
		break;
	case 9:
		rc = symlink_to(g, "", "/nowhere/in/particular", err);
		break;
	default:
		rc = directory_tree(g, size, refs, nrefs, err);
	}
	return rc ? rc : event(g, NF_NAR_END, "", err);
}

static int one_path(struct generator *g, const struct nf_storepath *refs, size_t nrefs,
		    struct nf_err *err)
{
	char name[40], text[NF_STOREPATH_TEXT_MAX];
	struct mkcache_nar nar;
	struct fd_sink sink;
	int rc = mkcache_nar_new(&nar, err);

	if (rc)
		return rc;
	snprintf(name, sizeof(name), "generated-%zu-1.%u", g->made,
		 (unsigned)below(g, 10));
	fd_sink_init(&sink, nar.fd, NULL, NULL);
	g->nar = nf_nar_writer_new(&sink.sink);
	rc = tree(g, refs, nrefs, err);
	nf_nar_writer_free(g->nar);
	if (rc == 0)
		rc = mkcache_put(g->m, &nar, name, refs, nrefs, NULL, &g->paths[g->made],
				 err);
	mkcache_nar_release(&nar);
	if (rc == 0)
		puts(nf_storepath_format(text, &g->paths[g->made]));
	return rc;
}

static size_t some_refs(struct generator *g, struct nf_storepath refs[REFS_MAX])
{
	size_t count = g->made ? (size_t)below(g, REFS_MAX) : 0;

	for (size_t i = 0; i < count; i++) {
		size_t reach = below(g, 4) && g->made > NEAR ? NEAR : g->made;
		size_t other = g->made - 1 - (size_t)below(g, reach);

		refs[i] = g->paths[other];
		g->referred[other] = true;
	}
	return count;
}

/* The last path refers to all paths without referrers. */
static int toplevel(struct generator *g, struct nf_err *err)
{
	struct nf_storepath *refs = mem_calloc(g->made + 1, sizeof(*refs));
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < g->made; i++) {
		if (!g->referred[i])
			refs[count++] = g->paths[i];
	}
	rc = one_path(g, refs, count, err);
	free(refs);
	return rc;
}

int mkcache_generate(struct mkcache *m, struct nf_err *err)
{
	size_t count = m->opts->paths;
	struct generator g = { .m = m,
			       .random = m->opts->seed * 2 + 1,
			       .paths = mem_calloc(count, sizeof(*g.paths)),
			       .referred = mem_calloc(count, sizeof(*g.referred)),
			       .chunk = mem_alloc(CHUNK + sizeof(uint64_t)) };
	struct nf_storepath refs[REFS_MAX];
	int rc = 0;

	for (; rc == 0 && g.made + 1 < count; g.made++) {
		size_t nrefs = some_refs(&g, refs);

		rc = one_path(&g, refs, nrefs, err);
	}
	if (rc == 0)
		rc = toplevel(&g, err);
	free(g.paths);
	free(g.referred);
	free(g.chunk);
	return rc;
}
