#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/ca.h"

#define SELF_LEN NF_STOREPATH_HASH_LEN
/* A fuzzer meets the window's ends where it is small. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define WINDOW_SIZE 256
#else
#define WINDOW_SIZE (64 * KIB)
#endif

struct hash_modulo {
	struct hasher *hasher;
	bool plain;
	char self[SELF_LEN];

	/* The last bytes received: an occurrence may continue in the next run. */
	char window[WINDOW_SIZE];
	size_t filled;
	uint64_t start; /* the offset of the window's first byte */

	/* Offsets of the occurrences. They are hashed after everything else, so they are
	 * kept. */
	uint64_t *found;
	size_t count;
	size_t cap;
	bool too_many;
};

struct hash_modulo *hash_modulo_new(enum nf_hash_algo algo, struct nf_slice self)
{
	struct hash_modulo *m = mem_calloc(1, sizeof(*m));

	assert(self.len == 0 || self.len == SELF_LEN);
	m->hasher = hasher_new(algo);
	m->plain = self.len == 0;
	memcpy(m->self, self.len ? self.ptr : "", self.len);
	return m;
}

void hash_modulo_free(struct hash_modulo *m)
{
	if (!m)
		return;
	hasher_free(m->hasher);
	free(m->found);
	free(m);
}

static void note(struct hash_modulo *m, uint64_t offset)
{
	if (m->count == CA_SELF_REFS_MAX) {
		m->too_many = true;
		return;
	}
	MEM_GROW(m->found, m->count, m->cap);
	m->found[m->count++] = offset;
}

/* Hashes the window except its last KEEP bytes, in which an occurrence may begin. What
 * was replaced cannot be part of a later occurrence, because hash parts contain no
 * NULs. */
static void pass(struct hash_modulo *m, size_t keep)
{
	char *from = m->window, *end = m->window + m->filled;
	size_t done = m->filled > keep ? m->filled - keep : 0;

	while ((from = memmem(from, (size_t)(end - from), m->self, SELF_LEN))) {
		note(m, m->start + (uint64_t)(from - m->window));
		memset(from, 0, SELF_LEN);
		from += SELF_LEN;
	}
	hasher_update(m->hasher, m->window, done);
	memmove(m->window, m->window + done, m->filled - done);
	m->filled -= done;
	m->start += done;
}

void hash_modulo_update(struct hash_modulo *m, const void *p, size_t len)
{
	const char *in = p;

	if (m->plain) {
		hasher_update(m->hasher, p, len);
		return;
	}
	while (len) {
		size_t n = WINDOW_SIZE - m->filled;

		if (n > len)
			n = len;
		memcpy(m->window + m->filled, in, n);
		m->filled += n;
		in += n;
		len -= n;
		if (m->filled == WINDOW_SIZE)
			pass(m, SELF_LEN - 1);
	}
}

bool hash_modulo_final(struct hash_modulo *m, struct nf_hash *ret)
{
	char text[24];

	if (!m->plain)
		pass(m, 0);
	for (size_t i = 0; i < m->count; i++) {
		int len = snprintf(text, sizeof(text), "|%" PRIu64, m->found[i]);

		hasher_update(m->hasher, text, (size_t)len);
	}
	hasher_final(m->hasher, ret);
	return !m->too_many;
}
