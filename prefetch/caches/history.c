#include "caches/history.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/home.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

/* Enough for HISTORY_CACHES_MAX entries of maximum length. */
#define FILE_MAX (256 * KIB)
/* Clocks of machines that share a home directory differ slightly. */
#define FUTURE_MAX_S 3600

void history_release(struct history *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->entries[i].url);
	free(p->entries);
	*p = (struct history)HISTORY_INIT;
}

/* ---- events ---- */

void history_answered(struct history_entry *e, int64_t now)
{
	e->answered = now;
	e->unreachable = false;
}

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

static void set_failure(struct history_entry *e, struct nf_slice text)
{
	struct nf_slice kept;
	size_t len = 0;

	for (size_t i = 0; i < text.len && len < sizeof(e->failure) - 1; i++)
		e->failure[len++] = text.ptr[i];
	for (size_t i = 0; i < len; i++)
		if (is_control(e->failure[i]))
			e->failure[i] = ' ';
	kept = slice_trim(nf_slice(e->failure, len));
	memmove(e->failure, kept.ptr, kept.len);
	e->failure[kept.len] = '\0';
}

void history_failed(struct history_entry *e, int64_t now, bool unreachable,
		    struct nf_slice text)
{
	e->failed = now;
	e->unreachable = unreachable;
	set_failure(e, text);
}

static uint64_t blend(uint64_t old, uint64_t new)
{
	if (old == 0 || new == 0)
		return old + new;
	return old / 2 + new / 2 + (old & new & 1);
}

void history_measured(struct history_entry *e, int64_t now, uint32_t latency_us,
		      uint64_t throughput)
{
	if (latency_us == 0 && throughput == 0)
		return;
	e->measured = now;
	e->latency_us = (uint32_t)blend(e->latency_us, latency_us);
	e->throughput = blend(e->throughput, throughput);
}

/* ---- entries ---- */

static struct history_entry *find_entry(const struct history *p, struct nf_slice url)
{
	for (size_t i = 0; i < p->count; i++)
		if (nf_slice_is(url, p->entries[i].url))
			return &p->entries[i];
	return NULL;
}

const struct history_entry *history_find(const struct history *p, const char *url)
{
	return find_entry(p, nf_slice_str(url));
}

static void drop(struct history *p, size_t i)
{
	free(p->entries[i].url);
	p->count--;
	memmove(&p->entries[i], &p->entries[i + 1],
		(p->count - i) * sizeof(p->entries[0]));
}

static int64_t heard_of(const struct history_entry *e)
{
	int64_t at = e->answered > e->failed ? e->answered : e->failed;

	return at > e->measured ? at : e->measured;
}

static void drop_oldest(struct history *p)
{
	size_t oldest = 0;

	for (size_t i = 1; i < p->count; i++)
		if (heard_of(&p->entries[i]) < heard_of(&p->entries[oldest]))
			oldest = i;
	drop(p, oldest);
}

static bool can_be_kept(struct nf_slice url)
{
	if (url.len == 0 || url.len > HISTORY_URL_MAX)
		return false;
	for (size_t i = 0; i < url.len; i++)
		if (is_control(url.ptr[i]) || url.ptr[i] == ' ')
			return false;
	return true;
}

/* NULL if a URL like this is not kept. */
static struct history_entry *find_or_add(struct history *p, struct nf_slice url)
{
	struct history_entry *e = find_entry(p, url);

	if (e || !can_be_kept(url))
		return e;
	if (p->count == HISTORY_CACHES_MAX)
		drop_oldest(p);
	MEM_GROW(p->entries, p->count, p->cap);
	e = &p->entries[p->count++];
	*e = (struct history_entry){ .url = mem_strndup(url.ptr, url.len) };
	return e;
}

void history_learn(struct history *p, const char *url,
		   const struct history_entry *learned)
{
	struct history_entry *e;

	if (heard_of(learned) == 0)
		return;
	e = find_or_add(p, nf_slice_str(url));
	if (!e)
		return;
	if (learned->answered)
		history_answered(e, learned->answered);
	if (learned->failed)
		history_failed(e, learned->failed, learned->unreachable,
			       nf_slice_str(learned->failure));
	history_measured(e, learned->measured, learned->latency_us, learned->throughput);
}

static bool is_fresh(int64_t then, int64_t now)
{
	return then > 0 && then >= now - HISTORY_AGE_MAX_S && then <= now + FUTURE_MAX_S;
}

static void expire(struct history_entry *e, int64_t now)
{
	if (!is_fresh(e->answered, now))
		e->answered = 0;
	if (!is_fresh(e->measured, now))
		e->measured = e->latency_us = e->throughput = 0;
	if (!is_fresh(e->failed, now)) {
		e->failed = 0;
		e->unreachable = false;
		e->failure[0] = '\0';
	}
}

void history_expire(struct history *p, int64_t now)
{
	for (size_t i = p->count; i > 0; i--) {
		expire(&p->entries[i - 1], now);
		if (heard_of(&p->entries[i - 1]) == 0)
			drop(p, i - 1);
	}
}

/* ---- decisions ---- */

bool history_is_down(const struct history_entry *e, int64_t now)
{
	return e && e->unreachable && e->failed >= now - HISTORY_DOWN_S &&
	       e->failed <= now + FUTURE_MAX_S;
}

int history_first_timeout_ms(const struct history_entry *e, int full_ms, int64_t now)
{
	int64_t ms = HISTORY_DOWN_TIMEOUT_MS;

	if (!history_is_down(e, now))
		return full_ms;
	if (4 * (int64_t)e->latency_us / 1000 > ms)
		ms = 4 * (int64_t)e->latency_us / 1000;
	return ms < full_ms ? (int)ms : full_ms;
}

