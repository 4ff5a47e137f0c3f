#include "format/path_name.h"

#include <stdbool.h>

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct nf_slice path_name_stem(struct nf_slice name)
{
	for (size_t i = 0; i + 1 < name.len; i++)
		if (name.ptr[i] == '-' && !is_letter(name.ptr[i + 1]))
			return nf_slice(name.ptr, i);
	return name;
}
