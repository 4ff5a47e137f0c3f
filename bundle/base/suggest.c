#include "base/suggest.h"

#include <string.h>

#define WORD_MAX 40

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edit distance between two words: insert, delete or replace a letter, or swap two
 * neighbours. */
static unsigned edit_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *prev = rows[1], *cur = rows[2];

	for (size_t j = 0; j <= blen; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *spare = before;

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned cost = a[i - 1] != b[j - 1];

			cur[j] = min2(min2(prev[j], cur[j - 1]) + 1, prev[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				cur[j] = min2(cur[j], before[j - 2] + 1);
		}
		before = prev;
		prev = cur;
		cur = spare;
	}
	return prev[blen];
}

void suggest_init(struct suggest *s, const char *word)
{
	size_t len = strlen(word);

	s->word = word;
	s->best = NULL;
	/* One more than the largest distance that still counts as near. */
	s->distance = len <= 2 ? 2 : len <= 5 ? 3 : 4;
}

void suggest_offer(struct suggest *s, const char *candidate)
{
	size_t wlen = strlen(s->word);
	size_t clen = strlen(candidate);
	unsigned distance;

	if (wlen == 0 || wlen > WORD_MAX || clen > WORD_MAX)
		return;
	if (wlen >= 3 && clen > wlen && memcmp(s->word, candidate, wlen) == 0)
		distance = 1;
	else if ((wlen > clen ? wlen - clen : clen - wlen) >= s->distance)
		return; /* the distance is at least the difference in length */
	else
		distance = edit_distance(s->word, wlen, candidate, clen);
	if (distance < s->distance) {
		s->distance = distance;
		s->best = candidate;
	}
}
