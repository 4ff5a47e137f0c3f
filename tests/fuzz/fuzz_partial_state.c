/* The state of a partial download: whatever the file contains, its ranges are in order,
 * and what was parsed survives a round trip. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "pool/partial_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct byte_ranges *r)
{
	struct byte_range range;

	for (size_t i = 0; i < r->len; i++) {
		assert(r->list[i].from < r->list[i].end);
		assert(i == 0 || r->list[i - 1].end < r->list[i].from);
		assert(!byte_ranges_missing(r, r->list[i].from, r->list[i].end, &range));
	}
	assert(byte_ranges_missing(r, 0, byte_ranges_end(r), &range) !=
	       byte_ranges_are_whole(r));
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
	check_ranges(&s.ranges);
	partial_state_format(&s, &once);
	partial_state_parse(&again, buf_slice(&once));
	partial_state_format(&again, &twice);
	assert(!buf_failed(&once) && nf_slice_eq(buf_slice(&once), buf_slice(&twice)));
	byte_ranges_cut(&s.ranges, size);
	assert(byte_ranges_end(&s.ranges) <= size);
	check_ranges(&s.ranges);
	partial_state_release(&s);
	partial_state_release(&again);
	buf_release(&once);
	buf_release(&twice);
	return 0;
}
