/* Finds the smallest set of keys that suffices to trust many paths: each path has a
 * signature by one of them. */
#ifndef KEY_NEEDS_H
#define KEY_NEEDS_H

#include <nixferry/key.h>
#include <nixferry/pathinfo.h>
#include <nixferry/trust.h>

#include "base/cleanup.h"

struct key_survey;

/* KEYS are tried in this order, and are borrowed; each may be NULL. A path that a key of
 * OWN has signed needs no other. Otherwise a signature that another key verifies counts
 * for that key; if there is none, the names of signers count. */
struct key_survey_rings {
	const struct nf_keyring *own;
	const struct nf_keyring *others[2];
};

struct key_survey *key_survey_new(const struct key_survey_rings *rings);
void key_survey_free(struct key_survey *s);
DEFINE_CLEANUP(struct key_survey *, key_survey_free)

/* A path that its content address vouches for needs no key. */
void key_survey_add(struct key_survey *s, const struct nf_pathinfo *info);

/* Call it once, at the end. */
void key_survey_finish(struct key_survey *s, struct nf_key_needs *ret);

#endif
