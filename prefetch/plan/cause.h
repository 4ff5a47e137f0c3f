/* Why a path cannot be fetched from any cache, or a derivation must be built. */
#ifndef CAUSE_H
#define CAUSE_H

/* In order of severity, the most severe last: problems that the user can solve come after
 * facts. */
enum cause {
	CAUSE_ABSENT,	      /* every cache has answered that it does not have it */
	CAUSE_NO_SUBSTITUTER, /* no cache is configured */
	CAUSE_LOCAL_ONLY,     /* allowSubstitutes = false */
	CAUSE_FLOATING,	      /* its outputs' paths are known only after building */
	CAUSE_NO_DERIVATION,  /* a derivation that is not in the local store */
	CAUSE_OTHER_STORE,    /* a cache is for another store directory */
	CAUSE_UNREACHABLE,    /* a cache could not be queried, and may have it */
	CAUSE_DENIED,	      /* a cache refuses to answer */
	CAUSE_BAD_ANSWER,     /* an unusable response */
	CAUSE_NOT_TRUSTED,    /* no signature by a trusted key */
};

/* For programs: "not-trusted". These identifiers must not change. */
const char *cause_word(enum cause cause);

/* A title for the user: "not trusted". */
const char *cause_title(enum cause cause);

/* The cause for a cache's failure with an NF_E_..., if nothing more is known. */
enum cause cause_of_code(int code);

#endif
