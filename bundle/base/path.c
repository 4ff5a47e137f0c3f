#include "base/path.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/slice.h"

/* Where the last component of OUT begins; excludes the slash before it. */
static size_t last_part(const char *out, size_t len)
{
	while (len && out[len - 1] != '/')
		len--;
	return len;
}

static size_t drop_part(const char *out, size_t len)
{
	size_t at = last_part(out, len);

	return at > 1 ? at - 1 : at;
}

static size_t add_part(char *out, size_t len, struct nf_slice part)
{
	if (len && out[len - 1] != '/')
		out[len++] = '/';
	memcpy(out + len, part.ptr, part.len);
	return len + part.len;
}

char *path_canon(struct nf_slice path)
{
	char *out = mem_alloc(path.len + 2);
	bool absolute = path.len && path.ptr[0] == '/';
	struct nf_slice rest = path;
	size_t len = 0;

	if (absolute)
		out[len++] = '/';
	while (rest.len) {
		struct nf_slice part = slice_cut(&rest, '/');
		bool goes_up = nf_slice_is(part, "..");
		size_t last = last_part(out, len);

		if (part.len == 0 || nf_slice_is(part, "."))
			continue;
		if (goes_up && len > last &&
		    !nf_slice_is(nf_slice(out + last, len - last), ".."))
			len = drop_part(out, len);
		else if (!goes_up || !absolute)
			len = add_part(out, len, part);
	}
	if (!len)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

char *path_canon_from(const char *dir, const char *path)
{
	AUTO_FREE char *whole =
		path[0] == '/' ? mem_strdup(path) : mem_printf("%s/%s", dir, path);

	return path_canon(nf_slice_str(whole));
}
