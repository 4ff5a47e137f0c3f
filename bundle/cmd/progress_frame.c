#include "cmd/progress_frame.h"

#include <nixferry/storepath.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/plural.h"
#include "base/slice.h"
#include "cmd/human.h"

/* A NAR of this size has a line of its own. */
#define LARGE_MIN (4 * MIB)

/* What brings nothing for longer has stalled. */
#define STALL_MS 5000

/* A cache is slow if another is this many times as fast, or below this speed. */
#define SLOW_TIMES 4
#define SLOW_SPEED (64.0 * KIB)

#define CACHE_LINES   6
#define LARGE_LINES   4
#define GROUPS_MAX    3
#define BAR_MIN	      8
#define FACT_GAP      2
#define BAR_MAX	      60
#define TEXT_MAX_SIZE 64

/* Widths of columns. */
struct columns {
	size_t indent, name, state, percent, size, source;
};

static struct columns columns_of(const struct screen *screen)
{
	if (screen->width < 30)
		return (struct columns){ 0, 10, 8, 4, 16, 20 };
	if (screen->width < 60)
		return (struct columns){ 1, 16, 8, 4, 16, 20 };
	if (screen->width < 120)
		return (struct columns){ 1, 22, 14, 4, 16, 24 };
	if (screen->width < 160)
		return (struct columns){ 1, 32, 24, 4, 16, 36 };
	return (struct columns){ 1, 44, 40, 4, 16, 60 };
}

struct drawing {
	struct buf *out;
	const struct progress_sample *sample;
	const struct screen *screen;
	struct columns columns;
	size_t rows;
};

/* Returns false if there is no room for a further row. */
static bool begin_row(struct drawing *f, struct screen_row *row)
{
	if (f->rows + 1 >= f->screen->height)
		return false;
	f->rows++;
	screen_row_begin(row, f->out, f->screen);
	return true;
}

static void end_row(struct drawing *f)
{
	buf_add_char(f->out, '\n');
}

static void add_cell(struct screen_row *row, const char *text, size_t width,
		     enum screen_side side, enum screen_style style)
{
	screen_row_cell(row,
			&(struct screen_cell){ nf_slice_str(text), width, side, style });
}

static void add_name(struct drawing *f, struct screen_row *row, struct nf_slice name)
{
	screen_row_add(row, SCREEN_PLAIN, nf_slice("  ", f->columns.indent));
	screen_row_cell(row, &(struct screen_cell){ name, f->columns.name, SCREEN_LEFT,
						    SCREEN_PLAIN });
}

/* ---- the whole ---- */

enum fact {
	FACT_PHASE,
	FACT_PERCENT,
	FACT_LEFT,
	FACT_SPEED,
	FACT_BYTES,
	FACT_PATHS,
	FACT_BAR,
	FACTS, /* the most important comes first */
};

static const enum fact shown_order[FACTS] = {
	FACT_PHASE, FACT_BAR, FACT_PERCENT, FACT_PATHS, FACT_BYTES, FACT_SPEED, FACT_LEFT,
};

struct whole_facts {
	char text[FACTS][TEXT_MAX_SIZE]; /* empty: not known */
	bool is_shown[FACTS];
	uint64_t done, total; /* of the bar; 0: none */
	size_t bar;	      /* its width */
};

static void set_paths(struct whole_facts *f, const struct nf_progress *now)
{
	uint64_t done = now->paths_done, total = now->paths_total;
	const char *what = "path";

	if (!total && now->resolving) {
		done = now->resolved;
		total = now->resolving;
		what = "path info";
	}
	if (total)
		snprintf(f->text[FACT_PATHS], TEXT_MAX_SIZE, "%llu/%llu %s%s",
			 (unsigned long long)done, (unsigned long long)total, what,
			 plural(total, "", "s"));
	else if (done)
		snprintf(f->text[FACT_PATHS], TEXT_MAX_SIZE, "%llu %s%s",
			 (unsigned long long)done, what, plural(done, "", "s"));
}

