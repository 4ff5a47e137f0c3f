#include "fault.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/slice.h"

#define FAULT_FILE_MAX 65536

struct fault {
	char *glob;
	const struct fault_kind *kind;
	char *arg;
	uint64_t count;
	uint64_t skip;
	uint64_t seen;
	bool watched;
};

struct faults {
	pthread_mutex_t lock;
	struct fault *list;
	size_t len;
	size_t cap;
	char *file;
	struct stat file_state;
};

/* Each parses its argument ("" if there is none) and says whether it is valid. */
struct fault_kind {
	const char *name;
	bool (*apply)(struct fault_effects *fx, const char *arg);
};

static bool number(const char *arg, uint64_t *ret)
{
	return slice_parse_u64(nf_slice_str(arg), ret);
}

static bool apply_status(struct fault_effects *fx, const char *arg)
{
	struct nf_slice rest = nf_slice_str(arg);
	uint64_t code;

	if (!slice_parse_u64(slice_cut(&rest, ':'), &code) || code < 200 || code > 599)
		return false;
	fx->status = (unsigned)code;
	free(fx->retry_after);
	fx->retry_after = rest.ptr ? mem_strndup(rest.ptr, rest.len) : NULL;
	return true;
}

static bool apply_stall(struct fault_effects *fx, const char *arg)
{
	struct nf_slice rest = nf_slice_str(arg);
	uint64_t seconds;

	if (!slice_parse_u64(slice_cut(&rest, ':'), &fx->stall))
		return false;
	fx->stall_ms = -1;
	if (!rest.ptr)
		return true;
	if (!slice_parse_u64(rest, &seconds) || seconds > 1000000)
		return false;
	fx->stall_ms = (int)seconds * 1000;
	return true;
}

static bool take_text(char **to, const char *arg)
{
	free(*to);
	*to = mem_strdup(arg);
	return arg[0] != '\0';
}

static bool apply_wrong_range(struct fault_effects *fx, const char *arg)
{
	bool all = arg[0] == '\0';

	fx->wrong_range = all;
	fx->wrong_start = all || strcmp(arg, "start") == 0;
	fx->wrong_end = all || strcmp(arg, "end") == 0;
	fx->wrong_total = all || strcmp(arg, "total") == 0;
	return fx->wrong_start || fx->wrong_end || fx->wrong_total;
}

static bool apply_redirect(struct fault_effects *fx, const char *arg)
{
	return take_text(&fx->location, arg);
}

static bool apply_encoding(struct fault_effects *fx, const char *arg)
{
	return take_text(&fx->encoding, arg);
}

static bool apply_body(struct fault_effects *fx, const char *arg)
{
	return take_text(&fx->body_file, arg);
}

#define NUMBER_KIND(field)                                                               \
	static bool apply_##field(struct fault_effects *fx, const char *arg)             \
	{                                                                                \
		return number(arg, &fx->field);                                          \
	}
NUMBER_KIND(truncate)
NUMBER_KIND(flip)
NUMBER_KIND(extra)
NUMBER_KIND(rate)
NUMBER_KIND(delay_ms)

#define SWITCH_KIND(field)                                                               \
	static bool apply_##field(struct fault_effects *fx, const char *arg)             \
	{                                                                                \
		fx->field = true;                                                        \
		return arg[0] == '\0';                                                   \
	}
SWITCH_KIND(refuse)
SWITCH_KIND(garbage)
SWITCH_KIND(shorter)
SWITCH_KIND(ignore_range)
SWITCH_KIND(no_ranges)
SWITCH_KIND(redirect_loop)
SWITCH_KIND(gzip)
SWITCH_KIND(as_range)
SWITCH_KIND(drop_etag)
SWITCH_KIND(change_etag)
SWITCH_KIND(chunked)

static const struct fault_kind kinds[] = {
	{ "status", apply_status },		  /* CODE[:RETRY-AFTER, or +SECONDS] */
	{ "refuse", apply_refuse },		  /* close without an answer */
	{ "truncate", apply_truncate },		  /* BYTES, then close */
	{ "garbage", apply_garbage },		  /* the same length, every byte wrong */
	{ "flip", apply_flip },			  /* OFFSET of one wrong byte */
	{ "short", apply_shorter },		  /* half of it, announced as all */
	{ "extra", apply_extra },		  /* N more bytes, announced */
	{ "stall", apply_stall },		  /* BYTES[:SECONDS], then nothing */
	{ "slow", apply_rate },			  /* BYTES per second */
	{ "ignore-range", apply_ignore_range },	  /* 200 to a range request */
	{ "wrong-range", apply_wrong_range },	  /* 206 for another range; or only
						     told wrong: start, end, total */
	{ "no-ranges", apply_no_ranges },	  /* as above, not announced either */
	{ "redirect", apply_redirect },		  /* URL; ending in '/': and the path */
	{ "redirect-loop", apply_redirect_loop }, /* to itself */
	{ "gzip", apply_gzip },			  /* Content-Encoding: gzip */
	{ "encoding", apply_encoding },		  /* announced, but not done */
	{ "as-range", apply_as_range },	      /* 206 with the whole file, unrequested */
	{ "body", apply_body },		      /* FILE's bytes instead */
	{ "drop-etag", apply_drop_etag },     /* none */
	{ "change-etag", apply_change_etag }, /* a different one each time */
	{ "chunked", apply_chunked },	      /* its length is not announced */
	{ "delay", apply_delay_ms },	      /* MS before the response */
};

