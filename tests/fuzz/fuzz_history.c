/* The history of caches: whatever the file contains, the entries that were parsed survive
 * a round trip. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "caches/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000

static void decide(const struct history *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct history_entry *e = &p->entries[i];
		int ms = history_first_timeout_ms(e, 5000, NOW);

		assert(history_find(p, e->url) == e);
		assert(ms > 0 && ms <= 5000);
		assert(ms == 5000 || history_is_down(e, NOW));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct history p = HISTORY_INIT, again = HISTORY_INIT;
	size_t before;
	char *once, *twice;

	history_parse(&p, nf_slice((const char *)data, size));
	assert(p.count <= HISTORY_CACHES_MAX);
	decide(&p);
	once = history_format(&p);
	history_parse(&again, nf_slice_str(once));
	twice = history_format(&again);
	assert(strcmp(once, twice) == 0);
	before = p.count;
	history_expire(&p, NOW);
	assert(p.count <= before);
	for (size_t i = 0; i < again.count; i++)
		history_learn(&p, again.entries[i].url, &again.entries[i]);
	assert(p.count == before);
	free(once);
	free(twice);
	history_release(&p);
	history_release(&again);
	return 0;
}