static void set_size(char out[TEXT_MAX_SIZE], uint64_t done, uint64_t total)
{
	char text[HUMAN_MAX];

	snprintf(out, TEXT_MAX_SIZE, "%s",
		 total >= done ? human_part(text, done, total) : human_size(text, done));
}

/* Never 100 before the end. */
static unsigned percent(uint64_t done, uint64_t total)
{
	return done < total ? (unsigned)((double)done * 100 / (double)total) : 100;
}

static void set_facts(struct whole_facts *f, const struct progress_sample *s)
{
	const struct progress_measure m = progress_view_measure(s);
	uint64_t left = progress_view_left(s);
	char text[HUMAN_MAX];

	snprintf(f->text[FACT_PHASE], TEXT_MAX_SIZE, "%s",
		 s->now.phase ? s->now.phase : "starting");
	set_paths(f, &s->now);
	if (m.done || m.total)
		set_size(f->text[FACT_BYTES], m.done, m.total);
	f->done = m.total ? m.done : s->now.paths_done;
	f->total = m.total ? m.total : s->now.paths_total;
	if (f->total)
		snprintf(f->text[FACT_PERCENT], TEXT_MAX_SIZE, "%u%%",
			 percent(f->done, f->total));
	if (m.per_second > 0)
		snprintf(f->text[FACT_SPEED], TEXT_MAX_SIZE, "%s/s",
			 human_size(text, (uint64_t)m.per_second));
	if (left)
		snprintf(f->text[FACT_LEFT], TEXT_MAX_SIZE, "%s left",
			 human_duration(text, left));
}

/* The columns of a fact with the gap before it; 0 if it is not known. */
static size_t fact_width(const struct whole_facts *f, size_t fact)
{
	size_t width = strlen(f->text[fact]);

	if (fact == FACT_BAR)
		width = f->total ? BAR_MIN : 0;
	return width && fact ? width + FACT_GAP : width;
}

/* Chooses the facts for which there is room, the most important first. The bar gets the
 * columns that are left. */
static void choose_facts(struct whole_facts *f, size_t columns)
{
	for (size_t i = 0; i < FACTS; i++) {
		size_t width = fact_width(f, i);

		f->is_shown[i] = width && (!i || width <= columns);
		if (f->is_shown[i])
			columns -= width < columns ? width : columns;
	}
	f->bar = BAR_MIN + columns < BAR_MAX ? BAR_MIN + columns : BAR_MAX;
}

static enum screen_style fact_style(enum fact fact)
{
	if (fact == FACT_PHASE || fact == FACT_PERCENT)
		return SCREEN_BOLD;
	return fact == FACT_PATHS ? SCREEN_DIM : SCREEN_PLAIN;
}

static void add_facts(struct screen_row *row, const struct whole_facts *f)
{
	for (size_t i = 0; i < FACTS; i++) {
		enum fact fact = shown_order[i];

		if (!f->is_shown[fact])
			continue;
		if (fact == FACT_BAR) {
			screen_row_add(row, SCREEN_PLAIN, nf_slice(" ", FACT_GAP - 1));
			screen_row_bar(row, f->bar, f->done, f->total);
			continue;
		}
		if (i)
			screen_row_add(row, SCREEN_PLAIN, nf_slice("  ", FACT_GAP));
		screen_row_add(row, fact_style(fact), nf_slice_str(f->text[fact]));
	}
}

static void add_whole(struct drawing *f)
{
	struct whole_facts facts = { .total = 0 };
	struct screen_row row;

	if (!begin_row(f, &row))
		return;
	if (f->sample->now.waiting_for[0]) {
		screen_row_add(&row, SCREEN_WARN,
			       nf_slice_str(f->sample->now.waiting_for));
	} else {
		set_facts(&facts, f->sample);
		choose_facts(&facts, row.left);
		add_facts(&row, &facts);
	}
	end_row(f);
}