static const struct fault_kind *find_kind(struct nf_slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (nf_slice_is(name, kinds[i].name))
			return &kinds[i];
	}
	return NULL;
}

static void effects_init(struct fault_effects *fx)
{
	*fx = (struct fault_effects){ .truncate = FAULT_NEVER,
				      .flip = FAULT_NEVER,
				      .stall = FAULT_NEVER };
}

void fault_effects_release(struct fault_effects *fx)
{
	free(fx->retry_after);
	free(fx->location);
	free(fx->body_file);
	free(fx->encoding);
	effects_init(fx);
}

struct faults *fault_table_new(void)
{
	struct faults *f = mem_calloc(1, sizeof(*f));

	pthread_mutex_init(&f->lock, NULL);
	return f;
}

static void fault_release(struct fault *fault)
{
	free(fault->glob);
	free(fault->arg);
}

void fault_table_free(struct faults *f)
{
	for (size_t i = 0; i < f->len; i++)
		fault_release(&f->list[i]);
	pthread_mutex_destroy(&f->lock);
	free(f->list);
	free(f->file);
	free(f);
}

/* Cuts a number after the last MARK off the end of *rest; without one *ret is
 * unchanged. */
static void cut_number(struct nf_slice *rest, char mark, uint64_t *ret)
{
	const char *at = rest->len ? memrchr(rest->ptr, mark, rest->len) : NULL;
	size_t before;

	if (!at)
		return;
	before = (size_t)(at - rest->ptr);
	if (slice_parse_u64(nf_slice(at + 1, rest->len - before - 1), ret))
		rest->len = before;
}

static int add_spec(struct faults *f, struct nf_slice spec, bool watched,
		    struct nf_err *err)
{
	struct fault fault = { .count = FAULT_NEVER, .watched = watched };
	struct nf_slice rest = spec, glob = slice_cut(&rest, '='), kind;
	struct fault_effects trial;
	bool understood;

	cut_number(&rest, '@', &fault.skip);
	cut_number(&rest, '*', &fault.count);
	kind = slice_cut(&rest, ':');
	fault.kind = find_kind(kind);
	if (!fault.kind)
		return err_set(err, NF_E_USAGE, "fault '%.*s': no such kind",
			       NF_SLICE_ARG(spec));
	fault.arg = mem_strndup(rest.ptr, rest.len);
	effects_init(&trial);
	understood = fault.kind->apply(&trial, fault.arg);
	fault_effects_release(&trial);
	if (!understood) {
		free(fault.arg);
		return err_set(err, NF_E_USAGE, "fault '%.*s': wrong argument",
			       NF_SLICE_ARG(spec));
	}
	fault.glob = mem_strndup(glob.ptr, glob.len);
	MEM_GROW(f->list, f->len, f->cap);
	f->list[f->len++] = fault;
	return 0;
}

int fault_table_add(struct faults *f, const char *spec, struct nf_err *err)
{
	return add_spec(f, nf_slice_str(spec), false, err);
}

void fault_table_watch(struct faults *f, const char *file)
{
	f->file = mem_strdup(file);
}

static void forget_watched(struct faults *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->len; i++) {
		if (!f->list[i].watched) {
			f->list[kept++] = f->list[i];
			continue;
		}
		fault_release(&f->list[i]);
	}
	f->len = kept;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int read_file(struct faults *f, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	struct nf_slice rest, line;
	int rc;

	buf_init(&text, FAULT_FILE_MAX);
	rc = file_read_at(AT_FDCWD, f->file, &text, err);
	rest = buf_slice(&text);
	while (rc == 0 && rest.len) {
		line = slice_trim(slice_cut(&rest, '\n'));
		if (line.len && line.ptr[0] != '#')
			rc = add_spec(f, line, true, err);
	}
	return rc;
}

static int reload(struct faults *f, struct nf_err *err)
{
	struct stat now;

	if (stat(f->file, &now))
		now = (struct stat){ 0 };
	if (same_state(&now, &f->file_state))
		return 0;
	f->file_state = now;
	forget_watched(f);
	return now.st_ino ? read_file(f, err) : 0;
}

static bool meets(struct fault *fault, const char *path)
{
	uint64_t nth;

	if (fnmatch(fault->glob, path, 0) != 0)
		return false;
	nth = fault->seen++;
	return nth >= fault->skip && nth - fault->skip < fault->count;
}

int fault_table_match(struct faults *f, const char *path, struct fault_effects *ret,
		      struct nf_err *err)
{
	int rc = 0;

	effects_init(ret);
	pthread_mutex_lock(&f->lock);
	if (f->file)
		rc = reload(f, err);
	for (size_t i = 0; rc == 0 && i < f->len; i++) {
		struct fault *fault = &f->list[i];

		if (meets(fault, path) && !fault->kind->apply(ret, fault->arg))
			rc = err_set(err, NF_E_SYS, "fault '%s' was accepted once",
				     fault->glob);
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}
