#include "format/build_log.h"

#include <stdio.h>
#include <string.h>

#include "base/json_read.h"
#include "base/limits.h"
#include "base/slice.h"

#define ESCAPE '\033'
/* Nix's ResultType of a progress. */
#define RESULT_PROGRESS 105
/* No log lasts longer than some 30 years: sums of times do not overflow. */
#define SECONDS_MAX  1000000000ULL
#define DELAY_MAX_MS (3600 * 1000)

void build_log_parser_init(struct build_log_parser *p)
{
	*p = (struct build_log_parser){ 0 };
	buf_init(&p->text, BUILD_LOG_LINE_MAX);
}

void build_log_parser_release(struct build_log_parser *p)
{
	json_read_close(p->line);
	buf_release(&p->text);
}

/* ---- text ---- */

/* Of "ESC [ 35 ; 1 m", what follows it. */
static struct nf_slice after_escape(struct nf_slice s)
{
	size_t i = 1;

	if (i == s.len || s.ptr[i] != '[')
		return nf_slice(s.ptr + 1, s.len - 1);
	for (i++; i < s.len && (s.ptr[i] < '@' || s.ptr[i] > '~'); i++)
		;
	i += i < s.len;
	return nf_slice(s.ptr + i, s.len - i);
}

static struct nf_slice without_colors(struct build_log_parser *p, struct nf_slice s)
{
	buf_clear(&p->text);
	while (s.len) {
		const char *esc = memchr(s.ptr, ESCAPE, s.len);
		size_t len = esc ? (size_t)(esc - s.ptr) : s.len;

		buf_add(&p->text, s.ptr, len);
		s = nf_slice(s.ptr + len, s.len - len);
		if (s.len)
			s = after_escape(s);
	}
	return buf_slice(&p->text);
}

bool build_log_cut_quoted(struct nf_slice *text, struct nf_slice *ret)
{
	struct nf_slice rest = *text, quoted;

	slice_cut(&rest, '\'');
	quoted = slice_cut(&rest, '\'');
	if (!rest.ptr)
		return false;
	*text = rest;
	*ret = quoted;
	return true;
}

/* What follows WORDS in S. */
static bool find_after(struct nf_slice s, const char *words, struct nf_slice *ret)
{
	size_t len = strlen(words);
	const char *at = s.len ? memmem(s.ptr, s.len, words, len) : NULL;

	if (!at)
		return false;
	at += len;
	*ret = nf_slice(at, s.len - (size_t)(at - s.ptr));
	return true;
}

/* ---- internal-json ---- */

static void read_result(const struct json_read *o, struct build_log_event *ret)
{
	uint64_t type;

	if (!json_read_number(o, "type", &type) || type != RESULT_PROGRESS)
		return;
	if (json_read_nth_number(o, "fields", 0, &ret->number[0]) &&
	    json_read_nth_number(o, "fields", 1, &ret->number[1]))
		ret->kind = BUILD_LOG_PROGRESS;
}

static void read_start(struct build_log_parser *p, struct build_log_event *ret)
{
	struct nf_slice text;

	ret->kind = BUILD_LOG_START;
	if (!json_read_number(p->line, "type", &ret->type))
		ret->kind = BUILD_LOG_BROKEN;
	json_read_number(p->line, "parent", &ret->parent);
	for (size_t i = 0; i < ARRAY_SIZE(ret->field); i++)
		json_read_nth_text(p->line, "fields", i, &ret->field[i]);
	if (json_read_text(p->line, "text", &text))
		ret->text = without_colors(p, text);
}

static void read_message(struct build_log_parser *p, struct build_log_event *ret)
{
	struct nf_slice text;

	if (!json_read_text(p->line, "msg", &text))
		return;
	ret->kind = BUILD_LOG_MESSAGE;
	ret->text = without_colors(p, text);
}

static void read_object(struct build_log_parser *p, struct nf_slice line,
			struct build_log_event *ret)
{
	struct nf_slice action;
	struct nf_err why;
	bool has_id;

