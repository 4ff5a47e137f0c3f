/* An inventory that is accepted without a signature is the only text of its content. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "format/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_slice text = nf_slice((const char *)data, size);
	struct nf_keyring *ring = nf_keyring_new();
	struct inventory inv;
	struct buf again;
	char *signer;

	buf_init(&again, INVENTORY_MAX);
	if (inventory_parse(&inv, text, ring, &signer, NULL) == 0) {
		inventory_format(&again, &inv, NULL);
		if (signer || again.len > size ||
		    memcmp(again.ptr, data, again.len) != 0 ||
		    (again.len < size && memcmp(data + again.len, "signature ", 10) != 0))
			abort();
		inventory_release(&inv);
	}
	buf_release(&again);
	nf_keyring_free(ring);
	return 0;
}
