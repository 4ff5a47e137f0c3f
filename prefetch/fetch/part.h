/* One part of a file, and its transfer over HTTP. */
#ifndef PART_H
#define PART_H

#include "fetch/download_file.h"

struct part;

/* How a part ended. */
struct part_outcome {
	enum dispatch_end how;
	int64_t retry_at; /* as in dispatch_part_end */
	/* For DISPATCH_REFUSED: why its cache does not supply the NAR. */
	int code;
	const char *text;
};
typedef void (*part_over_fn)(struct part *p, const struct part_outcome *o);

/* Bytes [from, end) of a file, from one cache. */
struct part {
	struct download_file *file;
	LIST_ENTRY(part) link; /* list of the file */
	part_over_fn over;     /* called when it ended by itself; frees it */
	uint32_t number;       /* the dispatcher's number */
	struct cache *cache;
	const struct resolver_offer *offer;
	char *url;
	struct transfer *transfer; /* NULL: it has none, or it is finished */
	bool is_race;		   /* another part fetches the same bytes */
	uint64_t from, end;
	bool is_cut; /* END was moved down after the request */
	uint64_t asked_end;
	uint64_t at;	     /* offset of its next byte */
	struct xxh3 *digest; /* digest of what it brought */
	long status;	     /* of the current response */
	uint64_t told_total; /* from the refusal of a range; UINT64_MAX: not reported */
	bool is_sized;	     /* the response reported its size */
	bool is_other_file;  /* than the one that others bring, or all of it */
};

struct part *part_new(struct download_file *f, const struct dispatch_order *o,
		      const struct resolver_offer *offer, part_over_fn over);
/* Sends its request. The file must be prepared. */
void part_ask(struct part *p);
/* Moves its end down. */
void part_cut(struct part *p, uint64_t end);
/* Records in its file what it brought. */
void part_claim(struct part *p);
/* Ends its transfer; the part remains. */
void part_stop(struct part *p);
void part_free(struct part *p);

#endif
