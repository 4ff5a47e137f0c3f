/* Each accepted manifest is the only text of its content, and its layout is its own. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_manifest(struct manifest *m, struct nf_slice text)
{
	uint64_t payload_size = m->payload_size;
	struct buf again;

	buf_init(&again, MANIFEST_MAX);
	manifest_format(&again, m);
	if (!nf_slice_eq(buf_slice(&again), text))
		abort();
	if (manifest_layout(m, NULL) || m->payload_size != payload_size)
		abort();
	buf_clear(&again);
	manifest_format(&again, m);
	if (!nf_slice_eq(buf_slice(&again), text))
		abort();
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_slice text = nf_slice((const char *)data, size);
	struct manifest m;

	if (manifest_parse(&m, text, NULL) == 0)
		check_manifest(&m, text);
	manifest_release(&m);
	return 0;
}
