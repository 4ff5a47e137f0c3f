#include "format/key_option.h"

#include <nixferry/key.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/shell_word.h"

/* The key that everyone trusts by default. */
static bool is_default_name(const char *name)
{
	size_t len = strlen(name);

	return strncmp(NF_DEFAULT_PUBLIC_KEY, name, len) == 0 &&
	       NF_DEFAULT_PUBLIC_KEY[len] == ':';
}

void key_option_add(struct buf *out, const char *name, const char *text)
{
	AUTO_FREE char *unknown = NULL;

	if (!text && is_default_name(name))
		text = NF_DEFAULT_PUBLIC_KEY;
	if (!text)
		text = unknown = mem_printf("%s:KEY", name);
	buf_add_str(out, "--trusted-public-key ");
	shell_word_add(out, text);
}