/* ---- the caches ---- */

static bool is_stalled_cache(const struct nf_progress_cache *c)
{
	return c->requests && c->idle_ms >= STALL_MS;
}

static double fastest(const struct progress_sample *s)
{
	double most = 0;

	for (size_t i = 0; i < s->now.cache_count; i++)
		if (s->cache_speeds[i] > most)
			most = s->cache_speeds[i];
	return most;
}

static bool is_slow(const struct progress_sample *s, size_t i)
{
	return s->cache_speeds[i] < SLOW_SPEED ||
	       s->cache_speeds[i] * SLOW_TIMES < fastest(s);
}

/* "stalled 12 s", or as much of it as fits. */
static void set_timed(char out[TEXT_MAX_SIZE], const char *word, uint32_t ms,
		      size_t width)
{
	char text[HUMAN_MAX];
	int len = snprintf(out, TEXT_MAX_SIZE, "%s %s", word,
			   human_duration(text, ms / 1000));

	if ((size_t)len > width)
		snprintf(out, TEXT_MAX_SIZE, "%s", word);
}

struct cache_look {
	char state[TEXT_MAX_SIZE];
	enum screen_style style;
	bool is_busy; /* its speed is worth showing */
};

static void set_state(struct cache_look *look, const char *state, enum screen_style style)
{
	snprintf(look->state, sizeof(look->state), "%s", state);
	look->style = style;
}

static void look_at_busy(const struct drawing *f, size_t i, struct cache_look *look)
{
	const struct nf_progress_cache *c = &f->sample->now.caches[i];

	if (is_stalled_cache(c)) {
		set_timed(look->state, "stalled", c->idle_ms, f->columns.state);
		look->style = SCREEN_BAD;
	} else if (f->sample->cache_speeds[i] < 1) {
		set_state(look, "ready", SCREEN_PLAIN);
	} else if (is_slow(f->sample, i)) {
		set_state(look, "slow", SCREEN_WARN);
		look->is_busy = true;
	} else {
		set_state(look, "fast", SCREEN_GOOD);
		look->is_busy = true;
	}
}

static void look_at_cache(const struct drawing *f, size_t i, struct cache_look *look)
{
	const struct nf_progress_cache *c = &f->sample->now.caches[i];

	*look = (struct cache_look){ .style = SCREEN_PLAIN };
	switch (c->state) {
	case NF_CACHE_NEW:
		set_timed(look->state, "waiting", c->idle_ms, f->columns.state);
		look->style = is_stalled_cache(c) ? SCREEN_WARN : SCREEN_PLAIN;
		break;
	case NF_CACHE_RETRIED:
		set_state(look, "retrying", SCREEN_WARN);
		break;
	case NF_CACHE_GONE:
		set_state(look, "gone", SCREEN_BAD);
		break;
	case NF_CACHE_USED:
		if (c->requests)
			look_at_busy(f, i, look);
		else
			set_state(look, "idle", SCREEN_DIM);
		break;
	}
}

/* Without what all have in common. */
static struct nf_slice cache_name(const char *url)
{
	struct nf_slice name = nf_slice_str(url);

	if (!slice_skip_prefix(&name, "https://"))
		slice_skip_prefix(&name, "http://");
	return name;
}

static void add_cache(struct drawing *f, size_t i)
{
	const struct nf_progress_cache *c = &f->sample->now.caches[i];
	char speed[TEXT_MAX_SIZE] = "", size[HUMAN_MAX];
	struct cache_look look;
	struct screen_row row;

	if (!begin_row(f, &row))
		return;
	look_at_cache(f, i, &look);
	if (look.is_busy)
		snprintf(speed, sizeof(speed), "%s/s",
			 human_size(size, (uint64_t)f->sample->cache_speeds[i]));
	add_name(f, &row, cache_name(c->url));
	add_cell(&row, look.state, f->columns.state, SCREEN_LEFT, look.style);
	add_cell(&row, speed, 11, SCREEN_RIGHT, SCREEN_PLAIN);
	add_cell(&row, c->bytes ? human_size(size, c->bytes) : "", 11, SCREEN_RIGHT,
		 SCREEN_DIM);
	end_row(f);
}

