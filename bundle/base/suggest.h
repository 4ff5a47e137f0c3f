/* "did you mean": the candidate nearest to an unknown word. */
#ifndef SUGGEST_H
#define SUGGEST_H

struct suggest {
	const char *word;
	const char *best; /* NULL if nothing is near */
	unsigned distance;
};

void suggest_init(struct suggest *s, const char *word);
/* CANDIDATE is borrowed. */
void suggest_offer(struct suggest *s, const char *candidate);

#endif
