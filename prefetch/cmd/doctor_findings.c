#include "cmd/doctor_findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/slice.h"
#include "cmd/say.h"

#define TEXT_MAX 1024

static const char *const levels[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_NOTE] = "note",
	[DOCTOR_PROBLEM] = "problem",
};

void doctor_findings_release(struct doctor_findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].text);
		free(f->items[i].advice);
	}
	free(f->items);
	*f = (struct doctor_findings){ 0 };
}

static void add_finding(struct doctor_findings *f, struct doctor_finding finding,
			const char *advice, const char *text)
{
	finding.text = mem_strdup(text);
	finding.advice = advice ? mem_strdup(advice) : NULL;
	MEM_GROW(f->items, f->count, f->cap);
	f->items[f->count++] = finding;
}

void doctor_findings_ok(struct doctor_findings *f, const char *area, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add_finding(f, (struct doctor_finding){ .level = DOCTOR_OK, .area = area }, NULL,
		    text);
}

void doctor_findings_note(struct doctor_findings *f, const char *area, const char *advice,
			  const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add_finding(f, (struct doctor_finding){ .level = DOCTOR_NOTE, .area = area },
		    advice, text);
}

void doctor_findings_problem(struct doctor_findings *f, const char *area, int code,
			     const char *advice, const char *fmt, ...)
{
	const struct doctor_finding finding = { .level = DOCTOR_PROBLEM,
						.area = area,
						.code = code < 0 ? -code : code };
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add_finding(f, finding, advice, text);
}

/* Calls FN for each line of the advice. */
static void each_line(const char *advice, void (*fn)(void *ctx, struct nf_slice line),
		      void *ctx)
{
	struct nf_slice rest = nf_slice_str(advice ? advice : "");

	while (rest.len) {
		struct nf_slice line = slice_cut(&rest, '\n');

		fn(ctx, line);
	}
}

static void print_advice(void *ctx, struct nf_slice line)
{
	(void)ctx;
	say_line("%-9s%-10s%.*s", "", "", NF_SLICE_ARG(line));
}

void doctor_findings_print(const struct doctor_findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct doctor_finding *item = &f->items[i];

		say_line("%-9s%-10s%s", levels[item->level], item->area, item->text);
		each_line(item->advice, print_advice, NULL);
	}
}

static void add_advice(void *ctx, struct nf_slice line)
{
	json_add_slice(ctx, NULL, line);
}

void doctor_findings_add_json(const struct doctor_findings *f, struct json_doc *doc)
{
	json_begin_array(doc, "findings");
	for (size_t i = 0; i < f->count; i++) {
		const struct doctor_finding *item = &f->items[i];

		json_begin_object(doc, NULL);
		json_add_str(doc, "level", levels[item->level]);
		json_add_str(doc, "area", item->area);
		json_add_str(doc, "text", item->text);
		json_begin_array(doc, "advice");
		each_line(item->advice, add_advice, doc);
		json_end(doc);
		json_end(doc);
	}
	json_end(doc);
}

int doctor_findings_verdict(const struct doctor_findings *f, struct nf_err *err)
{
	const struct doctor_finding *worst = NULL;
	size_t count = 0;

	for (size_t i = 0; i < f->count; i++) {
		const struct doctor_finding *item = &f->items[i];

		if (item->level != DOCTOR_PROBLEM)
			continue;
		count++;
		if (!worst || err_gravity(item->code) > err_gravity(worst->code))
			worst = item;
	}
	if (!worst)
		return 0;
	return err_set(err, worst->code, "%zu %s, the gravest: %s: %s", count,
		       plural(count, "problem", "problems"), worst->area, worst->text);
}
