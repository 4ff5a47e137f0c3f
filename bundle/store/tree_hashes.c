#include "store/tree_hashes.h"

#include <assert.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

static int hash_written(struct nf_sink *s, const void *p, size_t len, struct nf_err *err)
{
	struct tree_hashes *t =
		(struct tree_hashes *)((char *)s - offsetof(struct tree_hashes, sink));

	(void)err;
	hasher_update(t->hasher, p, len);
	return 0;
}

void tree_hashes_init(struct tree_hashes *t)
{
	*t = (struct tree_hashes){ .sink = { hash_written } };
	arena_init(&t->arena);
}

static void end_object(struct tree_hashes *t)
{
	nf_nar_writer_free(TAKE_PTR(t->writer));
	hasher_free(TAKE_PTR(t->hasher));
}

void tree_hashes_release(struct tree_hashes *t)
{
	end_object(t);
	free(t->objects);
	arena_release(&t->arena);
	*t = (struct tree_hashes){ 0 };
}

/* The reader has applied the writer's rules. */
static void write_event(struct tree_hashes *t, const struct nf_nar_event *ev)
{
	struct nf_nar_event alone = *ev;
	int rc;

	alone.name = (struct nf_slice){ 0 };
	rc = nf_nar_write(t->writer, &alone, NULL);
	assert(!rc);
	(void)rc;
}

static void begin_object(struct tree_hashes *t, const struct nf_nar_event *ev)
{
	t->hasher = hasher_new(NF_SHA256);
	t->writer = nf_nar_writer_new(&t->sink);
	write_event(t, ev);
}

static void finish_hash(struct tree_hashes *t)
{
	struct nf_hash *hash = arena_alloc(&t->arena, sizeof(*hash));

	hasher_final(t->hasher, hash);
	t->objects[t->len - 1].hash = hash;
	end_object(t);
}

static void add_object(struct tree_hashes *t, const struct nf_nar_event *ev)
{
	MEM_GROW(t->objects, t->len, t->cap);
	t->objects[t->len++] = (struct tree_object){
		.kind = ev->kind,
		.name = arena_strndup(&t->arena, ev->name.len ? ev->name.ptr : "",
				      ev->name.len),
	};
}

static bool is_full(const struct tree_hashes *t)
{
	return t->len == TREE_OBJECTS_MAX;
}

void tree_hashes_note(struct tree_hashes *t, const struct nf_nar_event *ev)
{
	switch (ev->kind) {
	case NF_NAR_DIRECTORY:
	case NF_NAR_LEAVE:
		if (!is_full(t))
			add_object(t, ev);
		break;
	case NF_NAR_FILE:
	case NF_NAR_SYMLINK:
		if (is_full(t))
			break;
		add_object(t, ev);
		begin_object(t, ev);
		if (ev->kind == NF_NAR_SYMLINK)
			finish_hash(t);
		break;
	case NF_NAR_DATA:
	case NF_NAR_FILE_END:
		if (t->writer)
			write_event(t, ev);
		if (t->writer && ev->kind == NF_NAR_FILE_END)
			finish_hash(t);
		break;
	case NF_NAR_END:
		break;
	}
}