	ret->kind = BUILD_LOG_BROKEN;
	if (json_read_open(&p->line, line, &why) ||
	    !json_read_text(p->line, "action", &action))
		return;
	ret->kind = BUILD_LOG_OTHER;
	json_read_number(p->line, "level", &ret->level);
	has_id = json_read_number(p->line, "id", &ret->id);
	if (nf_slice_is(action, "msg"))
		read_message(p, ret);
	else if (!has_id)
		ret->kind = BUILD_LOG_BROKEN;
	else if (nf_slice_is(action, "start"))
		read_start(p, ret);
	else if (nf_slice_is(action, "stop"))
		ret->kind = BUILD_LOG_STOP;
	else if (nf_slice_is(action, "result"))
		read_result(p->line, ret);
}

/* ---- plain lines ---- */

static void read_plain(struct build_log_parser *p, struct nf_slice line,
		       struct build_log_event *ret)
{
	struct nf_slice rest;

	ret->text = slice_trim(without_colors(p, line));
	ret->kind = BUILD_LOG_MESSAGE;
	rest = ret->text;
	if (slice_skip_prefix(&rest, "copying path ")) {
		if (build_log_cut_quoted(&rest, &ret->field[0]) &&
		    slice_skip_prefix(&rest, " from ") &&
		    build_log_cut_quoted(&rest, &ret->field[1]))
			ret->kind = BUILD_LOG_COPYING;
	} else if (slice_skip_prefix(&rest, "building ")) {
		if (build_log_cut_quoted(&rest, &ret->field[0]) &&
		    slice_ends_with(ret->field[0], ".drv"))
			ret->kind = BUILD_LOG_BUILDING;
	}
}

void build_log_parse(struct build_log_parser *p, struct nf_slice line,
		     struct build_log_event *ret)
{
	*ret = (struct build_log_event){ .kind = BUILD_LOG_OTHER };
	json_read_close(p->line);
	p->line = NULL;
	if (line.len > BUILD_LOG_LINE_MAX)
		return;
	if (slice_skip_prefix(&line, "@nix "))
		read_object(p, line, ret);
	else
		read_plain(p, line, ret);
}

/* ---- times ---- */

bool build_log_cut_time(struct nf_slice *line, uint64_t *ret_ms)
{
	struct nf_slice rest = *line;
	struct nf_slice fraction = slice_cut(&rest, ' ');
	struct nf_slice whole = slice_cut(&fraction, '.');
	uint64_t s, ms = 0;

	if (!rest.ptr || fraction.len != 3 || !slice_parse_u64(whole, &s) ||
	    s > SECONDS_MAX)
		return false;
	for (size_t i = 0; i < fraction.len; i++) {
		if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
			return false;
		ms = ms * 10 + (uint64_t)(fraction.ptr[i] - '0');
	}
	*ret_ms = s * 1000 + ms;
	*line = rest;
	return true;
}

char *build_log_stamp(char out[BUILD_LOG_STAMP_MAX], uint64_t ms)
{
	snprintf(out, BUILD_LOG_STAMP_MAX, "%llu.%03u ", (unsigned long long)(ms / 1000),
		 (unsigned)(ms % 1000));
	return out;
}

/* ---- messages ---- */

static void read_delay(struct nf_slice s, uint64_t *ret_ms)
{
	uint64_t ms;

	if (slice_parse_u64(slice_cut(&s, ' '), &ms) && ms <= DELAY_MAX_MS)
		*ret_ms = ms;
}

bool build_log_failure_in(struct nf_slice message, struct build_log_failure *ret)
{
	struct nf_slice rest, delay;

	*ret = (struct build_log_failure){ 0 };
	if (!find_after(message, "unable to download ", &rest) ||
	    !build_log_cut_quoted(&rest, &ret->url) || !slice_skip_prefix(&rest, ":"))
		return false;
	if (find_after(rest, "; retrying", &delay)) {
		ret->retries = true;
		ret->why = nf_slice(rest.ptr, (size_t)(delay.ptr - rest.ptr) -
						      strlen("; retrying"));
		if (find_after(delay, " in ", &delay))
			read_delay(delay, &ret->delay_ms);
	} else {
		ret->why = rest;
	}
	ret->why = slice_trim(ret->why);
	return true;
}

bool build_log_failed_build_in(struct nf_slice message, struct nf_slice *ret_drv)
{
	struct nf_slice rest;

	if (!find_after(message, "uilder for ", &rest) &&
	    !find_after(message, "annot build ", &rest))
		return false;
	return rest.len && rest.ptr[0] == '\'' && build_log_cut_quoted(&rest, ret_drv);
}
