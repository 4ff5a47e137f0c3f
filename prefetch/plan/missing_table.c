#include <stdlib.h>

#include "base/mem.h"
#include "plan/missing_private.h"

struct missing *missing_new(const struct missing_options *opts)
{
	struct missing *m = mem_calloc(1, sizeof(*m));

	m->opts = *opts;
	map_init(&m->by_base);
	map_init(&m->by_outputs);
	map_init(&m->by_text);
	arena_init(&m->arena);
	m->ready_end = &m->ready;
	m->question = m->last_question = MISSING_NONE;
	return m;
}

void missing_free(struct missing *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->block_count; i++)
		free(m->blocks[i]);
	free(m->blocks);
	free(m->builds);
	map_release(&m->by_base);
	map_release(&m->by_outputs);
	map_release(&m->by_text);
	free(m->texts);
	arena_release(&m->arena);
	free(m);
}

uint32_t missing_table_put(struct missing *m, struct nf_slice base)
{
	uintptr_t *known = map_get(&m->by_base, base);
	struct missing_node *node;
	uint32_t id;

	if (known)
		return (uint32_t)*known;
	id = m->count++;
	if (id % MISSING_BLOCK_NODES == 0) {
		MEM_GROW(m->blocks, m->block_count, m->block_cap);
		m->blocks[m->block_count++] =
			mem_calloc(MISSING_BLOCK_NODES, sizeof(*node));
	}
	node = missing_table_at(m, id);
	node->base = arena_strndup(&m->arena, base.ptr, base.len);
	*map_put(&m->by_base, nf_slice(node->base, base.len), &(bool){ false }) = id;
	return id;
}

uint32_t missing_count(const struct missing *m)
{
	return m->count;
}

const struct missing_node *missing_node(const struct missing *m, uint32_t id)
{
	return missing_table_at(m, id);
}

uint32_t missing_find(const struct missing *m, const struct nf_storepath *path)
{
	const uintptr_t *known = map_get(&m->by_base, nf_storepath_base(path));

	return known ? (uint32_t)*known : MISSING_NONE;
}

void missing_path(const struct missing *m, uint32_t id, struct nf_storepath *ret)
{
	/* Every base name in here was checked before. */
	if (nf_storepath_parse_base(ret, nf_slice_str(missing_table_at(m, id)->base),
				    NULL))
		abort();
}

const char *missing_table_text(struct missing *m, struct nf_slice text)
{
	uintptr_t *known = map_get(&m->by_text, text);
	const char *copy;

	if (known)
		return m->texts[*known];
	copy = arena_strndup(&m->arena, text.ptr, text.len);
	*map_put(&m->by_text, nf_slice(copy, text.len), &(bool){ false }) = m->text_count;
	MEM_GROW(m->texts, m->text_count, m->text_cap);
	m->texts[m->text_count++] = copy;
	return copy;
}

static size_t map_memory(const struct map *map)
{
	return map->cap * sizeof(struct map_slot);
}

size_t missing_memory(const struct missing *m)
{
	return m->block_count * MISSING_BLOCK_NODES * sizeof(struct missing_node) +
	       map_memory(&m->by_base) + map_memory(&m->by_outputs) +
	       map_memory(&m->by_text) + m->text_cap * sizeof(*m->texts) + m->arena.total;
}
