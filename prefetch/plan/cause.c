#include "plan/cause.h"

#include <nixferry/err.h>

static const struct {
	const char *word;
	const char *title;
} causes[] = {
	[CAUSE_ABSENT] = { "not-in-any-cache", "not in any cache" },
	[CAUSE_NO_SUBSTITUTER] = { "no-substituter", "no cache is configured" },
	[CAUSE_LOCAL_ONLY] = { "local-only", "always built locally" },
	[CAUSE_FLOATING] = { "output-path-unknown", "output path not known yet" },
	[CAUSE_NO_DERIVATION] = { "no-derivation", "derivation not found" },
	[CAUSE_OTHER_STORE] = { "other-store", "cache for another store directory" },
	[CAUSE_UNREACHABLE] = { "unreachable", "cache unreachable" },
	[CAUSE_DENIED] = { "denied", "cache denies access" },
	[CAUSE_BAD_ANSWER] = { "bad-answer", "bad answer from a cache" },
	[CAUSE_NOT_TRUSTED] = { "not-trusted", "not trusted" },
};

const char *cause_word(enum cause cause)
{
	return causes[cause].word;
}

const char *cause_title(enum cause cause)
{
	return causes[cause].title;
}

enum cause cause_of_code(int code)
{
	switch (code < 0 ? -code : code) {
	case 0:
	case NF_E_MISSING:
		return CAUSE_ABSENT;
	case NF_E_TRUST:
		return CAUSE_NOT_TRUSTED;
	case NF_E_FORMAT:
	case NF_E_LIMIT:
	case NF_E_HASH:
	case NF_E_UNSUPPORTED:
		return CAUSE_BAD_ANSWER;
	default:
		return CAUSE_UNREACHABLE;
	}
}
