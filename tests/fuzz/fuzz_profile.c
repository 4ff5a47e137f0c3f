/* What is known of caches: whatever the file says, what was understood of it is written
 * and read again as it was. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "caches/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1700000000

static void decide(const struct profile *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct profile_entry *e = &p->entries[i];
		int ms = profile_first_timeout_ms(e, 5000, NOW);

		assert(profile_find(p, e->url) == e);
		assert(ms > 0 && ms <= 5000);
		assert(ms == 5000 || profile_is_down(e, NOW));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile p = PROFILE_INIT, again = PROFILE_INIT;
	size_t before;
	char *once, *twice;

	profile_parse(&p, nf_slice((const char *)data, size));
	assert(p.count <= PROFILE_CACHES_MAX);
	decide(&p);
	once = profile_format(&p);
	profile_parse(&again, nf_slice_str(once));
	twice = profile_format(&again);
	assert(strcmp(once, twice) == 0);
	before = p.count;
	profile_expire(&p, NOW);
	assert(p.count <= before);
	for (size_t i = 0; i < again.count; i++)
		profile_learn(&p, again.entries[i].url, &again.entries[i]);
	assert(p.count == before);
	free(once);
	free(twice);
	profile_release(&p);
	profile_release(&again);
	return 0;
}
