/* A hash that parses is written and read again as the same, in every form. */
#include <nixferry/hash.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nf_hash h, again;
	char text[NF_HASH_TEXT_MAX];

	if (nf_hash_parse(&h, nf_slice((const char *)data, size), NULL))
		return 0;
	for (int form = NF_HEX; form <= NF_SRI; form++) {
		nf_hash_format(text, &h, (enum nf_hash_form)form);
		if (nf_hash_parse(&again, nf_slice_str(text), NULL) ||
		    !nf_hash_eq(&h, &again))
			abort();
	}
	return 0;
}