static bool shows_caches(const struct nf_progress *now)
{
	bool is_asking = now->phase && (!strcmp(now->phase, "fetching") ||
					!strcmp(now->phase, "resolving"));

	for (size_t i = 0; i < now->cache_count && !is_asking; i++)
		is_asking = now->caches[i].requests > 0;
	return is_asking;
}

static void add_caches(struct drawing *f)
{
	const struct nf_progress *now = &f->sample->now;
	size_t shown =
		now->cache_count > CACHE_LINES ? CACHE_LINES - 1 : now->cache_count;
	size_t gone = 0;
	struct screen_row row;
	char text[TEXT_MAX_SIZE];

	if (!shows_caches(now))
		return;
	for (size_t i = 0; i < shown; i++)
		add_cache(f, i);
	for (size_t i = shown; i < now->cache_count; i++)
		gone += now->caches[i].state == NF_CACHE_GONE;
	if (shown == now->cache_count || !begin_row(f, &row))
		return;
	snprintf(text, sizeof(text), "  and %zu more caches, %zu of them gone",
		 now->cache_count - shown, gone);
	screen_row_add(&row, SCREEN_DIM, nf_slice_str(text));
	end_row(f);
}

/* ---- what happens now ---- */

static const char *verb_of(const struct nf_progress_item *item)
{
	return item->verb ? item->verb : "";
}

/* Only what arrives can stall: verifying and storing takes its time. */
static bool is_stalled(const struct nf_progress_item *item)
{
	return item->idle_ms >= STALL_MS && !strcmp(verb_of(item), "fetch");
}

/* What a line about several items begins with. */
static const char *group_of(const struct nf_progress_item *item)
{
	return is_stalled(item) ? "stalled" : verb_of(item);
}

/* The name in a store path is more useful than its hash part. */
static struct nf_slice item_name(const struct nf_progress_item *item)
{
	struct nf_slice name =
		nf_slice(item->name, strnlen(item->name, sizeof(item->name)));
	size_t hash = NF_STOREPATH_HASH_LEN;

	if (name.len > hash + 1 && name.ptr[hash] == '-' &&
	    nf_storepath_is_hash(nf_slice(name.ptr, hash)))
		name = nf_slice(name.ptr + hash + 1, name.len - hash - 1);
	return name;
}

static void add_source(struct drawing *f, struct screen_row *row,
		       const struct nf_progress_item *item)
{
	const struct nf_progress *now = &f->sample->now;
	struct nf_slice name;

	if (item->cache < 0 || (size_t)item->cache >= now->cache_count ||
	    now->cache_count < 2 || row->left < 12)
		return;
	name = cache_name(now->caches[item->cache].url);
	screen_row_add(row, SCREEN_PLAIN, nf_slice_str(" "));
	screen_row_cell(row, &(struct screen_cell){ name,
						    row->left - 1 < f->columns.source
							    ? row->left - 1
							    : f->columns.source,
						    SCREEN_LEFT, SCREEN_DIM });
}