/* ---- text ---- */

static int64_t to_time(uint64_t n)
{
	return n < INT64_MAX / 2 ? (int64_t)n : 0;
}

static void take_number(struct history_entry *e, struct nf_slice key, uint64_t n)
{
	if (nf_slice_is(key, "AnsweredAt"))
		e->answered = to_time(n);
	else if (nf_slice_is(key, "MeasuredAt"))
		e->measured = to_time(n);
	else if (nf_slice_is(key, "FailedAt"))
		e->failed = to_time(n);
	else if (nf_slice_is(key, "LatencyUs") && n <= UINT32_MAX)
		e->latency_us = (uint32_t)n;
	else if (nf_slice_is(key, "BytesPerSecond"))
		e->throughput = n;
	else if (nf_slice_is(key, "Unreachable"))
		e->unreachable = n == 1;
}

static void take_line(struct history_entry *e, struct nf_slice *url, struct nf_slice line)
{
	struct nf_slice value = line;
	struct nf_slice key = slice_cut(&value, ':');
	uint64_t n;

	value = slice_trim(value);
	if (nf_slice_is(key, "URL"))
		*url = value;
	else if (nf_slice_is(key, "Failure"))
		set_failure(e, value);
	else if (slice_parse_u64(value, &n))
		take_number(e, key, n);
}

/* Facts without their time are useless. */
static void straighten(struct history_entry *e)
{
	if (!e->failed) {
		e->unreachable = false;
		e->failure[0] = '\0';
	}
	if (!e->measured)
		e->latency_us = e->throughput = 0;
	else if (!e->latency_us && !e->throughput)
		e->measured = 0;
}

/* The first entry of a URL counts. */
static void take_entry(struct history *p, struct nf_slice url, struct history_entry *read)
{
	struct history_entry *e;

	straighten(read);
	if (find_entry(p, url) || p->count == HISTORY_CACHES_MAX || heard_of(read) == 0)
		return;
	e = find_or_add(p, url);
	if (!e)
		return;
	read->url = e->url;
	*e = *read;
}

void history_parse(struct history *p, struct nf_slice text)
{
	while (text.len) {
		struct history_entry read = { 0 };
		struct nf_slice url = { 0 }, line;

		while (text.len && (line = slice_cut(&text, '\n')).len)
			take_line(&read, &url, line);
		take_entry(p, url, &read);
	}
}

static void add_number(struct buf *out, const char *key, uint64_t n)
{
	if (n)
		buf_addf(out, "%s: %" PRIu64 "\n", key, n);
}

static void format_entry(struct buf *out, const struct history_entry *e)
{
	buf_addf(out, "URL: %s\n", e->url);
	add_number(out, "AnsweredAt", (uint64_t)e->answered);
	add_number(out, "MeasuredAt", (uint64_t)e->measured);
	add_number(out, "LatencyUs", e->latency_us);
	add_number(out, "BytesPerSecond", e->throughput);
	add_number(out, "FailedAt", (uint64_t)e->failed);
	if (e->failure[0])
		buf_addf(out, "Failure: %s\n", e->failure);
	add_number(out, "Unreachable", e->unreachable);
	buf_add_char(out, '\n');
}

char *history_format(const struct history *p)
{
	struct buf out;

	buf_init(&out, FILE_MAX);
	buf_add_str(&out, "");
	for (size_t i = 0; i < p->count; i++)
		format_entry(&out, &p->entries[i]);
	return buf_take(&out);
}

/* ---- the file ---- */

char *history_default_file(void)
{
	const char *state = getenv("XDG_STATE_HOME");
	AUTO_FREE char *home = home_dir();

	/* The XDG specification says to ignore a path that is not absolute. */
	if (state && state[0] == '/')
		return mem_printf("%s/nixferry/caches", state);
	if (home)
		return mem_printf("%s/.local/state/nixferry/caches", home);
	return NULL;
}

int history_load(struct history *p, const char *file, int64_t now, struct nf_err *err)
{
	AUTO_BUF struct buf text = { 0 };
	int rc;

	*p = (struct history)HISTORY_INIT;
	buf_init(&text, FILE_MAX);
	rc = file_read_at(AT_FDCWD, file, &text, err);
	if (rc == -NF_E_MISSING || rc == -NF_E_LIMIT)
		return 0;
	if (rc)
		return rc;
	history_parse(p, buf_slice(&text));
	history_expire(p, now);
	return 0;
}

int history_make_directory(const char *file, struct nf_err *err)
{
	const char *slash = strrchr(file, '/');
	AUTO_FREE char *dir = NULL;

	if (!slash || slash == file)
		return 0;
	dir = mem_strndup(file, (size_t)(slash - file));
	return file_mkdirs_at(AT_FDCWD, dir, err);
}

int history_save(const struct history *p, const char *file, struct nf_err *err)
{
	AUTO(atomic_file_discard) struct atomic_file f = ATOMIC_FILE_INIT;
	AUTO_FREE char *text = history_format(p);
	int rc;

	rc = history_make_directory(file, err);
	if (!rc)
		rc = atomic_file_open(&f, AT_FDCWD, file, 0600, err);
	if (!rc)
		rc = file_write_all(f.fd, text, strlen(text), file, err);
	/* If a power failure damages the file, only hints are lost. */
	return rc ? rc : atomic_file_commit_nosync(&f, err);
}
