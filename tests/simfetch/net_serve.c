#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net_state.h"

#define NARINFO_MAX_LEN 8192

static uint32_t path_of_hash(const struct net *n, const char *file)
{
	const uintptr_t *path =
		map_get(&n->by_hash, nf_slice(file, NF_STOREPATH_HASH_LEN));

	return path ? (uint32_t)*path : UINT32_MAX;
}

/* Parses the number after PREFIX; false if there is none. */
static bool read_number(char **text, const char *prefix, uint32_t limit, uint32_t *ret)
{
	size_t len = strlen(prefix);
	unsigned long number;
	char *end;

	if (strncmp(*text, prefix, len) != 0)
		return false;
	number = strtoul(*text + len, &end, 10);
	if (end == *text + len || number >= limit)
		return false;
	*text = end;
	*ret = (uint32_t)number;
	return true;
}

void net_address(struct net *n, struct net_transfer *x)
{
	const struct fetch_world *w = n->world;
	char *at = x->url;

	x->path = UINT32_MAX;
	if (!read_number(&at, "http://c", (uint32_t)w->cache_count, &x->cache) ||
	    strncmp(at, ".sim/", 5) != 0) {
		snprintf(n->failure, sizeof(n->failure), "'%s' is asked for", x->url);
		x->file = x->url;
		return;
	}
	x->file = at += 5;
	if (!read_number(&at, "nar/", (uint32_t)w->path_count, &x->path) &&
	    strlen(x->file) == NF_STOREPATH_HASH_LEN + strlen(".narinfo"))
		x->path = path_of_hash(n, x->file);
}

static void answer_status(struct net_transfer *x, long status, const char *text)
{
	x->answer = (struct net_answer){ .status = status,
					 .body = nf_slice_str(text),
					 .has_length = true };
}

static void answer_text(struct net_transfer *x)
{
	x->answer = (struct net_answer){ .status = 200,
					 .body = buf_slice(&x->text),
					 .has_length = true };
}

static void serve_cache_info(const struct net *n, struct net_transfer *x)
{
	const struct net_cache *c = &n->world->caches[x->cache];

	switch (c->info) {
	case NET_INFO_OK:
	case NET_INFO_OTHER_STORE:
		buf_addf(&x->text, "StoreDir: %s\nWantMassQuery: 1\nPriority: %d\n",
			 c->info == NET_INFO_OK ? NF_STORE_DIR : "/gnu/store",
			 c->priority);
		answer_text(x);
		break;
	case NET_INFO_GARBAGE:
		buf_add_str(&x->text, "Priority: many\n");
		answer_text(x);
		break;
	case NET_INFO_ABSENT:
		answer_status(x, 404, "not found");
		break;
	}
}

static void serve_narinfo(struct net *n, struct net_transfer *x)
{
	const struct net_offer *o = world_offer(n->world, x->cache, x->path);
	bool is_new = o->nar_faults & NAR_MOVED && x->req.no_cache;
	char url[64];

	n->counts[o - n->world->offers].infos++;
	if (!o->is_there) {
		answer_status(x, 404, "not found");
		return;
	}
	snprintf(url, sizeof(url), "nar/%" PRIu32 "-%d-%d.nar", x->path, (int)o->encoding,
		 is_new);
	goods_narinfo(&n->world->paths[x->path].goods, o->encoding, o->info_faults, url,
		      &x->text);
	answer_text(x);
}

/* ---- NARs ---- */

static void spoil(struct buf *b, const struct net_offer *o)
{
	uint64_t end = o->lies_end < b->len ? o->lies_end : b->len;

	for (uint64_t i = o->lies_from; o->nar_faults & NAR_LIES && i < end; i++)
		b->ptr[i] ^= 0x55;
	if (o->nar_faults & NAR_SHORT)
		b->len -= b->len / 3 + 1;
	if (o->nar_faults & NAR_LONG)
		buf_add_str(b, "and more than that");
}

static struct nf_slice bulk_file(const struct goods_file *f, unsigned faults)
{
	uint64_t size = f->size;

	if (faults & NAR_SHORT)
		size -= size / 3 + 1;
	if (faults & NAR_LONG)
		size += 18;
	return nf_slice(NULL, (size_t)size);
}

/* The file as this cache has it. */
static struct nf_slice file_of(struct net *n, const struct net_offer *o, uint32_t path)
{
	const struct goods_file *f =
		goods_file(&n->world->paths[path].goods, o->encoding);
	struct buf *served = &n->served[o - n->world->offers];

	if (n->world->is_bulk)
		return bulk_file(f, o->nar_faults);
	if (!(o->nar_faults & (NAR_LIES | NAR_SHORT | NAR_LONG)))
		return buf_slice(&f->bytes);
	if (!served->len) {
		buf_init(served, SIZE_MAX);
		buf_add(served, f->bytes.ptr, f->bytes.len);
		spoil(served, o);
	}
	return buf_slice(served);
}

static bool wants_range(const struct net_transfer *x, const char *etag)
{
	return (x->req.range_start || x->req.range_end) &&
	       (!x->if_range || strcmp(x->if_range, etag) == 0);
}

static void serve_range(struct net_transfer *x, struct nf_slice file, bool is_shifted)
{
	uint64_t from = x->req.range_start;
	uint64_t end = x->req.range_end ? x->req.range_end + 1 : file.len;
	struct net_answer *a = &x->answer;

	a->is_range = true;
	a->total = file.len;
	from += is_shifted && from + 1 < end ? 1 : 0;
	if (from >= file.len) {
		a->status = 416;
		return;
	}
	end = end < file.len ? end : file.len;
	a->status = 206;
	a->from = from;
	a->body = nf_slice(file.ptr ? file.ptr + from : NULL, (size_t)(end - from));
}

static void serve_nar(struct net *n, struct net_transfer *x)
{
	const struct net_offer *o = world_offer(n->world, x->cache, x->path);
	const struct net_cache *c = &n->world->caches[x->cache];
	int is_new = x->file[strlen(x->file) - strlen("0.nar")] == '1';
	struct net_answer *a = &x->answer;
	struct nf_slice file;

	n->counts[o - n->world->offers].nars++;
	if (!o->is_there || o->nar_faults & NAR_GONE ||
	    is_new != !!(o->nar_faults & NAR_MOVED)) {
		answer_status(x, 404, "not found");
		return;
	}
	file = file_of(n, o, x->path);
	*a = (struct net_answer){ .status = 200,
				  .body = file,
				  .is_wrong = o->nar_faults & NAR_LIES,
				  .has_ranges = !c->no_range,
				  .has_length = !c->no_length };
	if (!c->no_etag)
		snprintf(a->etag, sizeof(a->etag), "\"%" PRIu32 "-%d\"", x->path,
			 (int)o->encoding);
	if (!c->no_range && wants_range(x, a->etag))
		serve_range(x, file, o->nar_faults & NAR_OTHER_RANGE);
}

void net_serve(struct net *n, struct net_transfer *x)
{
	buf_init(&x->text, NARINFO_MAX_LEN);
	if (strncmp(x->file, "nar/", 4) == 0 && x->path != UINT32_MAX) {
		serve_nar(n, x);
	} else if (x->path != UINT32_MAX) {
		serve_narinfo(n, x);
	} else if (strcmp(x->file, "nix-cache-info") == 0) {
		n->greetings[x->cache]++;
		serve_cache_info(n, x);
	} else {
		answer_status(x, 404, "not found");
	}
}