static void add_large(struct drawing *f, const struct nf_progress_item *item)
{
	char text[TEXT_MAX_SIZE];
	struct screen_row row;

	if (!begin_row(f, &row))
		return;
	add_name(f, &row, item_name(item));
	if (is_stalled(item)) {
		set_timed(text, "stalled", item->idle_ms, f->columns.state);
		add_cell(&row, text, f->columns.state, SCREEN_LEFT, SCREEN_BAD);
	} else {
		screen_row_bar(&row, f->columns.state, item->bytes_done,
			       item->bytes_total);
	}
	text[0] = '\0';
	if (item->bytes_total)
		snprintf(text, sizeof(text), "%3u%%",
			 percent(item->bytes_done, item->bytes_total));
	add_cell(&row, text, f->columns.percent, SCREEN_RIGHT, SCREEN_PLAIN);
	set_size(text, item->bytes_done, item->bytes_total);
	add_cell(&row, text, f->columns.size, SCREEN_RIGHT, SCREEN_DIM);
	add_source(f, &row, item);
	end_row(f);
}

/* The size from which on at most LARGE_LINES have a line. */
static uint64_t least_shown(const struct nf_progress *now)
{
	uint64_t least = LARGE_MIN;

	for (;;) {
		uint64_t next = UINT64_MAX;
		size_t count = 0;

		for (size_t i = 0; i < now->item_count; i++) {
			uint64_t total = now->items[i].bytes_total;

			count += total >= least;
			if (total >= least && total < next)
				next = total;
		}
		if (count <= LARGE_LINES)
			return least;
		least = next + 1;
	}
}

/* Returns which items have a line, as bits. */
static uint64_t add_large_ones(struct drawing *f)
{
	const struct nf_progress *now = &f->sample->now;
	uint64_t least = least_shown(now), shown = 0;

	for (size_t i = 0; i < now->item_count; i++) {
		if (now->items[i].bytes_total < least)
			continue;
		add_large(f, &now->items[i]);
		shown |= 1ULL << i;
	}
	return shown;
}

/* Appends a name, if it and a word about the rest fit. */
static bool add_small(struct screen_row *row, struct nf_slice name, bool is_first)
{
	const size_t rest = strlen(", +32 more");

	if (row->left < name.len + 2 + rest)
		return false;
	screen_row_add(row, SCREEN_DIM, nf_slice_str(is_first ? " " : ", "));
	screen_row_add(row, SCREEN_DIM, name);
	return true;
}

/* The items of the group that FIRST is in; returns which have been shown. */
static uint64_t add_group(struct drawing *f, size_t first, uint64_t shown)
{
	const struct nf_progress *now = &f->sample->now;
	const char *group = group_of(&now->items[first]);
	size_t named = 0, rest = 0;
	char text[TEXT_MAX_SIZE];
	struct screen_row row;

	if (!begin_row(f, &row))
		return UINT64_MAX;
	screen_row_add(&row, SCREEN_PLAIN, nf_slice("  ", f->columns.indent * 2));
	screen_row_add(&row, is_stalled(&now->items[first]) ? SCREEN_BAD : SCREEN_PLAIN,
		       nf_slice_str(group));
	for (size_t i = first; i < now->item_count; i++) {
		if (shown >> i & 1 || strcmp(group_of(&now->items[i]), group) != 0)
			continue;
		shown |= 1ULL << i;
		if (!rest && add_small(&row, item_name(&now->items[i]), !named))
			named++;
		else
			rest++;
	}
	snprintf(text, sizeof(text), named ? ", +%zu more" : " %zu", rest);
	if (rest)
		screen_row_add(&row, SCREEN_DIM, nf_slice_str(text));
	end_row(f);
	return shown;
}

static void add_items(struct drawing *f)
{
	const struct nf_progress *now = &f->sample->now;
	uint64_t shown = add_large_ones(f);
	size_t groups = 0;

	for (size_t i = 0; i < now->item_count && groups < GROUPS_MAX; i++) {
		if (shown >> i & 1)
			continue;
		shown = add_group(f, i, shown);
		groups++;
	}
}

size_t progress_frame(struct buf *out, const struct progress_sample *s,
		      const struct screen *screen)
{
	struct drawing f = { out, s, screen, columns_of(screen), 0 };

	add_whole(&f);
	add_caches(&f);
	add_items(&f);
	return f.rows;
}
