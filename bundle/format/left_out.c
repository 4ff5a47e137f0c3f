#include "format/left_out.h"

#include "base/plural.h"

#define WHAT "%zu %s"

static const char *what(size_t count)
{
	return plural(count, "signature, deriver or content address",
		      "signatures, derivers or content addresses");
}

void left_out_note(struct progress *p, const char *where, size_t count)
{
	if (count)
		progress_note(p,
			      "%s: " WHAT
			      " %s ignored: Nix cannot read %s, or there are too many",
			      where, count, what(count), plural(count, "is", "are"),
			      plural(count, "it", "them"));
}

void left_out_note_store(struct progress *p, const char *root, size_t count)
{
	if (count)
		progress_note(p,
			      "store '%s': its database has " WHAT
			      " that Nix may not be able to read",
			      root, count, what(count));
}
