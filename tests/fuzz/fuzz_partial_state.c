/* The state of a partial download: whatever the file contains, its runs are in order, and
 * what was parsed survives a round trip. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "pool/partial_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_runs(const struct runs *r)
{
	struct run run;

	for (size_t i = 0; i < r->len; i++) {
		assert(r->list[i].from < r->list[i].end);
		assert(i == 0 || r->list[i - 1].end < r->list[i].from);
		assert(!runs_missing(r, r->list[i].from, r->list[i].end, &run));
	}
	assert(runs_missing(r, 0, runs_end(r), &run) != runs_are_whole(r));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct partial_state s = { 0 }, again = { 0 };
	struct buf once, twice;

	if (size > PARTIAL_STATE_MAX)
		return 0;
	buf_init(&once, 2 * PARTIAL_STATE_MAX);
	buf_init(&twice, 2 * PARTIAL_STATE_MAX);
	partial_state_parse(&s, nf_slice((const char *)data, size));
	assert(s.etag_count <= PARTIAL_ETAGS_MAX);
	check_runs(&s.runs);
	partial_state_format(&s, &once);
	partial_state_parse(&again, buf_slice(&once));
	partial_state_format(&again, &twice);
	assert(!buf_failed(&once) && nf_slice_eq(buf_slice(&once), buf_slice(&twice)));
	runs_cut(&s.runs, size);
	assert(runs_end(&s.runs) <= size);
	check_runs(&s.runs);
	partial_state_release(&s);
	partial_state_release(&again);
	buf_release(&once);
	buf_release(&twice);
	return 0;
}
