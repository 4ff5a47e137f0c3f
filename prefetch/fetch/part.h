/* One part of a file, and its way over HTTP. */
#ifndef PART_H
#define PART_H

#include "fetch/download_file.h"

struct part;

/* How a part ended. */
struct part_outcome {
	enum dispatch_end how;
	int64_t retry_at; /* as in dispatch_part_end */
	/* Of DISPATCH_REFUSED: why its cache does not give the NAR. */
	int code;
	const char *text;
};
typedef void (*part_over_fn)(struct part *p, const struct part_outcome *o);

/* Bytes [from, end) of a file, from one cache. */
struct part {
	struct download_file *file;
	LIST_ENTRY(part) link; /* of the file's */
	part_over_fn over;     /* called once it ended by itself; frees it */
	uint32_t number;       /* the dispatcher's */
	struct cache *cache;
	const struct resolver_source *source;
	char *url;
	struct transfer *transfer; /* NULL: it has none, or it is over */
	bool is_race;		   /* another part has the same bytes */
	uint64_t from, end;
	bool is_cut; /* END came nearer after it was asked for */
	uint64_t asked_end;
	uint64_t at;	     /* where its next byte goes */
	struct xxh3 *digest; /* of what it brought */
	long status;	     /* of the answer that is coming */
	uint64_t told_total; /* of a range's refusal; UINT64_MAX: not said */
	bool is_sized;	     /* the answer said its size */
	bool is_other_file;  /* than the one that others bring, or the whole of it */
};

struct part *part_new(struct download_file *f, const struct dispatch_order *o,
		      const struct resolver_source *source, part_over_fn over);
/* Asks for it. The file must be prepared. */
void part_ask(struct part *p);
/* It ends sooner. */
void part_cut(struct part *p, uint64_t end);
/* Notes in its file what it brought. */
void part_claim(struct part *p);
/* Ends its transfer; the part stays. */
void part_stop(struct part *p);
void part_free(struct part *p);

#endif
