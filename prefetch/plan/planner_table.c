#include <stdlib.h>

#include "base/mem.h"
#include "plan/planner_private.h"

struct planner *planner_new(const struct planner_options *opts)
{
	struct planner *m = mem_calloc(1, sizeof(*m));

	m->opts = *opts;
	map_init(&m->by_base);
	map_init(&m->by_outputs);
	map_init(&m->by_text);
	arena_init(&m->arena);
	m->ready_end = &m->ready;
	m->question = m->last_question = PLANNER_NONE;
	return m;
}

void planner_free(struct planner *m)
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

uint32_t planner_table_put(struct planner *m, struct nf_slice base)
{
	uintptr_t *known = map_get(&m->by_base, base);
	struct planner_node *node;
	uint32_t id;

	if (known)
		return (uint32_t)*known;
	id = m->count++;
	if (id % PLANNER_BLOCK_NODES == 0) {
		MEM_GROW(m->blocks, m->block_count, m->block_cap);
		m->blocks[m->block_count++] =
			mem_calloc(PLANNER_BLOCK_NODES, sizeof(*node));
	}
	node = planner_table_at(m, id);
	node->base = arena_strndup(&m->arena, base.ptr, base.len);
	*map_put(&m->by_base, nf_slice(node->base, base.len), &(bool){ false }) = id;
	return id;
}

uint32_t planner_count(const struct planner *m)
{
	return m->count;
}

const struct planner_node *planner_node(const struct planner *m, uint32_t id)
{
	return planner_table_at(m, id);
}

uint32_t planner_find(const struct planner *m, const struct nf_storepath *path)
{
	const uintptr_t *known = map_get(&m->by_base, nf_storepath_base(path));

	return known ? (uint32_t)*known : PLANNER_NONE;
}

void planner_path(const struct planner *m, uint32_t id, struct nf_storepath *ret)
{
	/* Every base name here was validated before. */
	if (nf_storepath_parse_base(ret, nf_slice_str(planner_table_at(m, id)->base),
				    NULL))
		abort();
}

const char *planner_table_text(struct planner *m, struct nf_slice text)
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

size_t planner_memory(const struct planner *m)
{
	return m->block_count * PLANNER_BLOCK_NODES * sizeof(struct planner_node) +
	       map_memory(&m->by_base) + map_memory(&m->by_outputs) +
	       map_memory(&m->by_text) + m->text_cap * sizeof(*m->texts) + m->arena.total;
}
