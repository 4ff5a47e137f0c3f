/* Logs of builds: whatever the lines contain, each moment counts once. */
#include <assert.h>
#include <stdint.h>

#include "base/slice.h"
#include "format/build_account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(build_account_reader_freep)
	struct build_account_reader *r = build_account_reader_new();
	struct nf_slice rest = nf_slice((const char *)data, size);
	const struct build_account_times *t;
	const struct build_account *a;

	while (rest.len)
		build_account_line(r, slice_cut(&rest, '\n'));
	a = build_account_finish(r);
	t = &a->times;
	assert(!a->has_times ||
	       t->building + t->copying + t->asking + t->failing + t->other == t->total);
	for (size_t i = 0; i < a->ncopies; i++)
		assert(a->copies[i].cache < a->ncaches &&
		       a->copies[i].to_ms >= a->copies[i].from_ms);
	for (size_t i = 0; i < a->nbuilds; i++)
		assert(a->builds[i].to_ms >= a->builds[i].from_ms);
	return 0;
}
